/* What the convolutions for AVX-512 share. */
#ifndef VDIFF_CONV_AVX512_H
#define VDIFF_CONV_AVX512_H

#include "kernels.h"

#ifdef HAVE_AVX2
#define HAVE_AVX512
#include <immintrin.h>
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define INLINE_AVX512 AVX512 inline __attribute__((always_inline))
#define NONE _mm512_setzero_si512()
#define PAIR(p) _mm512_set1_epi32(*(const pair_of_inputs512 *)(p))

typedef int32_t __attribute__((may_alias, aligned(2))) pair_of_inputs512;

/* See quick_avx512.c. Returns 0 where it cannot make a convolution. */
int vdiff_quick_conv_avx512(const conv *c, int from, int to);

static inline int may_use_avx512(void) {
  return kernels_level >= 2 && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}

typedef struct {
  __m512i bias;
  __m512 unit, leak;
  __m256i low, high;
} finish_avx512;

static INLINE_AVX512 finish_avx512 load_finish_avx512(const conv *c, int first) {
  finish_avx512 f = {_mm512_loadu_si512(c->bias + first), _mm512_loadu_ps(c->unit + first),
                     _mm512_set1_ps(c->leak),
                     _mm256_loadu_si256((const __m256i *)(c->low + first)),
                     _mm256_loadu_si256((const __m256i *)(c->high + first))};
  return f;
}

/* Sixteen channels of one output, rounded half to even. */
static INLINE_AVX512 void store_avx512(const finish_avx512 *f, __m512i sum, int16_t *out,
                                       const int16_t *skip) {
  __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(sum, f->bias)), f->unit);
  __m512i r = _mm512_cvtps_epi32(_mm512_max_ps(v, _mm512_mul_ps(v, f->leak)));
  __m256i c = _mm512_cvtsepi32_epi16(r);
  c = _mm256_min_epi16(_mm256_max_epi16(c, f->low), f->high);
  if (skip) {
    c = _mm256_add_epi16(c, _mm256_loadu_si256((const __m256i *)skip));
    c = _mm256_min_epi16(_mm256_max_epi16(c, f->low), f->high);
  }
  _mm256_storeu_si256((__m256i *)out, c);
}

#endif
#endif
