/* What noise that was cut off at one end of the range adds to a change: the arithmetic of
 * builtin/clipping.py, step by step in float32.
 */
#include "kernels.h"

#define PIECE 64 /* samples of a row that are left out together where nothing is cut off */

static inline int any_set(const uint8_t *restrict bytes, int count) {
  int any = 0;
  for (int x = 0; x < count; x++) any |= bytes[x];
  return any;
}

/* Samples `first` to `stop` of row y. */
static inline void correct(const unclipping *u, int y, int first, int stop) {
  const uint8_t *shallow = (const uint8_t *)u->plane + y * u->row;
  const uint16_t *wide = (const uint16_t *)u->plane + y * u->row;
  const float *change = u->change + y * u->change_row;
  const uint8_t *counts = u->counts + (int64_t)y * u->width;
  const uint8_t *solids = u->solids ? u->solids + (int64_t)y * u->width : 0;
  float *restrict out = u->corrected + (int64_t)y * u->width;
  float in = (float)u->inwards, end = (float)u->end;
  for (int x = first; x < stop; x++) {
    float sample = u->deep ? (float)wide[x] : (float)shallow[x];
    int solid = solids ? solids[x] : 0, at = 256 * solid + counts[x] - solid;
    float mean = in * ((sample - end) / u->unit + change[x * u->change_pixel]);
    mean = mean > 0 ? mean : 0;
    float spread = u->spread[at];
    float steps = mean / spread * u->scale;
    steps = steps < 255 ? steps : 255;
    float by_noise = u->means[(int)rintf(steps)] * u->noise * spread;
    float by_share = mean * u->excess[at];
    out[x] -= in * (by_share < by_noise ? by_share : by_noise);
  }
}

/* Where nothing is cut off around, the table has 0 and the correction is 0. */
CLONES void vdiff_unclip(const unclipping *u) {
  for (int y = 0; y < u->height; y++)
    for (int first = 0; first < u->width; first += PIECE) {
      int stop = first + PIECE < u->width ? first + PIECE : u->width;
      if (any_set(u->counts + (int64_t)y * u->width + first, stop - first))
        correct(u, y, first, stop);
    }
}
