/* Where moved samples are taken from; see warp.c. */
#ifndef VDIFF_WARP_H
#define VDIFF_WARP_H

#include "kernels.h"

typedef struct {
  int64_t left, right, top, bottom; /* element offsets of the four taps */
  int across, down;                 /* fractions */
} place;

static inline int64_t limited(int64_t v, int64_t size) {
  return v < 0 ? 0 : v >= size ? size - 1 : v;
}

/* Where position (x, y) moved by (dx, dy) in 1/2**bits falls. */
static inline place place_of(int64_t x, int64_t y, int dx, int dy, int bits, int64_t width,
                             int64_t height, int64_t row, int64_t pixel) {
  int64_t left = x + (dx >> bits), top = y + (dy >> bits);
  place p = {limited(left, width) * pixel, limited(left + 1, width) * pixel,
             limited(top, height) * row,   limited(top + 1, height) * row,
             dx & ((1 << bits) - 1),       dy & ((1 << bits) - 1)};
  return p;
}

/* Of the four half-size positions that one of features covers, in 1/64 of their pixels. */
static inline void quarter_motion(const int32_t *motion, int x, int y, int width, int *dx,
                                  int *dy) {
  const int32_t *a = motion + ((int64_t)4 * y * width + 2 * x) * 2, *b = a + 4 * width;
  *dx = (a[0] + a[2] + b[0] + b[2] + 4) >> 3;
  *dy = (a[1] + a[3] + b[1] + b[3] + 4) >> 3;
}

#endif
