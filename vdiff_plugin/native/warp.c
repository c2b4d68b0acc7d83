/* Bringing a neighbour's samples along its motion: bilinear interpolation in whole numbers,
 * as builtin/warp.py defines it.
 *
 * Motion is one vector (x, y) a half-size position, in 1/64 of its pixels. Luma takes it in
 * 1/32 of its own pixels, features the mean of four in 1/64 of theirs. Samples outside the
 * picture are those of its border.
 */
#include "warp.h"

#define MIX(s, p, c, bits)                                                                 \
  ((((s)[(p).top + (p).left + (c)] * ((1 << (bits)) - (p).across) +                        \
     (s)[(p).top + (p).right + (c)] * (p).across) *                                        \
        ((1 << (bits)) - (p).down) +                                                       \
    ((s)[(p).bottom + (p).left + (c)] * ((1 << (bits)) - (p).across) +                     \
     (s)[(p).bottom + (p).right + (c)] * (p).across) *                                     \
        (p).down +                                                                         \
    (1 << (2 * (bits)-1))) >>                                                              \
   (2 * (bits)))

/* A 2x2 block of luma that moves as one, away from the border. */
#define INNER_BLOCK(type)                                                                  \
  {                                                                                        \
    const type *s = luma + (2 * y + (dy >> 5)) * luma_row + 2 * x + (dx >> 5);             \
    int fx = dx & 31, fy = dy & 31, h[3][2];                                               \
    for (int r = 0; r < 3; r++, s += luma_row) {                                           \
      h[r][0] = s[0] * (32 - fx) + s[1] * fx;                                              \
      h[r][1] = s[1] * (32 - fx) + s[2] * fx;                                              \
    }                                                                                      \
    for (int r = 0; r < 2; r++)                                                            \
      for (int c = 0; c < 2; c++)                                                          \
        o[r * width + c] = (type)((h[r][c] * (32 - fy) + h[r + 1][c] * fy + 512) >> 10);   \
  }

/* U and V of one position, away from the border. */
#define INNER_CHROMA(type)                                                                 \
  {                                                                                        \
    const type *s = chroma + (y + (dy >> 6)) * chroma_row + 2 * (x + (dx >> 6));           \
    int fx = dx & 63, fy = dy & 63;                                                        \
    for (int c = 0; c < 2; c++, s++) {                                                     \
      int above = s[0] * (64 - fx) + s[2] * fx;                                            \
      int below = s[chroma_row] * (64 - fx) + s[chroma_row + 2] * fx;                      \
      o[c] = (type)((above * (64 - fy) + below * fy + 2048) >> 12);                        \
    }                                                                                      \
  }

static inline int inner(int64_t left, int64_t top, int64_t reach, int64_t width,
                        int64_t height) {
  return left >= 0 && top >= 0 && left + reach < width && top + reach < height;
}

/* `four` takes four positions at once where it can: see warp_avx2.c. */
typedef int four_function(const uint8_t *plane, int64_t row, const int32_t *motion, int x,
                          int y, int width, int height, uint8_t *out);

