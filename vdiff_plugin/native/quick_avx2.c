/* The tiles of tiles.h with the dot products of AVX2. */
#include "conv_avx2.h"
#include "tiles.h"

#ifdef HAVE_AVX2
#define MOST 6   /* tiles side by side, at most */
#define SUMS 12  /* of MOST tiles or fewer, for each point */

typedef int16_t __attribute__((vector_size(32), may_alias)) channels16;
typedef uint32_t __attribute__((vector_size(32))) sums8;

/* All channels of a row of tiles. Columns first: neighbouring tiles share two of them. */
static AVX2 void spread_tiles(const int16_t *const rows[POINTS], const int64_t *columns,
                              int tiles, int channels, int16_t *out) {
  channels16 between[TILE * MOST + 2][POINTS];
  for (int at = 0; at < channels; at += 16) {
    for (int x = 0; x < TILE * tiles + 2; x++) {
#define D(i) (*(const channels16 *)(rows[i] + columns[x] + at))
#define T(i) between[x][i]
      SPREAD(channels16, D, T)
#undef D
#undef T
    }
    for (int t = 0; t < tiles; t++)
      for (int y = 0; y < POINTS; y++) {
#define D(i) between[TILE * t + i][y]
#define T(i) (*(channels16 *)(out + ((POINTS * y + i) * MOST + t) * channels + at))
        SPREAD(channels16, D, T)
#undef D
#undef T
      }
  }
}

/* By hand, as GCC would add up products first and run out of registers: twelve sums, two
 * weights, a value and a product are sixteen. */
#define PAIR(i, a, b)                                                                      \
  __asm__("vpbroadcastd %4, %2\n\tvpmaddwd %5, %2, %3\n\tvpaddd %3, %0, %0\n\t"             \
          "vpmaddwd %6, %2, %2\n\tvpaddd %2, %1, %1"                                       \
          : "+x"(a), "+x"(b), "=&x"(v), "=&x"(product)                                     \
          : "m"(*(const pair_of_inputs *)(p + (i)*channels)), "x"(w[0]), "x"(w[1]))

/* Sums over channels of six tiles, for the points of one row. */
static AVX2 __attribute__((noinline)) const __m256i *sum_6x2(const int16_t *in, int64_t channels,
                                                             const __m256i *w, int pairs,
                                                             __m256i *out) {
  for (int x = 0; x < POINTS; x++, in += MOST * channels, out += SUMS) {
    __m256i a0 = ZERO, a1 = ZERO, a2 = ZERO, a3 = ZERO, a4 = ZERO, a5 = ZERO;
    __m256i b0 = ZERO, b1 = ZERO, b2 = ZERO, b3 = ZERO, b4 = ZERO, b5 = ZERO;
    const int16_t *p = in;
    for (const __m256i *end = w + 2 * pairs; w < end; w += 2, p += 2) {
      __m256i v, product;
      PAIR(0, a0, b0);
      PAIR(1, a1, b1);
      PAIR(2, a2, b2);
      PAIR(3, a3, b3);
      PAIR(4, a4, b4);
      PAIR(5, a5, b5);
    }
    out[0] = a0, out[1] = b0, out[2] = a1, out[3] = b1, out[4] = a2, out[5] = b2;
    out[6] = a3, out[7] = b3, out[8] = a4, out[9] = b4, out[10] = a5, out[11] = b5;
  }
  return w;
}

#define THREE(i, a, b, c)                                                                  \
  __asm__("vpbroadcastd %5, %3\n\tvpmaddwd %6, %3, %4\n\tvpaddd %4, %0, %0\n\t"             \
          "vpmaddwd %7, %3, %4\n\tvpaddd %4, %1, %1\n\tvpmaddwd %8, %3, %3\n\t"             \
          "vpaddd %3, %2, %2"                                                              \
          : "+x"(a), "+x"(b), "+x"(c), "=&x"(v), "=&x"(product)                            \
          : "m"(*(const pair_of_inputs *)(p + (i)*channels)), "x"(w[0]), "x"(w[1]), "m"(w[2]))

static AVX2 __attribute__((noinline)) const __m256i *sum_4x3(const int16_t *in, int64_t channels,
                                                             const __m256i *w, int pairs,
                                                             __m256i *out) {
  for (int x = 0; x < POINTS; x++, in += MOST * channels, out += SUMS) {
    __m256i a0 = ZERO, a1 = ZERO, a2 = ZERO, a3 = ZERO, b0 = ZERO, b1 = ZERO, b2 = ZERO;
    __m256i b3 = ZERO, c0 = ZERO, c1 = ZERO, c2 = ZERO, c3 = ZERO;
    const int16_t *p = in;
    for (const __m256i *end = w + 3 * pairs; w < end; w += 3, p += 2) {
      __m256i v, product;
      THREE(0, a0, b0, c0);
      THREE(1, a1, b1, c1);
      THREE(2, a2, b2, c2);
      THREE(3, a3, b3, c3);
    }
    out[0] = a0, out[1] = b0, out[2] = c0, out[3] = a1, out[4] = b1, out[5] = c1;
    out[6] = a2, out[7] = b2, out[8] = c2, out[9] = a3, out[10] = b3, out[11] = c3;
  }
  return w;
}

