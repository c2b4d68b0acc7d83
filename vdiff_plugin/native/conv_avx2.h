/* What the convolutions for AVX2 share. */
#ifndef VDIFF_CONV_AVX2_H
#define VDIFF_CONV_AVX2_H

#include "kernels.h"

#ifdef HAVE_AVX2
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 AVX2 inline __attribute__((always_inline))

static inline int may_use_avx2(void) {
  return kernels_level >= 1 && __builtin_cpu_supports("avx2");
}

/* See quick_avx2.c. */
void vdiff_quick_conv_avx2(const conv *c, int from, int to);

typedef struct {
  __m256i bias[3];
  __m256 unit[3], leak;
  __m256i low, high; /* of 16 channels */
  __m128i low_rest, high_rest;
} finish_avx2;

static INLINE_AVX2 void load_finish(const conv *c, int first, const int EIGHTS,
                                   finish_avx2 *f) {
  f->leak = _mm256_set1_ps(c->leak);
  for (int e = 0; e < EIGHTS; e++) {
    f->bias[e] = _mm256_loadu_si256((const __m256i *)(c->bias + first + 8 * e));
    f->unit[e] = _mm256_loadu_ps(c->unit + first + 8 * e);
  }
  f->low = _mm256_loadu_si256((const __m256i *)(c->low + first));
  f->high = _mm256_loadu_si256((const __m256i *)(c->high + first));
  if (EIGHTS == 2) return;
  f->low_rest = _mm_loadu_si128((const __m128i *)(c->low + first + 16));
  f->high_rest = _mm_loadu_si128((const __m128i *)(c->high + first + 16));
}

/* Eight channels, rounded half to even. */
static INLINE_AVX2 __m256i codes_avx2(const finish_avx2 *f, int eight, __m256i sum) {
  __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(sum, f->bias[eight])),
                           f->unit[eight]);
  return _mm256_cvtps_epi32(_mm256_max_ps(v, _mm256_mul_ps(v, f->leak)));
}

/* All channels (16 or 24) of one output; `step` from eight sums to the next. */
static INLINE_AVX2 void store_avx2(const finish_avx2 *f, const int EIGHTS, const __m256i *sums,
                                   int step, int16_t *out, const int16_t *skip) {
  __m256i c = _mm256_packs_epi32(codes_avx2(f, 0, sums[0]), codes_avx2(f, 1, sums[step]));
  c = _mm256_permute4x64_epi64(c, 0xd8);
  c = _mm256_min_epi16(_mm256_max_epi16(c, f->low), f->high);
  if (skip) {
    c = _mm256_add_epi16(c, _mm256_loadu_si256((const __m256i *)skip));
    c = _mm256_min_epi16(_mm256_max_epi16(c, f->low), f->high);
  }
  _mm256_storeu_si256((__m256i *)out, c);
  if (EIGHTS == 2) return;
  __m256i rest = codes_avx2(f, 2, sums[2 * step]);
  __m128i r = _mm_packs_epi32(_mm256_castsi256_si128(rest), _mm256_extracti128_si256(rest, 1));
  r = _mm_min_epi16(_mm_max_epi16(r, f->low_rest), f->high_rest);
  if (skip) {
    r = _mm_add_epi16(r, _mm_loadu_si128((const __m128i *)(skip + 16)));
    r = _mm_min_epi16(_mm_max_epi16(r, f->low_rest), f->high_rest);
  }
  _mm_storeu_si128((__m128i *)(out + 16), r);
}

/* Sums of a few outputs side by side. Variables rather than arrays, in functions of their
 * own: so GCC keeps all twelve sums in the sixteen registers. */
#define ZERO _mm256_setzero_si256()
#define ADD(sum, w) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(v, w))
#define VALUE(p, i) v = _mm256_set1_epi32(*(const pair_of_inputs *)((p) + (i)*step))

typedef int32_t __attribute__((may_alias, aligned(2))) pair_of_inputs;

#endif
#endif
