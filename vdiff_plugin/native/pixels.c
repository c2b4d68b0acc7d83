/* Everything between the convolutions: see model/gates.py, diffusion.py and fusion.py,
 * whose float32 arithmetic these loops repeat step by step.
 */
#include "pixels_avx2.h"

#include <stdlib.h>
#include <string.h>

int kernels_level = 2;

/* Whether rows of `width` samples go through pixels_avx2.c. */
static inline int by_sixteen(int deep, float scale, int width) {
#ifdef HAVE_AVX2
  return !deep && scale == 1.0f && width % 16 == 0 && kernels_level >= 1 &&
         __builtin_cpu_supports("avx2");
#else
  return deep && scale && width && 0;
#endif
}

static inline int round_even(float v) { return (int)rintf(v); }

static inline int clamp(int v, int low, int high) {
  return v < low ? low : v > high ? high : v;
}

/* `count` samples of a row as 32-bit numbers. */
static inline void load_row(const void *plane, int64_t start, int deep, int count,
                            int32_t *restrict out) {
  if (deep) {
    const uint16_t *s = (const uint16_t *)plane + start;
    for (int i = 0; i < count; i++) out[i] = s[i];
  } else {
    const uint8_t *s = (const uint8_t *)plane + start;
    for (int i = 0; i < count; i++) out[i] = s[i];
  }
}

CLONES void vdiff_feature_input(const picture *p, int deep, float scale, int height,
                                int width, int16_t *out, int64_t out_row,
                                int64_t out_pixel) {
  int32_t row[width];
  for (int y = 0; y < height + height / 2; y++) {
    int chroma = y >= height, line = chroma ? y - height : y;
    load_row(chroma ? p->chroma : p->luma, line * (chroma ? p->chroma_row : p->luma_row),
             deep, width, row);
    for (int i = 0; i < width; i++) row[i] = clamp(round_even(row[i] * scale), 0, 255) - 128;
    int16_t *o = out + (chroma ? line / 2 : line / 4) * out_row;
    /* channel (row, column of the half-size position) * 6 + luma phase or chroma */
    int first = chroma ? (line % 2) * 12 + 4 : (line / 2 % 2) * 12 + (line % 2) * 2;
    for (int x = 0; x < width / 4; x++, o += out_pixel) {
      o[first] = (int16_t)row[4 * x];
      o[first + 1] = (int16_t)row[4 * x + 1];
      o[first + 6] = (int16_t)row[4 * x + 2];
      o[first + 7] = (int16_t)row[4 * x + 3];
    }
  }
}

/* |difference| of two rows in quarter codes, at most 255, added to `sums`. */
static inline void add_change_8(const uint8_t *restrict a, const uint8_t *restrict b,
                                int count, int16_t *restrict sums) {
  for (int i = 0; i < count; i++) {
    int v = 4 * abs(a[i] - b[i]);
    sums[i] = (int16_t)(sums[i] + (v > 255 ? 255 : v));
  }
}

static inline void add_change_16(const uint16_t *restrict a, const uint16_t *restrict b,
                                 int count, float scale, int16_t *restrict sums) {
  for (int i = 0; i < count; i++) {
    int v = round_even((float)abs(a[i] - b[i]) * scale * 4.0f);
    sums[i] = (int16_t)(sums[i] + (v > 255 ? 255 : v));
  }
}

static inline void add_change(const picture *a, const picture *b, int chroma, int line,
                              int deep, float scale, int width, int16_t *sums) {
  const void *left = chroma ? a->chroma : a->luma, *right = chroma ? b->chroma : b->luma;
  int64_t i = line * (chroma ? a->chroma_row : a->luma_row);
  int64_t j = line * (chroma ? b->chroma_row : b->luma_row);
  if (deep)
    add_change_16((const uint16_t *)left + i, (const uint16_t *)right + j, width, scale, sums);
  else
    add_change_8((const uint8_t *)left + i, (const uint8_t *)right + j, width, sums);
}

/* |difference| of `count` positions' features, a multiple of 8 channels each. */
static inline void feature_change(const uint8_t *restrict a, const uint8_t *restrict b,
                                  int count, int channels, int16_t *restrict out,
                                  int64_t out_pixel) {
  for (int x = 0; x < count; x++, out += out_pixel)
    for (int c = 0; c < channels; c += 8, a += 8, b += 8)
      for (int i = 0; i < 8; i++) out[c + i] = (int16_t)abs(a[i] - b[i]);
}