typedef __m256i gathered[POINTS][TILE][SUMS];

static INLINE_AVX2 void gather_row(const __m256i *sums, __m256i out[TILE][SUMS]) {
  for (int i = 0; i < SUMS; i++) {
#define M(k) sums[SUMS * (k) + i]
#define OUT(k) out[k][i]
    GATHER(sums8, M, OUT)
#undef M
#undef OUT
  }
}

/* Of 576 times a sum, modulo 2**32. */
static INLINE_AVX2 __m256i sum_of(__m256i v) {
  const __m256i ninth = _mm256_set1_epi32(0x38e38e39); /* times 9 is 1, modulo 2**32 */
  return _mm256_srai_epi32(_mm256_mullo_epi32(v, ninth), 6);
}

typedef struct {
  const conv *conv;
  int y, x; /* of its first output */
  int rows; /* of its outputs that are wanted */
  int first; /* output channel */
} block;

static INLINE_AVX2 void store_block(const block *b, gathered between, const int EIGHTS) {
  const conv *c = b->conv;
  finish_avx2 f;
  load_finish(c, b->first, EIGHTS, &f);
  int64_t at = b->y * c->out_row + b->x * c->out_pixel + b->first;
  int64_t skip_at = b->y * c->skip_row + b->x * c->skip_pixel + b->first;
  for (int x = 0; x < SUMS / EIGHTS * TILE && b->x + x < c->width; x++) {
    __m256i four[3][TILE];
    for (int eight = 0; eight < EIGHTS; eight++) {
#define M(k) between[k][x % TILE][x / TILE * EIGHTS + eight]
#define OUT(k) four[eight][k]
      GATHER(sums8, M, OUT)
#undef M
#undef OUT
      for (int y = 0; y < TILE; y++) four[eight][y] = sum_of(four[eight][y]);
    }
    for (int y = 0; y < b->rows; y++)
      store_avx2(&f, EIGHTS, &four[0][y], TILE, c->out + at + y * c->out_row + x * c->out_pixel,
                 c->skip ? c->skip + skip_at + y * c->skip_row + x * c->skip_pixel : 0);
  }
}

static AVX2 void spread_block(const conv *c, int y, int tile, int tiles, int channels,
                              int16_t *out) {
  const int16_t *rows[POINTS];
  int64_t columns[TILE * MOST + 2];
  for (int i = 0; i < POINTS; i++)
    rows[i] = c->in + (y + i <= c->height ? y + i : c->height + 1) * c->in_row;
  for (int i = 0, x = TILE * tile; i < TILE * tiles + 2; i++, x++)
    columns[i] = (x <= c->width ? x : c->width + 1) * c->in_pixel;
  spread_tiles(rows, columns, tiles, channels, out);
}

AVX2 void vdiff_quick_conv_avx2(const conv *c, int from, int to) {
  int tiles = (c->width + TILE - 1) / TILE, eights = c->ways / 8, many = SUMS / eights;
  int channels = (2 * c->pairs + 15) / 16 * 16;
  int16_t spread[POINTS * POINTS * MOST * channels] __attribute__((aligned(32)));
  __m256i sums[POINTS * SUMS];
  gathered between;
  for (int y = from; y < to; y += TILE)
    for (int done = 0; done < tiles; done += many) {
      /* The last tiles are made twice where they do not fill a block. */
      int tile = done + many <= tiles ? done : tiles - many;
      spread_block(c, y, tile, many, channels, spread);
      const __m256i *w = (const __m256i *)c->quick;
      for (int first = 0; first < c->filters; first += c->ways) {
        for (int point = 0; point < POINTS; point++) {
          const int16_t *in = spread + point * POINTS * MOST * channels;
          w = (eights == 2 ? sum_6x2 : sum_4x3)(in, channels, w, c->pairs, sums);
          gather_row(sums, between[point]);
        }
        block b = {c, y, TILE * tile, to - y < TILE ? to - y : TILE, first};
        if (eights == 2)
          store_block(&b, between, 2);
        else
          store_block(&b, between, 3);
      }
    }
}
#endif