#define WARP_PICTURE(name, type)                                                           \
  static void name##_luma(const type *luma, int64_t luma_row, const int32_t *motion,       \
                          int height, int width, type *out, four_function *four) {         \
    for (int y = 0; y < height / 2; y++)                                                   \
      for (int x = 0; x < width / 2; x++, motion += 2) {                                   \
        int dx = motion[0], dy = motion[1];                                                \
        type *o = out + (int64_t)2 * y * width + 2 * x;                                    \
        if (four && x + 4 <= width / 2 &&                                                  \
            four((const uint8_t *)luma, luma_row, motion, x, y, width, height,             \
                 (uint8_t *)o)) {                                                          \
          x += 3, motion += 6;                                                             \
          continue;                                                                        \
        }                                                                                  \
        if (inner(2 * x + (dx >> 5), 2 * y + (dy >> 5), 2, width, height))                 \
          INNER_BLOCK(type)                                                                \
        else                                                                               \
          for (int i = 0; i < 4; i++) {                                                    \
            place p = place_of(2 * x + i % 2, 2 * y + i / 2, dx, dy, 5, width, height,     \
                               luma_row, 1);                                               \
            o[i / 2 * width + i % 2] = (type)MIX(luma, p, 0, 5);                           \
          }                                                                                \
      }                                                                                    \
  }                                                                                        \
  static void name##_chroma(const type *chroma, int64_t chroma_row, const int32_t *motion, \
                            int height, int width, type *o, four_function *four) {         \
    for (int y = 0; y < height; y++)                                                       \
      for (int x = 0; x < width; x++, motion += 2, o += 2) {                               \
        int dx = motion[0], dy = motion[1];                                                \
        if (four && x + 4 <= width &&                                                      \
            four((const uint8_t *)chroma, chroma_row, motion, x, y, width, height,         \
                 (uint8_t *)o)) {                                                          \
          x += 3, motion += 6, o += 6;                                                     \
          continue;                                                                        \
        }                                                                                  \
        if (inner(x + (dx >> 6), y + (dy >> 6), 1, width, height))                         \
          INNER_CHROMA(type)                                                               \
        else {                                                                             \
          place p = place_of(x, y, dx, dy, 6, width, height, chroma_row, 2);               \
          o[0] = (type)MIX(chroma, p, 0, 6);                                               \
          o[1] = (type)MIX(chroma, p, 1, 6);                                               \
        }                                                                                  \
      }                                                                                    \
  }
WARP_PICTURE(warp_picture_8, uint8_t)
WARP_PICTURE(warp_picture_16, uint16_t)

#ifdef HAVE_AVX2
four_function vdiff_warp_luma_avx2, vdiff_warp_chroma_avx2;
void vdiff_warp_features_avx2(const uint8_t *features, int channels, const int32_t *motion,
                              int height, int width, uint8_t *restrict out);
#endif

void vdiff_warp_picture(const picture *p, int deep, const int32_t *motion, int height,
                        int width, void *luma, void *chroma) {
  four_function *luma_four = 0, *chroma_four = 0;
#ifdef HAVE_AVX2
  if (!deep && kernels_level >= 1 && __builtin_cpu_supports("avx2"))
    luma_four = vdiff_warp_luma_avx2, chroma_four = vdiff_warp_chroma_avx2;
#endif
  if (deep) {
    if (luma) warp_picture_16_luma(p->luma, p->luma_row, motion, height, width, luma, 0);
    warp_picture_16_chroma(p->chroma, p->chroma_row, motion, height / 2, width / 2, chroma, 0);
  } else {
    if (luma)
      warp_picture_8_luma(p->luma, p->luma_row, motion, height, width, luma, luma_four);
    warp_picture_8_chroma(p->chroma, p->chroma_row, motion, height / 2, width / 2, chroma,
                          chroma_four);
  }
}

CLONES void vdiff_motion(const float *restrict flow, int64_t count, int32_t *restrict out) {
  const float furthest = 1 << 20;
  for (int64_t i = 0; i < count; i++) {
    float v = rintf(flow[i] * 64.0f);
    v = v < -furthest ? -furthest : v;
    out[i] = (int32_t)(v > furthest ? furthest : v);
  }
}

static void warp_features_plain(const uint8_t *features, int channels, const int32_t *motion,
                                int height, int width, uint8_t *restrict out) {
  int64_t row = (int64_t)width * channels;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++, out += channels) {
      int dx, dy;
      quarter_motion(motion, x, y, width, &dx, &dy);
      place p = place_of(x, y, dx, dy, 6, width, height, row, channels);
      for (int c = 0; c < channels; c++) out[c] = (uint8_t)MIX(features, p, c, 6);
    }
}

void vdiff_warp_features(const uint8_t *features, int channels, const int32_t *motion,
                         int height, int width, uint8_t *restrict out) {
#ifdef HAVE_AVX2
  if (channels % 16 == 0 && kernels_level >= 1 && __builtin_cpu_supports("avx2")) {
    vdiff_warp_features_avx2(features, channels, motion, height, width, out);
    return;
  }
#endif
  warp_features_plain(features, channels, motion, height, width, out);
}
