/* Convolutions of whole numbers: 16-bit values times 16-bit weights, summed in 32 bits.
 *
 * Values are hidden values of a network (see model/ops.py), so sums stay below 2**24 and
 * are exact; scaling, rounding and clipping then happen in float32, each step exact or
 * rounded half to even as the other backends do.
 */
#include "conv_avx2.h"
#include "conv_avx512.h"

#define MOST 24 /* output channels that are made at once, at most */

typedef struct {
  const int16_t *in; /* top left tap of the row's first output */
  int64_t in_step;   /* from output to output */
  const int16_t *weights;
  const int32_t *offsets; /* of each pair of inputs that a sum takes, in one list: a loop in
                             a loop in a loop would mispredict its ends all the time */
  int count;
} taps;

static inline __attribute__((always_inline)) void
store_plain(const conv *c, const int32_t sum[MOST], int first, int16_t *out,
            const int16_t *skip) {
  for (int i = 0; i < c->ways; i++) {
    float v = (float)(sum[i] + c->bias[first + i]) * c->unit[first + i];
    float low = v * c->leak;
    float r = rintf(v > low ? v : low);
    int lo = c->low[first + i], hi = c->high[first + i];
    int code = r < (float)lo ? lo : r > (float)hi ? hi : (int)r;
    if (skip) {
      code += skip[i];
      code = code < lo ? lo : code > hi ? hi : code;
    }
    out[i] = (int16_t)code;
  }
}

static void row_plain(const conv *c, const taps *t, int first, int16_t *out,
                      const int16_t *skip) {
  for (int x = 0; x < c->width; x++) {
    int32_t sum[MOST] = {0};
    const int16_t *w = t->weights;
    for (int n = 0; n < t->count; n++, w += 2 * c->ways) {
      const int16_t *p = t->in + x * t->in_step + t->offsets[n];
      for (int i = 0; i < c->ways; i++) sum[i] += p[0] * w[2 * i] + p[1] * w[2 * i + 1];
    }
    store_plain(c, sum, first, out + x * c->out_pixel,
                skip ? skip + x * c->skip_pixel : 0);
  }
}

#ifdef HAVE_AVX2
static AVX2 __attribute__((noinline)) void add_6x2(const taps *t, const int16_t *in,
                                                   __m256i *out) {
  __m256i a0 = ZERO, a1 = ZERO, a2 = ZERO, a3 = ZERO, a4 = ZERO, a5 = ZERO;
  __m256i b0 = ZERO, b1 = ZERO, b2 = ZERO, b3 = ZERO, b4 = ZERO, b5 = ZERO;
  const __m256i *w = (const __m256i *)t->weights;
  const int32_t *offset = t->offsets, *end = offset + t->count;
  int64_t step = t->in_step;
  for (; offset < end; offset++, w += 2) {
    const int16_t *p = in + *offset;
    __m256i v, wa = w[0], wb = w[1];
    VALUE(p, 0), ADD(a0, wa), ADD(b0, wb);
    VALUE(p, 1), ADD(a1, wa), ADD(b1, wb);
    VALUE(p, 2), ADD(a2, wa), ADD(b2, wb);
    VALUE(p, 3), ADD(a3, wa), ADD(b3, wb);
    VALUE(p, 4), ADD(a4, wa), ADD(b4, wb);
    VALUE(p, 5), ADD(a5, wa), ADD(b5, wb);
  }
  out[0] = a0, out[1] = b0, out[2] = a1, out[3] = b1, out[4] = a2, out[5] = b2;
  out[6] = a3, out[7] = b3, out[8] = a4, out[9] = b4, out[10] = a5, out[11] = b5;
}

static AVX2 __attribute__((noinline)) void add_4x3(const taps *t, const int16_t *in,
                                                   __m256i *out) {
  __m256i a0 = ZERO, a1 = ZERO, a2 = ZERO, a3 = ZERO, b0 = ZERO, b1 = ZERO, b2 = ZERO;
  __m256i b3 = ZERO, c0 = ZERO, c1 = ZERO, c2 = ZERO, c3 = ZERO;
  const __m256i *w = (const __m256i *)t->weights;
  const int32_t *offset = t->offsets, *end = offset + t->count;
  int64_t step = t->in_step;
  for (; offset < end; offset++, w += 3) {
    const int16_t *p = in + *offset;
    __m256i v, wa = w[0], wb = w[1];
    VALUE(p, 0), ADD(a0, wa), ADD(b0, wb), ADD(c0, w[2]);
    VALUE(p, 1), ADD(a1, wa), ADD(b1, wb), ADD(c1, w[2]);
    VALUE(p, 2), ADD(a2, wa), ADD(b2, wb), ADD(c2, w[2]);
    VALUE(p, 3), ADD(a3, wa), ADD(b3, wb), ADD(c3, w[2]);
  }
  out[0] = a0, out[1] = b0, out[2] = c0, out[3] = a1, out[4] = b1, out[5] = c1;
  out[6] = a2, out[7] = b2, out[8] = c2, out[9] = a3, out[10] = b3, out[11] = c3;
}

static AVX2 __attribute__((noinline)) void add_1x2(const taps *t, const int16_t *in,
                                                   __m256i *out) {
  __m256i a = ZERO, b = ZERO, v;
  const __m256i *w = (const __m256i *)t->weights;
  int64_t step = 0;
  for (int n = 0; n < t->count; n++, w += 2) {
    const int16_t *p = in + t->offsets[n];
    VALUE(p, 0), ADD(a, w[0]), ADD(b, w[1]);
  }
  out[0] = a, out[1] = b;
}

