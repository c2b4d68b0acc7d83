/* Sums of whole numbers over a picture, for builtin/noise.py and builtin/compression.py, and
 * what of a picture is stored: builtin/planes.py.
 */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 16

/* `count` samples, `pixel` apart, of one row. */
static inline void load(const void *plane, int64_t start, int64_t pixel, int deep, int count,
                        int32_t *restrict out) {
  const uint8_t *shallow = (const uint8_t *)plane + start;
  const uint16_t *wide = (const uint16_t *)plane + start;
  if (deep)
    for (int i = 0; i < count; i++) out[i] = wide[i * pixel];
  else if (pixel == 1)
    for (int i = 0; i < count; i++) out[i] = shallow[i];
  else
    for (int i = 0; i < count; i++) out[i] = shallow[i * pixel];
}

static inline int mirrored(int i, int size) {
  return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
}

/* Magnitude of the second difference of second differences, added to `sums`. */
static inline void add_responses(const int32_t *restrict above, const int32_t *restrict here,
                                 const int32_t *restrict below, int width,
                                 int32_t *restrict down, int32_t *restrict sums) {
  for (int x = 0; x < width; x++) down[x + 1] = above[x] - 2 * here[x] + below[x];
  down[0] = down[2];
  down[width + 1] = down[width - 1];
  for (int x = 0; x < width; x++) sums[x] += abs(down[x] - 2 * down[x + 1] + down[x + 2]);
}

static inline void sum_blocks(const int32_t *restrict columns, int count, int32_t *restrict out) {
  for (int b = 0; b < count; b++) {
    int32_t total = 0;
    for (int i = 0; i < BLOCK; i++) total += columns[BLOCK * b + i];
    out[b] = total;
  }
}

CLONES void vdiff_block_noise(const void *plane, int64_t row, int64_t pixel, int deep,
                              int height, int width, int32_t *responses, int32_t *samples) {
  int32_t lines[3][width], down[width + 2], response[width], sample[width];
  int blocks = width / BLOCK;
  load(plane, mirrored(-1, height) * row, pixel, deep, width, lines[2]);
  load(plane, 0, pixel, deep, width, lines[0]);
  for (int y = 0; y < height / BLOCK * BLOCK; y++) {
    load(plane, mirrored(y + 1, height) * row, pixel, deep, width, lines[(y + 1) % 3]);
    if (y % BLOCK == 0) {
      memset(response, 0, sizeof response);
      memset(sample, 0, sizeof sample);
    }
    const int32_t *here = lines[y % 3];
    add_responses(lines[(y + 2) % 3], here, lines[(y + 1) % 3], width, down, response);
    for (int x = 0; x < width; x++) sample[x] += here[x];
    if (y % BLOCK < BLOCK - 1) continue;
    sum_blocks(response, blocks, responses + y / BLOCK * blocks);
    sum_blocks(sample, blocks, samples + y / BLOCK * blocks);
  }
}

static inline int least(int a, int b) { return a < b ? a : b; }

/* Differences along rows: sums by place in a grid of 8 of first, equal and third ones, then
 * of second ones, then how often three neighbours in a row are equal. */
CLONES void vdiff_differences(const uint8_t *rows, int64_t row, int count, int width,
                              int ceiling, int64_t *out) {
  int32_t first[width], equal[width], third[width], second = 0, still = 0;
  uint8_t same[width];
  memset(first, 0, sizeof first);
  memset(equal, 0, sizeof equal);
  memset(third, 0, sizeof third);
  memset(out, 0, 26 * sizeof *out);
  for (int y = 0; y < count; y++, rows += row) {
    for (int x = 0; x < width - 1; x++) {
      int size = abs(rows[x + 1] - rows[x]);
      first[x] += least(size, ceiling);
      same[x] = size == 0;
      equal[x] += size == 0;
    }
    for (int x = 0; x < width - 2; x++) second += least(abs(rows[x + 2] - rows[x]), ceiling);
    for (int x = 0; x < width - 3; x++) {
      int bend = abs(3 * (rows[x + 1] - rows[x + 2]) + rows[x + 3] - rows[x]);
      third[x] += least(bend, 2 * ceiling);
      still += same[x] & same[x + 1] & same[x + 2];
    }
    out[24] += second, out[25] += still;
    second = still = 0;
  }
  for (int x = 0; x < width - 1; x++) {
    out[x % 8] += first[x];
    out[8 + x % 8] += equal[x];
    if (x < width - 3) out[16 + x % 8] += third[x];
  }
}

/* A plane with `unit` times the change added, rounded half to even. */
CLONES void vdiff_add_change(const void *plane, int64_t row, int deep, const float *change,
                             int64_t change_row, int64_t change_pixel, float unit, int peak,
                             int height, int width, void *out) {
  float shift[width];
  for (int y = 0; y < height; y++, change += change_row) {
    if (change_pixel == 1)
      for (int x = 0; x < width; x++) shift[x] = change[x] * unit;
    else
      for (int x = 0; x < width; x++) shift[x] = change[x * change_pixel] * unit;
    const uint8_t *shallow = (const uint8_t *)plane + y * row;
    const uint16_t *wide = (const uint16_t *)plane + y * row;
    uint8_t *to = (uint8_t *)out + (int64_t)y * width;
    uint16_t *to_wide = (uint16_t *)out + (int64_t)y * width;
    float most = (float)peak;
    for (int x = 0; x < width; x++) {
      float v = rintf(shift[x] + (float)(deep ? wide[x] : shallow[x]));
      v = v < 0 ? 0 : v > most ? most : v;
      if (deep)
        to_wide[x] = (uint16_t)(int)v;
      else
        to[x] = (uint8_t)(int)v;
    }
  }
}

/* Channels of 16 bits that hold 8, side by side. */
CLONES void vdiff_narrow(const int16_t *in, int64_t row, int64_t pixel, int channels,
                         int height, int width, uint8_t *restrict out) {
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++, out += channels) {
      const int16_t *p = in + y * row + x * pixel;
      for (int i = 0; i < channels; i++) out[i] = (uint8_t)p[i];
    }
}

static inline uint64_t stirred(uint64_t mark, uint64_t word) {
  mark = (mark ^ word) * 0x9e3779b97f4a7c15u;
  return mark ^ (mark >> 29);
}

/* Stirs each block's bytes into its mark. Blocks are `bytes` wide, a multiple of 8. */
void vdiff_block_marks(const uint8_t *plane, int64_t row, int bytes, int lines, int height,
                       int width, uint64_t *marks) {
  for (int y = 0; y < height * lines; y++) {
    uint64_t *m = marks + (int64_t)(y / lines) * width;
    const uint8_t *p = plane + y * row;
    for (int x = 0; x < width; x++)
      for (int i = 0; i < bytes; i += 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        m[x] = stirred(m[x], word);
      }
  }
}
