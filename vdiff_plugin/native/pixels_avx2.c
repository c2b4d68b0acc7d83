/* Rows of pixels.c with AVX2, whose results they equal bit for bit.
 *
 * A half-size position has pairs of samples: two in each of two rows of luma, and U with V.
 * Sixteen 16-bit samples of a row are the pairs of eight positions, and eight such vectors,
 * turned about, are the eight positions' channels.
 */
#include "pixels_avx2.h"

#ifdef HAVE_AVX2
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 static AVX2 inline __attribute__((always_inline))
#define MOST 8 /* neighbours */

INLINE_AVX2 __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

INLINE_AVX2 void store(void *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }

/* Sixteen bytes as 16-bit numbers. */
INLINE_AVX2 __m256i wide(const uint8_t *bytes) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)bytes));
}

INLINE_AVX2 __m128i distance(const uint8_t *a, const uint8_t *b) {
  __m128i x = _mm_loadu_si128((const __m128i *)a), y = _mm_loadu_si128((const __m128i *)b);
  return _mm_or_si128(_mm_subs_epu8(x, y), _mm_subs_epu8(y, x));
}

/* v / 2**bits, rounded half to even. */
INLINE_AVX2 __m256i shifted(__m256i v, int bits) {
  __m256i odd = _mm256_and_si256(_mm256_srai_epi16(v, bits), _mm256_set1_epi16(1));
  __m256i half = _mm256_set1_epi16((short)((1 << (bits - 1)) - 1));
  return _mm256_srai_epi16(_mm256_add_epi16(v, _mm256_add_epi16(half, odd)), bits);
}

INLINE_AVX2 __m128i shifted_short(__m128i v, int bits) {
  __m128i odd = _mm_and_si128(_mm_srai_epi16(v, bits), _mm_set1_epi16(1));
  __m128i half = _mm_set1_epi16((short)((1 << (bits - 1)) - 1));
  return _mm_srai_epi16(_mm_add_epi16(v, _mm_add_epi16(half, odd)), bits);
}

INLINE_AVX2 __m256i limited(__m256i v, int low, int high) {
  v = _mm256_max_epi16(v, _mm256_set1_epi16((short)low));
  return _mm256_min_epi16(v, _mm256_set1_epi16((short)high));
}

AVX2 void vdiff_feature_change_avx2(const uint8_t *a, const uint8_t *b, int count, int channels,
                                    int16_t *out, int64_t out_pixel) {
  for (int x = 0; x < count; x++, out += out_pixel)
    for (int c = 0; c < channels; c += 16, a += 16, b += 16)
      store(out + c, _mm256_cvtepu8_epi16(distance(a, b)));
}

/* Differences in quarter codes, at most 255, of eight pairs of samples: their sums. */
INLINE_AVX2 __m128i pair_sums(const uint8_t *a, const uint8_t *b) {
  __m128i v = distance(a, b);
  v = _mm_adds_epu8(v, v);
  return _mm_maddubs_epi16(_mm_adds_epu8(v, v), _mm_set1_epi8(1));
}

/* Of eight half-size positions: luma and chroma by turns, the first four and the others. */
INLINE_AVX2 void coarse(const change *c, int line, int x, __m128i *first, __m128i *second) {
  const uint8_t *a = (const uint8_t *)c->centre.luma + 2 * line * c->centre.luma_row + x;
  const uint8_t *b = (const uint8_t *)c->other.luma + 2 * line * c->other.luma_row + x;
  __m128i luma = _mm_add_epi16(
      pair_sums(a, b), pair_sums(a + c->centre.luma_row, b + c->other.luma_row));
  __m128i chroma = pair_sums((const uint8_t *)c->centre.chroma + line * c->centre.chroma_row + x,
                             (const uint8_t *)c->other.chroma + line * c->other.chroma_row + x);
  luma = shifted_short(luma, 2), chroma = shifted_short(chroma, 1);
  *first = _mm_unpacklo_epi16(luma, chroma);
  *second = _mm_unpackhi_epi16(luma, chroma);
}

