/* Doubling of pictures: see model/upscaler.py, builtin/interpolation.py and doubling.py. */
#include "kernels.h"

#define REACH 2 /* samples to both sides that a doubled sample is made of */
#define TAPS (2 * REACH + 1)

static inline int clamp(int v, int low, int high) {
  return v < low ? low : v > high ? high : v;
}

static inline int sample(const void *plane, int64_t at, int deep) {
  return deep ? ((const uint16_t *)plane)[at] : ((const uint8_t *)plane)[at];
}

static inline int16_t code(float v, int neutral) {
  return (int16_t)clamp((int)rintf(v) - neutral, -255, 255);
}

/* Six samples of a half-size position, four of luma, U and V. */
static inline void position(const picture *p, int deep, int y, int x, int out[6]) {
  for (int i = 0; i < 4; i++)
    out[i] = sample(p->luma, (2 * y + i / 2) * p->luma_row + 2 * x + i % 2, deep);
  for (int i = 0; i < 2; i++) out[4 + i] = sample(p->chroma, y * p->chroma_row + 2 * x + i, deep);
}

CLONES void vdiff_upscale_input(const picture *restored, int deep, float scale,
                                const picture *source, int source_deep, float source_scale,
                                int height, int width, int16_t *out, int64_t out_row,
                                int64_t out_pixel) {
  for (int y = 0; y < height / 2; y++) {
    int16_t *o = out + y * out_row;
    for (int x = 0; x < width / 2; x++, o += out_pixel) {
      int now[6], before[6];
      position(restored, deep, y, x, now);
      position(source, source_deep, y, x, before);
      int sum = now[0] + now[1] + now[2] + now[3];
      for (int i = 0; i < 4; i++) o[i] = code((float)(4 * now[i] - sum) * scale * 0.5f, 0);
      o[4] = code((float)sum * scale * 0.5f, 256);
      for (int i = 4; i < 6; i++) o[1 + i] = code((float)now[i] * scale * 2.0f, 256);
      for (int i = 0; i < 6; i++)
        o[7 + i] = code(((float)before[i] * source_scale - (float)now[i] * scale) * 8.0f, 0);
    }
  }
}

CLONES void vdiff_upscale_change(const int16_t *head, int64_t row, int64_t pixel, int height,
                                 int width, float *restrict luma, float *restrict chroma) {
  for (int y = 0; y < height; y++) {
    /* half-size row y/2 of the small picture; its upper or lower six channels by two */
    const int16_t *h = head + (y / 2) * row + (y % 2) * 12;
    float *first = luma + (int64_t)2 * y * 2 * width, *second = first + 2 * width;
    float *c = chroma + (int64_t)y * 2 * width;
    for (int x = 0; x < width / 2; x++, h += pixel)
      for (int j = 0; j < 2; j++) {
        const int16_t *v = h + 6 * j;
        int at = 4 * x + 2 * j;
        for (int i = 0; i < 2; i++) {
          first[at + i] = (float)v[i] * (1.0f / 64.0f);
          second[at + i] = (float)v[2 + i] * (1.0f / 64.0f);
          c[at + i] = (float)v[4 + i] * (1.0f / 64.0f);
        }
      }
  }
}

/* A row of the plane between its own rows, with its ends repeated. */
static inline void tall_row(const void *plane, int64_t row, int deep, int y, int height,
                            int width, const int32_t *restrict taps, int32_t *restrict out) {
  for (int x = 0; x < width; x++) out[REACH + x] = 0;
  for (int k = 0; k < TAPS; k++) {
    int64_t start = clamp(y + k - REACH, 0, height - 1) * row;
    int32_t tap = taps[k];
    if (deep) {
      const uint16_t *s = (const uint16_t *)plane + start;
      for (int x = 0; x < width; x++) out[REACH + x] += tap * s[x];
    } else {
      const uint8_t *s = (const uint8_t *)plane + start;
      for (int x = 0; x < width; x++) out[REACH + x] += tap * s[x];
    }
  }
  for (int i = 0; i < REACH; i++) {
    out[i] = out[REACH];
    out[REACH + width + i] = out[REACH + width - 1];
  }
}

CLONES void vdiff_upscale_plane(const void *plane, int64_t row, int deep, int height,
                                int width, const int32_t *down, const int32_t *across,
                                const float *change, int64_t change_row,
                                int64_t change_pixel, double unit, int peak, int out_height,
                                int out_width, void *out) {
  int32_t tall[width + 2 * REACH], wide[2 * width];
  double most = (double)peak;
  for (int y = 0; y < out_height; y++) {
    tall_row(plane, row, deep, y / 2, height, width, down + (y % 2) * TAPS, tall);
    for (int x = 0; x < width; x++) {
      int32_t even = 0, odd = 0;
      for (int k = 0; k < TAPS; k++) {
        even += across[k] * tall[x + k];
        odd += across[TAPS + k] * tall[x + k];
      }
      wide[2 * x] = even;
      wide[2 * x + 1] = odd;
    }
    const float *c = change + (change ? y * change_row : 0);
    uint8_t *to = (uint8_t *)out + (int64_t)y * out_width;
    uint16_t *to_deep = (uint16_t *)out + (int64_t)y * out_width;
    for (int x = 0; x < out_width; x++) {
      double v = (double)wide[x] * (1.0 / 16384.0);
      if (change) v += (double)c[x * change_pixel] * unit;
      v = rint(v);
      v = v < 0 ? 0 : v > most ? most : v;
      if (deep)
        to_deep[x] = (uint16_t)(int)v;
      else
        to[x] = (uint8_t)(int)v;
    }
  }
}