/* A quarter of four luma sums (half of two chroma ones), rounded half to even. */
static inline void coarse_change(const int16_t *restrict sums, int chroma, int count,
                                 int16_t *restrict out, int64_t out_pixel) {
  int shift = chroma ? 1 : 2, half = 1 << (shift - 1);
  for (int x = 0; x < count; x++, sums += 4, out += out_pixel) {
    int left = sums[0] + sums[1], right = sums[2] + sums[3];
    out[0] = (int16_t)((left + half - 1 + ((left >> shift) & 1)) >> shift);
    out[2] = (int16_t)((right + half - 1 + ((right >> shift) & 1)) >> shift);
  }
}

CLONES void vdiff_change_rows(const change *c, int from, int to) {
  int width = c->width;
  int16_t sums[width];
  for (int y = from; y < to; y++) {
    int16_t *o = c->out + y * c->out_row;
#ifdef HAVE_AVX2
    if (by_sixteen(c->deep, c->scale, width) && c->channels % 16 == 0) {
      vdiff_feature_change_avx2(c->features + y * c->features_row,
                                c->other_features + y * c->other_features_row, width / 4,
                                c->channels, o, c->out_pixel);
      vdiff_coarse_row_avx2(c, y, o + c->channels);
      continue;
    }
#endif
    feature_change(c->features + y * c->features_row,
                   c->other_features + y * c->other_features_row, width / 4, c->channels, o,
                   c->out_pixel);
    for (int part = 0; part < 4; part++) {
      int half = part / 2, chroma = part % 2, line = 2 * y + half;
      for (int i = 0; i < width; i++) sums[i] = 0;
      for (int k = 0; k < (chroma ? 1 : 2); k++)
        add_change(&c->centre, &c->other, chroma, chroma ? line : 2 * line + k, c->deep,
                   c->scale, width, sums);
      coarse_change(sums, chroma, width / 4, o + c->channels + 4 * half + chroma,
                    c->out_pixel);
    }
  }
}

static inline float inverse_of(int total) { return rintf(65536.0f / (float)(total + 128)); }

/* Gates of one half-size row and what they make of the average, for luma and for chroma:
 * each twice, as a row of luma or of U and V has them. */
typedef struct {
  int16_t *gates;  /* [count][width] */
  float *inverse;  /* [width] */
} weights;

static inline void twice(const int16_t *restrict from, int count, int16_t *restrict to) {
  for (int x = 0; x < count; x++) to[2 * x] = to[2 * x + 1] = from[x];
}

static inline void spread_gates(const diffusion *d, int line, const weights both[2]) {
  int width = d->width, half = width / 2;
  int16_t four[width], part[half], total[half];
  float inverse[half];
  for (int chroma = 0; chroma < 2; chroma++) {
    for (int x = 0; x < half; x++) total[x] = 0;
    for (int k = 0; k < d->count; k++) {
      const int16_t *g = d->gates[k] + (line / 2) * d->gates_row + (line % 2) * 4;
      for (int x = 0; x < width / 4; x++) memcpy(four + 4 * x, g + x * d->gates_pixel, 8);
      for (int x = 0; x < half; x++) part[x] = four[2 * x + chroma];
      for (int x = 0; x < half; x++) total[x] = (int16_t)(total[x] + part[x]);
      twice(part, half, both[chroma].gates + (int64_t)k * width);
    }
    for (int x = 0; x < half; x++) inverse[x] = inverse_of(total[x]);
    for (int x = 0; x < half; x++)
      both[chroma].inverse[2 * x] = both[chroma].inverse[2 * x + 1] = inverse[x];
    int16_t *share = d->pixels + line * d->pixels_row + 12 + chroma;
    for (int x = 0; x < half; x++)
      share[x * d->pixels_pixel] = (int16_t)round_even(inverse[x] * (-255.0f / 512.0f) + 255.0f);
  }
}