AVX2 void vdiff_coarse_row_avx2(const change *c, int y, int16_t *out) {
  for (int x = 0; x < c->width; x += 16, out += 4 * c->out_pixel) {
    __m128i top[2], bottom[2];
    coarse(c, 2 * y, x, &top[0], &top[1]);
    coarse(c, 2 * y + 1, x, &bottom[0], &bottom[1]);
    for (int i = 0; i < 2; i++) {
      int16_t *o = out + 2 * i * c->out_pixel;
      _mm_storeu_si128((__m128i *)o, _mm_unpacklo_epi64(top[i], bottom[i]));
      _mm_storeu_si128((__m128i *)(o + c->out_pixel), _mm_unpackhi_epi64(top[i], bottom[i]));
    }
  }
}

/* Gates of eight half-size positions of a line: luma's, and chroma's above it. */
INLINE_AVX2 __m256i gates_of(const int16_t *g, int64_t pixel) {
  const long long *at[4];
  for (int i = 0; i < 4; i++) at[i] = (const long long *)(g + i * pixel);
  long long v[4];
  for (int i = 0; i < 4; i++) __builtin_memcpy(&v[i], at[i], 8);
  return _mm256_set_epi64x(v[3], v[2], v[1], v[0]);
}

/* round(2**16 / (total + 128)), see inverse_of. */
INLINE_AVX2 __m256 inverses(__m256i total) {
  __m256 sum = _mm256_cvtepi32_ps(_mm256_add_epi32(total, _mm256_set1_epi32(128)));
  return _mm256_round_ps(_mm256_div_ps(_mm256_set1_ps(65536.0f), sum),
                         _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE_AVX2 __m256i shares(__m256 inverse) {
  __m256 v = _mm256_mul_ps(inverse, _mm256_set1_ps(-255.0f / 512.0f));
  return _mm256_cvtps_epi32(_mm256_add_ps(v, _mm256_set1_ps(255.0f)));
}

INLINE_AVX2 __m256i quotients(__m256i sum, __m256 inverse, float unit) {
  __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), inverse);
  return _mm256_cvtps_epi32(_mm256_mul_ps(v, _mm256_set1_ps(unit)));
}

typedef struct {
  const uint8_t *own, *others[MOST];
  int16_t *gain, *average;
} sample_row;

/* Sixteen samples from `x` on; `gates` of each neighbour, `inverse` of eight positions. */
INLINE_AVX2 void average_16(const sample_row *r, int x, int count, const __m256i *gates,
                            __m256 inverse) {
  __m256i own = wide(r->own + x), low = _mm256_setzero_si256(), high = low;
  for (int k = 0; k < count; k += 2) {
    __m256i a = _mm256_sub_epi16(wide(r->others[k] + x), own);
    __m256i b = _mm256_sub_epi16(wide(r->others[k + 1] + x), own);
    low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b),
                                                  _mm256_unpacklo_epi16(gates[k], gates[k + 1])));
    high = _mm256_add_epi32(
        high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b),
                                _mm256_unpackhi_epi16(gates[k], gates[k + 1])));
  }
  __m256 i_low = _mm256_permutevar8x32_ps(inverse, _mm256_setr_epi32(0, 0, 1, 1, 4, 4, 5, 5));
  __m256 i_high = _mm256_permutevar8x32_ps(inverse, _mm256_setr_epi32(2, 2, 3, 3, 6, 6, 7, 7));
  __m256i v = _mm256_packs_epi32(quotients(low, i_low, 1.0f / 1024.0f),
                                 quotients(high, i_high, 1.0f / 1024.0f));
  v = limited(v, -16320, 16320);
  store(r->gain + x, v);
  store(r->average + x, limited(_mm256_add_epi16(_mm256_slli_epi16(own, 6), v), 0, 16320));
}

/* Row `line` of samples of luma or chroma; neighbours that are not there are the centre. */
INLINE_AVX2 sample_row samples_of(const diffusion *d, int chroma, int line) {
  sample_row r;
  int64_t start = ((int64_t)line + (chroma ? d->height : 0)) * d->width;
  const picture *c = &d->centre;
  r.own = chroma ? (const uint8_t *)c->chroma + line * c->chroma_row
                 : (const uint8_t *)c->luma + line * c->luma_row;
  for (int k = 0; k < MOST; k++) {
    const picture *p = &d->others[k];
    r.others[k] = k >= d->count ? r.own
                  : chroma      ? (const uint8_t *)p->chroma + line * p->chroma_row
                                : (const uint8_t *)p->luma + line * p->luma_row;
  }
  r.gain = d->gain + start, r.average = d->detail + start;
  return r;
}

