/* Parts of a network, a band of rows after the other, so that what one part writes is still in
 * the processor's cache when the next one reads it. A part that looks at rows below its own
 * lags behind the one that makes them; in the last band all end.
 */
#include "kernels.h"

static void make_rows(const step *s, int from, int to) {
  switch (s->kind) {
    case CONV_STEP: vdiff_conv_rows(s->what, from, to); break;
    case CHANGE_STEP: vdiff_change_rows(s->what, from, to); break;
    case DIFFUSE_STEP: vdiff_diffuse_rows(s->what, from, to); break;
    case FINISH_STEP: vdiff_finish_rows(s->what, from, to); break;
  }
}

static inline int rows_after(const step *s, int band, int bands) {
  int rows = band * s->band - s->lag;
  return band == bands || rows > s->height ? s->height : rows < 0 ? 0 : rows;
}

void vdiff_run(const step *steps, int count, int bands) {
  for (int band = 1; band <= bands; band++)
    for (const step *s = steps; s < steps + count; s++) {
      int from = band == 1 ? 0 : rows_after(s, band - 1, bands);
      int to = rows_after(s, band, bands);
      if (from < to) make_rows(s, from, to);
    }
}