/* One row of samples: its gain and the average, both in 1/64 codes. */
static inline void average_row(const diffusion *d, int chroma, int line,
                               const int16_t *restrict gates, const float *restrict inverse,
                               int16_t *restrict gain, int16_t *restrict average) {
  int width = d->width;
  int32_t own[width], other[width], sum[width];
  const picture *c = &d->centre;
  load_row(chroma ? c->chroma : c->luma, line * (chroma ? c->chroma_row : c->luma_row),
           d->deep, width, own);
  for (int i = 0; i < width; i++) sum[i] = 0;
  for (int k = 0; k < d->count; k++) {
    const picture *p = &d->others[k];
    const int16_t *restrict g = gates + (int64_t)k * width;
    load_row(chroma ? p->chroma : p->luma, line * (chroma ? p->chroma_row : p->luma_row),
             d->deep, width, other);
    for (int i = 0; i < width; i++) sum[i] += (other[i] - own[i]) * g[i];
  }
  float unit = d->scale / 1024.0f; /* of 2**16, to 1/64 codes */
  int whole = (int)(64.0f * d->scale);
  for (int i = 0; i < width; i++) {
    int v = clamp(round_even((float)sum[i] * inverse[i] * unit), -16320, 16320);
    gain[i] = (int16_t)v;
    average[i] = (int16_t)clamp(own[i] * whole + v, 0, 16320);
  }
}

/* Trunk input of one row of samples; `first` and `place` say which of the six it holds. */
static inline void detail_row(const diffusion *d, const int16_t *restrict means,
                              const int16_t *restrict gain, int16_t *restrict average,
                              int16_t *restrict to, int first) {
  int width = d->width;
  int16_t fine[width], deviation[width];
  for (int i = 0; i < width; i++) {
    int v = average[i] - means[i];
    average[i] = (int16_t)v; /* from here on it is the detail */
    fine[i] = (int16_t)clamp(round_even((float)v / 64.0f), -255, 255);
    deviation[i] = (int16_t)clamp(round_even((float)gain[i] / -32.0f), -255, 255);
  }
  for (int x = 0; x < width / 2; x++) {
    int16_t *o = to + x * d->pixels_pixel + first;
    o[0] = fine[2 * x];
    o[1] = fine[2 * x + 1];
    o[6] = deviation[2 * x];
    o[7] = deviation[2 * x + 1];
  }
}

/* Means over 4x4 luma samples (or 2x2 of U and of V) in whole codes: as numbers about 0 for
 * the trunk, and in 1/64 codes at each sample. */
static inline void mean_rows(const diffusion *d, int y, int16_t *restrict luma_means,
                             int16_t *restrict chroma_means) {
  int width = d->width;
  int32_t luma[width], chroma[width];
  const int16_t *restrict a = d->detail + (int64_t)4 * y * width;
  const int16_t *restrict b = d->detail + ((int64_t)d->height + 2 * y) * width;
  for (int i = 0; i < width; i++) {
    luma[i] = a[i] + a[width + i] + a[2 * width + i] + a[3 * width + i];
    chroma[i] = b[i] + b[width + i];
  }
  int16_t *o = d->extra + y * d->extra_row;
  for (int x = 0; x < width / 4; x++, o += d->extra_pixel) {
    const int32_t *l = luma + 4 * x, *c = chroma + 4 * x;
    int my = round_even((float)(l[0] + l[1] + l[2] + l[3]) / 1024.0f);
    int mu = round_even((float)(c[0] + c[2]) / 256.0f);
    int mv = round_even((float)(c[1] + c[3]) / 256.0f);
    o[0] = (int16_t)(my - 128);
    o[1] = (int16_t)(mu - 128);
    o[2] = (int16_t)(mv - 128);
    for (int i = 0; i < 4; i++) {
      luma_means[4 * x + i] = (int16_t)(64 * my);
      chroma_means[4 * x + i] = (int16_t)(64 * (i % 2 ? mv : mu));
    }
  }
}

/* Eight channels of one position. */
static inline void average_8(const uint8_t *own, const uint8_t *const *others,
                             const int16_t *gates, int count, int c, float inverse,
                             int16_t *out) {
  int32_t sum[8] = {0};
  for (int k = 0; k < count; k++)
    for (int i = 0; i < 8; i++) sum[i] += (others[k][c + i] - own[c + i]) * gates[k];
  for (int i = 0; i < 8; i++) {
    int v = clamp(round_even((float)sum[i] * inverse * (1.0f / 65536.0f)), -255, 255);
    out[c + i] = (int16_t)clamp(own[c + i] + v, 0, 255);
  }
}