AVX2 void vdiff_average_line_avx2(const diffusion *d, int line, int32_t *share) {
  const __m256i low_half = _mm256_set1_epi32(0xffff);
  sample_row rows[3] = {samples_of(d, 0, 2 * line), samples_of(d, 0, 2 * line + 1),
                        samples_of(d, 1, line)};
  const int16_t *gates[MOST];
  for (int k = 0; k < d->count; k++)
    gates[k] = d->gates[k] + (line / 2) * d->gates_row + (line % 2) * 4;
  int even = (d->count + 1) / 2 * 2;
  for (int x = 0; x < d->width; x += 16) {
    __m256i luma[MOST], chroma[MOST], total = _mm256_setzero_si256();
    luma[even - !!even] = chroma[even - !!even] = total; /* an odd one's partner weighs nothing */
    for (int k = 0; k < d->count; k++) {
      __m256i g = gates_of(gates[k] + x / 4 * d->gates_pixel, d->gates_pixel);
      __m256i upper = _mm256_srli_epi32(g, 16), lower = _mm256_and_si256(g, low_half);
      total = _mm256_add_epi16(total, g);
      luma[k] = _mm256_or_si256(lower, _mm256_slli_epi32(g, 16));
      chroma[k] = _mm256_or_si256(upper, _mm256_slli_epi32(upper, 16));
    }
    __m256 by_luma = inverses(_mm256_and_si256(total, low_half));
    __m256 by_chroma = inverses(_mm256_srli_epi32(total, 16));
    store(share + x / 2,
          _mm256_or_si256(shares(by_luma), _mm256_slli_epi32(shares(by_chroma), 16)));
    average_16(&rows[0], x, even, luma, by_luma);
    average_16(&rows[1], x, even, luma, by_luma);
    average_16(&rows[2], x, even, chroma, by_chroma);
  }
}

/* Eight vectors of eight pairs -> eight positions of eight pairs. */
INLINE_AVX2 void turn(__m256i v[8]) {
  __m256i a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    a[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; j++) {
      b[i + 2 * j] = _mm256_unpacklo_epi64(a[i + j], a[i + j + 2]);
      b[i + 2 * j + 1] = _mm256_unpackhi_epi64(a[i + j], a[i + j + 2]);
    }
  for (int i = 0; i < 4; i++) {
    v[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
    v[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
  }
}

/* Sixteen samples: the detail, which replaces the average; that and the gain in codes. */
INLINE_AVX2 void detail_16(int16_t *average, const int16_t *gain, const int16_t *means,
                           __m256i *fine, __m256i *deviation) {
  __m256i v = _mm256_sub_epi16(load(average), load(means));
  store(average, v);
  *fine = shifted(v, 6);
  v = _mm256_sub_epi16(_mm256_setzero_si256(), load(gain));
  *deviation = limited(shifted(v, 5), -255, 255);
}

AVX2 void vdiff_detail_line_avx2(const diffusion *d, int line, const int16_t *luma_means,
                                 const int16_t *chroma_means, const int32_t *share) {
  int64_t width = d->width;
  int64_t starts[3] = {2 * line * width, (2 * line + 1) * width, (d->height + line) * width};
  int16_t *out = d->pixels + line * d->pixels_row;
  for (int x = 0; x < width; x += 16) {
    __m256i v[8];
    for (int r = 0; r < 3; r++)
      detail_16(d->detail + starts[r] + x, d->gain + starts[r] + x,
                (r == 2 ? chroma_means : luma_means) + x, &v[r], &v[3 + r]);
    v[6] = load(share + x / 2), v[7] = _mm256_setzero_si256();
    turn(v);
    for (int i = 0; i < 8; i++, out += d->pixels_pixel) store(out, v[i]);
  }
}

/* Sixteen channels; `gates` of two neighbours each. */
INLINE_AVX2 __m256i averaged(const uint8_t *own, const uint8_t *const *others,
                             const int32_t *gates, int count, float inverse) {
  __m256i centre = wide(own), low = _mm256_setzero_si256(), high = low;
  for (int k = 0; k < count; k += 2) {
    __m256i a = _mm256_sub_epi16(wide(others[k]), centre);
    __m256i b = _mm256_sub_epi16(wide(others[k + 1]), centre);
    __m256i g = _mm256_set1_epi32(gates[k / 2]);
    low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), g));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), g));
  }
  __m256 f = _mm256_set1_ps(inverse);
  __m256i v = _mm256_packs_epi32(quotients(low, f, 1.0f / 65536.0f),
                                 quotients(high, f, 1.0f / 65536.0f));
  return limited(_mm256_add_epi16(centre, v), 0, 255);
}

