/* The tiles of tiles.h with the dot products of AVX-512 VNNI: an instruction makes and
 * adds the products of sixteen filters and two channels, four times what AVX2's two do.
 */
#include "conv_avx512.h"
#include "tiles.h"

#ifdef HAVE_AVX512
#define SUMS 16  /* of 16 tiles and 16 filters, or 8 tiles and 32 filters, for each point */
#define MOST 16  /* tiles side by side */

typedef int16_t __attribute__((vector_size(64), may_alias, aligned(32))) channels32;
typedef int16_t __attribute__((vector_size(32), may_alias, aligned(32))) channels16;
typedef uint32_t __attribute__((vector_size(64))) sums16;

/* Sixteen or 32 channels from `at` on of a row of tiles. Columns first: neighbouring tiles
 * share two of them. */
#define SPREAD_TILES(TYPE, NAME)                                                           \
  static INLINE_AVX512 void NAME(const int16_t *const rows[POINTS], const int64_t *columns, \
                                 int at, const int tiles, int channels, int16_t *out) {    \
    TYPE between[TILE * MOST + 2][POINTS];                                                 \
    for (int x = 0; x < TILE * tiles + 2; x++)                                             \
      SPREAD(TYPE, D, B)                                                                   \
    for (int t = 0; t < tiles; t++)                                                        \
      for (int y = 0; y < POINTS; y++)                                                     \
        SPREAD(TYPE, C, T)                                                                 \
  }
#define B(i) between[x][i]
#define C(i) between[TILE * t + i][y]
#define D(i) (*(const PART *)(rows[i] + columns[x] + at))
#define T(i) (*(PART *)(out + ((POINTS * y + i) * tiles + t) * channels + at))
#define PART channels32
SPREAD_TILES(channels32, spread_32)
#undef PART
#define PART channels16
SPREAD_TILES(channels16, spread_16)
#undef PART
#undef B
#undef C
#undef D
#undef T

static INLINE_AVX512 void spread_block(const conv *c, int y, int tile, const int tiles,
                                       int channels, int16_t *out) {
  const int16_t *rows[POINTS];
  int64_t columns[TILE * MOST + 2];
  for (int i = 0; i < POINTS; i++)
    rows[i] = c->in + (y + i <= c->height ? y + i : c->height + 1) * c->in_row;
  for (int i = 0, x = TILE * tile; i < TILE * tiles + 2; i++, x++)
    columns[i] = (x <= c->width ? x : c->width + 1) * c->in_pixel;
  int at = 0;
  for (; at + 32 <= channels; at += 32) spread_32(rows, columns, at, tiles, channels, out);
  if (at < channels) spread_16(rows, columns, at, tiles, channels, out);
}

/* Sums over channels, for the points of one row: of 16 tiles ... */
static INLINE_AVX512 const __m512i *sum_16x1(const int16_t *in, int64_t channels,
                                             const __m512i *w, int pairs, __m512i *out) {
  for (int point = 0; point < POINTS; point++, in += 16 * channels, out += SUMS) {
    __m512i s0 = NONE, s1 = NONE, s2 = NONE, s3 = NONE, s4 = NONE, s5 = NONE, s6 = NONE,
            s7 = NONE, s8 = NONE, s9 = NONE, s10 = NONE, s11 = NONE, s12 = NONE, s13 = NONE,
            s14 = NONE, s15 = NONE;
    const int16_t *p = in;
    for (const __m512i *end = w + pairs; w < end; w++, p += 2) {
      __m512i weights = *w;
#define ADD(i) s##i = _mm512_dpwssd_epi32(s##i, weights, PAIR(p + (i)*channels))
      ADD(0), ADD(1), ADD(2), ADD(3), ADD(4), ADD(5), ADD(6), ADD(7);
      ADD(8), ADD(9), ADD(10), ADD(11), ADD(12), ADD(13), ADD(14), ADD(15);
#undef ADD
    }
    out[0] = s0, out[1] = s1, out[2] = s2, out[3] = s3, out[4] = s4, out[5] = s5, out[6] = s6;
    out[7] = s7, out[8] = s8, out[9] = s9, out[10] = s10, out[11] = s11, out[12] = s12;
    out[13] = s13, out[14] = s14, out[15] = s15;
  }
  return w;
}

