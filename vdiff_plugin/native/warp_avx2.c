/* Warping of 8-bit samples, four half-size positions at once. Equal to warp.c, which also
 * does what lies near the border.
 */
#include "warp.h"

#ifdef HAVE_AVX2
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 static AVX2 inline __attribute__((always_inline))

/* Four bytes from each of four places. */
INLINE_AVX2 __m128i four(const uint8_t *const s[4], int64_t offset) {
  int32_t v[4];
  for (int i = 0; i < 4; i++) __builtin_memcpy(&v[i], s[i] + offset, 4);
  return _mm_set_epi32(v[3], v[2], v[1], v[0]);
}

/* (one - fraction, fraction) twice a position, as bytes. */
INLINE_AVX2 __m128i sideways(__m128i fraction, int one) {
  __m128i rest = _mm_sub_epi32(_mm_set1_epi32(one), fraction);
  __m128i pair = _mm_or_si128(rest, _mm_slli_epi32(fraction, 8));
  return _mm_or_si128(pair, _mm_slli_epi32(pair, 16));
}

/* Whether four places lie as far from one another as they would without motion. */
INLINE_AVX2 int together(__m128i x, __m128i y) {
  __m128i same = _mm_and_si128(_mm_cmpeq_epi32(x, _mm_shuffle_epi32(x, 0)),
                               _mm_cmpeq_epi32(y, _mm_shuffle_epi32(y, 0)));
  return _mm_movemask_epi8(same) == 0xffff;
}

/* top * (one - fraction) + bottom * fraction, rounded to samples: eight bytes. */
INLINE_AVX2 __m128i down(__m128i top, __m128i bottom, __m128i fraction, int one, int shift) {
  __m128i pair = _mm_or_si128(_mm_sub_epi32(_mm_set1_epi32(one), fraction),
                              _mm_slli_epi32(fraction, 16));
  __m128i half = _mm_set1_epi32(1 << (shift - 1));
  __m128i low = _mm_madd_epi16(_mm_unpacklo_epi16(top, bottom), _mm_unpacklo_epi32(pair, pair));
  __m128i high = _mm_madd_epi16(_mm_unpackhi_epi16(top, bottom), _mm_unpackhi_epi32(pair, pair));
  low = _mm_srli_epi32(_mm_add_epi32(low, half), shift);
  high = _mm_srli_epi32(_mm_add_epi32(high, half), shift);
  low = _mm_packs_epi32(low, high);
  return _mm_packus_epi16(low, low);
}

/* x and y of four motions. */
INLINE_AVX2 void split(const int32_t *motion, __m128i *x, __m128i *y) {
  __m128i a = _mm_loadu_si128((const __m128i *)motion);
  __m128i b = _mm_loadu_si128((const __m128i *)(motion + 4));
  *x = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0x88));
  *y = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), 0xdd));
}

/* Whether all four places lie inside; each `step` further right than the one before. */
INLINE_AVX2 int inside(__m128i left, __m128i top, int width, int height) {
  __m128i outside = _mm_or_si128(left, top); /* negative */
  outside = _mm_or_si128(outside, _mm_sub_epi32(_mm_set1_epi32(width - 1), left));
  outside = _mm_or_si128(outside, _mm_sub_epi32(_mm_set1_epi32(height - 1), top));
  return _mm_movemask_ps(_mm_castsi128_ps(outside)) == 0;
}

INLINE_AVX2 void places(const uint8_t *plane, int64_t row, int64_t pixel, __m128i left,
                        __m128i top, const uint8_t *s[4]) {
  int32_t x[4], y[4];
  _mm_storeu_si128((__m128i *)x, left);
  _mm_storeu_si128((__m128i *)y, top);
  for (int i = 0; i < 4; i++) s[i] = plane + y[i] * row + x[i] * pixel;
}

AVX2 int vdiff_warp_luma_avx2(const uint8_t *luma, int64_t row, const int32_t *motion, int x,
                              int y, int width, int height, uint8_t *out) {
  const __m128i order = _mm_set_epi8(14, 13, 13, 12, 10, 9, 9, 8, 6, 5, 5, 4, 2, 1, 1, 0);
  const __m128i side_by_side = _mm_set_epi8(8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0);
  const __m128i mask = _mm_set1_epi32(31);
  __m128i dx, dy;
  split(motion, &dx, &dy);
  __m128i left = _mm_add_epi32(_mm_srai_epi32(dx, 5),
                               _mm_set_epi32(2 * x + 6, 2 * x + 4, 2 * x + 2, 2 * x));
  __m128i top = _mm_add_epi32(_mm_srai_epi32(dy, 5), _mm_set1_epi32(2 * y));
  if (!inside(left, top, width - 3, height - 2)) return 0; /* four bytes, three rows */
  __m128i weights = sideways(_mm_and_si128(dx, mask), 32), fy = _mm_and_si128(dy, mask);
  __m128i lines[3];
  int first_left = _mm_cvtsi128_si32(left);
  if (first_left + 16 <= width && together(_mm_srai_epi32(dx, 5), _mm_srai_epi32(dy, 5))) {
    const uint8_t *s = luma + _mm_cvtsi128_si32(top) * row + first_left;
    for (int r = 0; r < 3; r++, s += row)
      lines[r] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)s), side_by_side);
  } else {
    const uint8_t *s[4];
    places(luma, row, 1, left, top, s);
    for (int r = 0; r < 3; r++) lines[r] = _mm_shuffle_epi8(four(s, r * row), order);
  }
  __m128i first = _mm_maddubs_epi16(lines[0], weights);
  __m128i second = _mm_maddubs_epi16(lines[1], weights);
  __m128i third = _mm_maddubs_epi16(lines[2], weights);
  _mm_storel_epi64((__m128i *)out, down(first, second, fy, 32, 10));
  _mm_storel_epi64((__m128i *)(out + width), down(second, third, fy, 32, 10));
  return 1;
}