AVX2 void vdiff_average_features_avx2(const diffusion *d, int y) {
  int channels = d->channels, even = (d->count + 1) / 2 * 2;
  const uint8_t *own = d->features + y * d->features_row;
  int16_t *out = d->extra + y * d->extra_row + 3;
  const uint8_t *others[MOST];
  const int16_t *gates[MOST];
  for (int k = 0; k < d->count; k++) {
    gates[k] = d->gates[k] + y * d->gates_row + 8;
    others[k] = d->other_features[k] + y * d->other_features_row[k];
  }
  for (int x = 0; x < d->width / 4; x++, own += channels, out += d->extra_pixel) {
    if (even > d->count) others[d->count] = own;
    int32_t pairs[MOST / 2], total = 0;
    for (int k = 0; k < even; k += 2) {
      int32_t a = gates[k][x * d->gates_pixel];
      int32_t b = k + 1 < d->count ? gates[k + 1][x * d->gates_pixel] : 0;
      total += a + b, pairs[k / 2] = a | b << 16;
    }
    float inverse = _mm256_cvtss_f32(inverses(_mm256_set1_epi32(total)));
    for (int c = 0; c < channels; c += 16) {
      store(out + c, averaged(own + c, others, pairs, even, inverse));
      for (int k = 0; k < even; k++) others[k] += 16;
    }
  }
}

/* Eight positions' pairs of one of the head's channels. */
INLINE_AVX2 __m256i head_pairs(const int16_t *head, int64_t pixel) {
  __m256i at = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                  _mm256_set1_epi32((int)pixel));
  return _mm256_i32gather_epi32((const int *)(const void *)head, at, 2);
}

INLINE_AVX2 void finish_16(const int16_t *gain, const int16_t *detail, __m256i residual,
                           __m256i shrink, float *out) {
  const __m256 unit = _mm256_set1_ps(1.0f / 16384.0f);
  const __m256i one = _mm256_set1_epi16(256);
  __m256i v = _mm256_add_epi16(load(gain), residual);
  __m256i less = _mm256_sub_epi16(_mm256_setzero_si256(), load(detail));
  __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(v, shrink),
                                  _mm256_unpacklo_epi16(one, less));
  __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(v, shrink),
                                   _mm256_unpackhi_epi16(one, less));
  __m256i first = _mm256_permute2x128_si256(low, high, 0x20);
  __m256i second = _mm256_permute2x128_si256(low, high, 0x31);
  _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(first), unit));
  _mm256_storeu_ps(out + 8, _mm256_mul_ps(_mm256_cvtepi32_ps(second), unit));
}

AVX2 void vdiff_finish_line_avx2(const ending *e, int line) {
  const diffusion *d = e->diffusion;
  int64_t width = d->width;
  int64_t starts[3] = {2 * line * width, (2 * line + 1) * width, (d->height + line) * width};
  float *out[3] = {e->luma + starts[0], e->luma + starts[1], e->chroma + line * width};
  const int16_t *head = e->head + line * e->head_row;
  for (int x = 0; x < width; x += 16, head += 8 * e->head_pixel)
    for (int r = 0; r < 3; r++)
      finish_16(d->gain + starts[r] + x, d->detail + starts[r] + x,
                head_pairs(head + 2 * r, e->head_pixel),
                head_pairs(head + 6 + 2 * r, e->head_pixel), out[r] + x);
}
#endif