static AVX2 __attribute__((noinline)) void add_1x3(const taps *t, const int16_t *in,
                                                   __m256i *out) {
  __m256i a = ZERO, b = ZERO, c = ZERO, v;
  const __m256i *w = (const __m256i *)t->weights;
  int64_t step = 0;
  for (int n = 0; n < t->count; n++, w += 3) {
    const int16_t *p = in + t->offsets[n];
    VALUE(p, 0), ADD(a, w[0]), ADD(b, w[1]), ADD(c, w[2]);
  }
  out[0] = a, out[1] = b, out[2] = c;
}

typedef void add_function(const taps *, const int16_t *, __m256i *);

static INLINE_AVX2 void line_avx2(const conv *c, const taps *t, int first, int16_t *out,
                                  const int16_t *skip, const int EIGHTS,
                                  add_function *add_many, const int MANY,
                                  add_function *add_one) {
  finish_avx2 f;
  load_finish(c, first, EIGHTS, &f);
  __m256i sums[12];
  for (int x = 0; x < c->width;) {
    int count = x + MANY <= c->width ? MANY : 1;
    (count == 1 ? add_one : add_many)(t, t->in + x * t->in_step, sums);
    for (int i = 0; i < count; i++, x++)
      store_avx2(&f, EIGHTS, sums + EIGHTS * i, 1, out + x * c->out_pixel,
                 skip ? skip + x * c->skip_pixel : 0);
  }
}

static AVX2 void row_avx2(const conv *c, const taps *t, int first, int16_t *out,
                          const int16_t *skip) {
  if (c->ways == 16)
    line_avx2(c, t, first, out, skip, 2, add_6x2, 6, add_1x2);
  else
    line_avx2(c, t, first, out, skip, 3, add_4x3, 4, add_1x3);
}
#endif

#ifdef HAVE_AVX512
#define SIDE 12 /* outputs that are made side by side */

static AVX512 __attribute__((noinline)) void add_12(const taps *t, const int16_t *in,
                                                    __m512i *out) {
  __m512i s0 = NONE, s1 = NONE, s2 = NONE, s3 = NONE, s4 = NONE, s5 = NONE, s6 = NONE;
  __m512i s7 = NONE, s8 = NONE, s9 = NONE, s10 = NONE, s11 = NONE;
  const __m512i *w = (const __m512i *)t->weights;
  const int32_t *offset = t->offsets, *end = offset + t->count;
  int64_t step = t->in_step;
  for (; offset < end; offset++, w++) {
    const int16_t *p = in + *offset;
    __m512i weights = *w;
#define SUM(i) s##i = _mm512_dpwssd_epi32(s##i, weights, PAIR(p + (i)*step))
    SUM(0), SUM(1), SUM(2), SUM(3), SUM(4), SUM(5);
    SUM(6), SUM(7), SUM(8), SUM(9), SUM(10), SUM(11);
#undef SUM
  }
  out[0] = s0, out[1] = s1, out[2] = s2, out[3] = s3, out[4] = s4, out[5] = s5, out[6] = s6;
  out[7] = s7, out[8] = s8, out[9] = s9, out[10] = s10, out[11] = s11;
}

/* Of at least SIDE outputs and 16 filters. */
static AVX512 void row_avx512(const conv *c, const taps *t, int first, int16_t *out,
                              const int16_t *skip) {
  finish_avx512 f = load_finish_avx512(c, first);
  __m512i sums[SIDE];
  for (int done = 0; done < c->width; done += SIDE) {
    /* The last outputs are made twice where they do not fill a step. */
    int x = done + SIDE <= c->width ? done : c->width - SIDE;
    add_12(t, t->in + x * t->in_step, sums);
    for (int i = 0; i < SIDE; i++, x++)
      store_avx512(&f, sums[i], out + x * c->out_pixel, skip ? skip + x * c->skip_pixel : 0);
  }
}
#endif

typedef void row_function(const conv *, const taps *, int, int16_t *, const int16_t *);

static row_function *best_row(const conv *c) {
#ifdef HAVE_AVX512
  if (may_use_avx512() && c->ways == 16 && c->width >= SIDE) return row_avx512;
#endif
#ifdef HAVE_AVX2
  if (may_use_avx2()) return row_avx2;
#endif
  (void)c;
  return row_plain;
}

void vdiff_conv(const conv *c) { vdiff_conv_rows(c, 0, c->height); }

void vdiff_conv_rows(const conv *c, int from, int to) {
#ifdef HAVE_AVX512
  if (c->quick && may_use_avx512() && vdiff_quick_conv_avx512(c, from, to)) return;
#endif
#ifdef HAVE_AVX2
  if (c->quick && may_use_avx2()) {
    vdiff_quick_conv_avx2(c, from, to);
    return;
  }
#endif
  row_function *row = best_row(c);
  int count = c->kernel * c->kernel * c->pairs;
  int32_t offsets[count], *o = offsets;
  for (int ky = 0; ky < c->kernel; ky++)
    for (int kx = 0; kx < c->kernel; kx++)
      for (int pair = 0; pair < c->pairs; pair++)
        *o++ = (int32_t)(ky * c->in_row + kx * c->in_pixel + 2 * pair);
  for (int y = from; y < to; y++) {
    taps t = {c->in + y * c->stride * c->in_row, c->stride * c->in_pixel, c->weights, offsets,
              count};
    for (int first = 0; first < c->filters; first += c->ways) {
      row(c, &t, first, c->out + y * c->out_row + first,
          c->skip ? c->skip + y * c->skip_row + first : 0);
      t.weights += (int64_t)count * 2 * c->ways;
    }
  }
}