/* ... and of 8 tiles for two times 16 filters, whose weights follow each other by blocks. */
static INLINE_AVX512 const __m512i *sum_8x2(const int16_t *in, int64_t channels,
                                            const __m512i *w, int64_t other, int pairs,
                                            __m512i *out) {
  for (int point = 0; point < POINTS; point++, in += 8 * channels, out += SUMS) {
    __m512i a0 = NONE, a1 = NONE, a2 = NONE, a3 = NONE, a4 = NONE, a5 = NONE, a6 = NONE,
            a7 = NONE, b0 = NONE, b1 = NONE, b2 = NONE, b3 = NONE, b4 = NONE, b5 = NONE,
            b6 = NONE, b7 = NONE;
    const int16_t *p = in;
    for (const __m512i *end = w + pairs; w < end; w++, p += 2) {
      __m512i v, wa = w[0], wb = w[other];
#define ADD(i)                                                                             \
  v = PAIR(p + (i)*channels), a##i = _mm512_dpwssd_epi32(a##i, wa, v),                      \
  b##i = _mm512_dpwssd_epi32(b##i, wb, v)
      ADD(0), ADD(1), ADD(2), ADD(3), ADD(4), ADD(5), ADD(6), ADD(7);
#undef ADD
    }
    out[0] = a0, out[1] = a1, out[2] = a2, out[3] = a3, out[4] = a4, out[5] = a5, out[6] = a6;
    out[7] = a7, out[8] = b0, out[9] = b1, out[10] = b2, out[11] = b3, out[12] = b4;
    out[13] = b5, out[14] = b6, out[15] = b7;
  }
  return w;
}

typedef __m512i gathered[POINTS][TILE][SUMS];

static INLINE_AVX512 void gather_row(const __m512i *sums, __m512i out[TILE][SUMS]) {
  for (int i = 0; i < SUMS; i++) {
#define M(k) sums[SUMS * (k) + i]
#define OUT(k) out[k][i]
    GATHER(sums16, M, OUT)
#undef M
#undef OUT
  }
}

/* Of 576 times a sum, modulo 2**32. */
static INLINE_AVX512 __m512i sum_of(__m512i v) {
  const __m512i ninth = _mm512_set1_epi32(0x38e38e39); /* times 9 is 1, modulo 2**32 */
  return _mm512_srai_epi32(_mm512_mullo_epi32(v, ninth), 6);
}

/* The outputs of 16 filters from `first` on; their sums are `tiles` from `from` on. */
static INLINE_AVX512 void store_block(const conv *c, int y, int rows, int x0, int first,
                                      gathered between, int from, const int tiles) {
  finish_avx512 f = load_finish_avx512(c, first);
  int64_t at = y * c->out_row + x0 * c->out_pixel + first;
  int64_t skip_at = y * c->skip_row + x0 * c->skip_pixel + first;
  for (int x = 0; x < TILE * tiles && x0 + x < c->width; x++) {
    __m512i four[TILE];
#define M(k) between[k][x % TILE][from + x / TILE]
#define OUT(k) four[k]
    GATHER(sums16, M, OUT)
#undef M
#undef OUT
    for (int k = 0; k < rows; k++)
      store_avx512(&f, sum_of(four[k]), c->out + at + k * c->out_row + x * c->out_pixel,
                   c->skip ? c->skip + skip_at + k * c->skip_row + x * c->skip_pixel : 0);
  }
}

static INLINE_AVX512 void blocks(const conv *c, int from, int to, const int BLOCKS) {
  const int many = SUMS / BLOCKS;
  int tiles = (c->width + TILE - 1) / TILE, channels = (2 * c->pairs + 15) / 16 * 16;
  int64_t weights = (int64_t)POINTS * POINTS * c->pairs; /* of 16 filters */
  int16_t spread[POINTS * POINTS * many * channels] __attribute__((aligned(64)));
  __m512i sums[POINTS * SUMS];
  gathered between;
  for (int y = from; y < to; y += TILE)
    for (int done = 0; done < tiles; done += many) {
      /* The last tiles are made twice where they do not fill a block. */
      int tile = done + many <= tiles ? done : tiles - many;
      spread_block(c, y, tile, many, channels, spread);
      for (int first = 0; first < c->filters; first += 16 * BLOCKS) {
        const __m512i *w = (const __m512i *)c->quick + first / 16 * weights;
        for (int point = 0; point < POINTS; point++) {
          const int16_t *in = spread + point * POINTS * many * channels;
          w = BLOCKS == 1 ? sum_16x1(in, channels, w, c->pairs, sums)
                          : sum_8x2(in, channels, w, weights, c->pairs, sums);
          gather_row(sums, between[point]);
        }
        for (int b = 0; b < BLOCKS; b++)
          store_block(c, y, to - y < TILE ? to - y : TILE, TILE * tile, first + 16 * b, between,
                      b * many, many);
      }
    }
}

AVX512 static __attribute__((noinline)) void blocks_1(const conv *c, int from, int to) {
  blocks(c, from, to, 1);
}

AVX512 static __attribute__((noinline)) void blocks_2(const conv *c, int from, int to) {
  blocks(c, from, to, 2);
}

int vdiff_quick_conv_avx512(const conv *c, int from, int to) {
  int tiles = (c->width + TILE - 1) / TILE, paired = c->filters % 32 == 0;
  if (c->ways != 16 || tiles < (paired ? SUMS / 2 : SUMS)) return 0;
  if (paired)
    blocks_2(c, from, to);
  else
    blocks_1(c, from, to);
  return 1;
}
#endif
