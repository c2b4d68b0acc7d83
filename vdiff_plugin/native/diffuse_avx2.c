/* Averaging of features, sixteen channels at once. Equal to pixels.c. */
#include "kernels.h"

#ifdef HAVE_AVX2
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 static AVX2 inline __attribute__((always_inline))

INLINE_AVX2 __m256i wide(const uint8_t *bytes) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)bytes));
}

/* sum * inverse / 2**16, rounded half to even. */
INLINE_AVX2 __m256i quotient(__m256i sum, __m256 inverse) {
  __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), inverse);
  return _mm256_cvtps_epi32(_mm256_mul_ps(v, _mm256_set1_ps(1.0f / 65536.0f)));
}

/* Sixteen channels of one position; `gates` holds an even number of them. */
AVX2 void vdiff_average_16_avx2(const uint8_t *own, const uint8_t *const *others,
                                const int16_t *gates, int count, int c, float inverse,
                                int16_t *out) {
  __m256i centre = wide(own + c), low = _mm256_setzero_si256(), high = low;
  for (int k = 0; k < count; k += 2) {
    __m256i a = _mm256_sub_epi16(wide(others[k] + c), centre);
    __m256i b = _mm256_sub_epi16(wide(others[k + 1] + c), centre);
    int32_t two;
    __builtin_memcpy(&two, gates + k, 4);
    __m256i g = _mm256_set1_epi32(two);
    low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), g));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), g));
  }
  __m256 f = _mm256_set1_ps(inverse);
  __m256i v = _mm256_add_epi16(centre, _mm256_packs_epi32(quotient(low, f), quotient(high, f)));
  v = _mm256_min_epi16(_mm256_max_epi16(v, _mm256_setzero_si256()), _mm256_set1_epi16(255));
  _mm256_storeu_si256((__m256i *)(out + c), v);
}
#endif