/* One row of averaged features, a multiple of 8 channels. */
static inline void average_features(const diffusion *d, int y) {
  int channels = d->channels;
  const uint8_t *own = d->features + y * d->features_row;
  int16_t *o = d->extra + y * d->extra_row + 3;
  for (int x = 0; x < d->width / 4; x++, own += channels, o += d->extra_pixel) {
    int16_t gates[8];
    int total = 0;
    const uint8_t *others[8];
    for (int k = 0; k < d->count; k++) {
      gates[k] = d->gates[k][y * d->gates_row + x * d->gates_pixel + 8];
      others[k] = d->other_features[k] + y * d->other_features_row[k] + x * channels;
      total += gates[k];
    }
    float inverse = inverse_of(total);
    for (int c = 0; c < channels; c += 8) average_8(own, others, gates, d->count, c, inverse, o);
  }
}

#ifdef HAVE_AVX2
static inline void diffuse_row_avx2(const diffusion *d, int y, int16_t *luma_means,
                                    int16_t *chroma_means, int32_t *share) {
  for (int half = 0; half < 2; half++)
    vdiff_average_line_avx2(d, 2 * y + half, share + half * d->width / 2);
  mean_rows(d, y, luma_means, chroma_means);
  for (int half = 0; half < 2; half++)
    vdiff_detail_line_avx2(d, 2 * y + half, luma_means, chroma_means,
                           share + half * d->width / 2);
  vdiff_average_features_avx2(d, y);
}
#endif

CLONES void vdiff_diffuse_rows(const diffusion *d, int from, int to) {
  int width = d->width;
  int16_t gates[16 * (int64_t)width], luma_means[width], chroma_means[width];
  float inverse[2 * (int64_t)width];
#ifdef HAVE_AVX2
  if (by_sixteen(d->deep, d->scale, width) && d->channels % 16 == 0) {
    int32_t share[width];
    for (int y = from; y < to; y++) diffuse_row_avx2(d, y, luma_means, chroma_means, share);
    return;
  }
#endif
  const weights both[2] = {{gates, inverse}, {gates + 8 * (int64_t)width, inverse + width}};
  for (int y = from; y < to; y++) {
    for (int half = 0; half < 2; half++) {
      int line = 2 * y + half;
      int64_t chroma_start = ((int64_t)d->height + line) * width;
      spread_gates(d, line, both);
      for (int k = 0; k < 2; k++)
        average_row(d, 0, 2 * line + k, gates, inverse,
                    d->gain + ((int64_t)2 * line + k) * width,
                    d->detail + ((int64_t)2 * line + k) * width);
      average_row(d, 1, line, both[1].gates, both[1].inverse, d->gain + chroma_start,
                  d->detail + chroma_start);
    }
    mean_rows(d, y, luma_means, chroma_means);
    for (int half = 0; half < 2; half++) {
      int line = 2 * y + half;
      int16_t *to = d->pixels + line * d->pixels_row;
      int64_t chroma_start = ((int64_t)d->height + line) * width;
      for (int k = 0; k < 2; k++) {
        int64_t start = ((int64_t)2 * line + k) * width;
        detail_row(d, luma_means, d->gain + start, d->detail + start, to, 2 * k);
      }
      detail_row(d, chroma_means, d->gain + chroma_start, d->detail + chroma_start, to, 4);
    }
    average_features(d, y);
  }
}

/* One row of samples of the result; the head holds its six residuals and shrinkages. */
static inline void finish_row(const diffusion *d, int64_t start, const int16_t *head,
                              int64_t head_pixel, int first, float *restrict out) {
  const int16_t *restrict gain = d->gain + start, *restrict detail = d->detail + start;
  for (int x = 0; x < d->width / 2; x++) {
    const int16_t *h = head + x * head_pixel + first;
    for (int i = 0; i < 2; i++) {
      int whole = (gain[2 * x + i] + h[i]) * 256 - h[6 + i] * detail[2 * x + i];
      out[2 * x + i] = (float)whole * (1.0f / 16384.0f);
    }
  }
}

CLONES void vdiff_finish_rows(const ending *e, int from, int to) {
  const diffusion *d = e->diffusion;
  for (int line = from; line < to; line++) {
#ifdef HAVE_AVX2
    if (by_sixteen(0, 1.0f, d->width)) {
      vdiff_finish_line_avx2(e, line);
      continue;
    }
#endif
    const int16_t *h = e->head + line * e->head_row;
    for (int k = 0; k < 2; k++) {
      int64_t start = ((int64_t)2 * line + k) * d->width;
      finish_row(d, start, h, e->head_pixel, 2 * k, e->luma + start);
    }
    finish_row(d, ((int64_t)d->height + line) * d->width, h, e->head_pixel, 4,
               e->chroma + (int64_t)line * d->width);
  }
}