AVX2 int vdiff_warp_chroma_avx2(const uint8_t *chroma, int64_t row, const int32_t *motion,
                                int x, int y, int width, int height, uint8_t *out) {
  const __m128i order = _mm_set_epi8(15, 13, 14, 12, 11, 9, 10, 8, 7, 5, 6, 4, 3, 1, 2, 0);
  const __m128i side_by_side = _mm_set_epi8(9, 7, 8, 6, 7, 5, 6, 4, 5, 3, 4, 2, 3, 1, 2, 0);
  const __m128i mask = _mm_set1_epi32(63);
  __m128i dx, dy;
  split(motion, &dx, &dy);
  __m128i left = _mm_add_epi32(_mm_srai_epi32(dx, 6), _mm_set_epi32(x + 3, x + 2, x + 1, x));
  __m128i top = _mm_add_epi32(_mm_srai_epi32(dy, 6), _mm_set1_epi32(y));
  if (!inside(left, top, width - 1, height - 1)) return 0;
  __m128i weights = sideways(_mm_and_si128(dx, mask), 64), fy = _mm_and_si128(dy, mask);
  __m128i lines[2];
  int first_left = _mm_cvtsi128_si32(left);
  if (first_left + 8 <= width && together(_mm_srai_epi32(dx, 6), _mm_srai_epi32(dy, 6))) {
    const uint8_t *s = chroma + _mm_cvtsi128_si32(top) * row + 2 * first_left;
    for (int r = 0; r < 2; r++, s += row)
      lines[r] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)s), side_by_side);
  } else {
    const uint8_t *s[4];
    places(chroma, row, 2, left, top, s);
    for (int r = 0; r < 2; r++) lines[r] = _mm_shuffle_epi8(four(s, r * row), order);
  }
  __m128i above = _mm_maddubs_epi16(lines[0], weights);
  __m128i below = _mm_maddubs_epi16(lines[1], weights);
  _mm_storel_epi64((__m128i *)out, down(above, below, fy, 64, 12));
  return 1;
}

/* left * (64 - across) + right * across: sixteen channels, in 16 bits. */
INLINE_AVX2 __m256i beside(const uint8_t *left, const uint8_t *right, __m256i across) {
  __m128i a = _mm_loadu_si128((const __m128i *)left);
  __m128i b = _mm_loadu_si128((const __m128i *)right);
  __m256i pairs = _mm256_set_m128i(_mm_unpackhi_epi8(a, b), _mm_unpacklo_epi8(a, b));
  return _mm256_maddubs_epi16(pairs, across);
}

/* top * (64 - down) + bottom * down, rounded to samples: sixteen bytes. */
INLINE_AVX2 __m128i below(__m256i top, __m256i bottom, __m256i down) {
  const __m256i half = _mm256_set1_epi32(2048);
  __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(top, bottom), down);
  __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(top, bottom), down);
  low = _mm256_srli_epi32(_mm256_add_epi32(low, half), 12);
  high = _mm256_srli_epi32(_mm256_add_epi32(high, half), 12);
  low = _mm256_packs_epi32(low, high); /* in order within each half */
  return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi16(low, low), 0x08));
}

/* Multiples of sixteen channels. All in one function: what goes through memory in other
 * pieces than it came from would have to wait. */
AVX2 void vdiff_warp_features_avx2(const uint8_t *features, int channels, const int32_t *motion,
                                   int height, int width, uint8_t *restrict out) {
  int64_t row = (int64_t)width * channels;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++, out += channels) {
      int dx, dy;
      quarter_motion(motion, x, y, width, &dx, &dy);
      place p = place_of(x, y, dx, dy, 6, width, height, row, channels);
      const uint8_t *a = features + p.top, *b = features + p.bottom;
      __m256i across = _mm256_set1_epi16((short)((64 - p.across) | p.across << 8));
      __m256i down = _mm256_set1_epi32((64 - p.down) | p.down << 16);
      for (int c = 0; c < channels; c += 16) {
        __m256i top = beside(a + p.left + c, a + p.right + c, across);
        __m256i bottom = beside(b + p.left + c, b + p.right + c, across);
        _mm_storeu_si128((__m128i *)(out + c), below(top, bottom, down));
      }
    }
}
#endif
