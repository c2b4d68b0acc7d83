/* What pixels.c leaves to AVX2: rows whose width is a multiple of 16 samples of 8 bits. */
#ifndef VDIFF_PIXELS_AVX2_H
#define VDIFF_PIXELS_AVX2_H

#include "kernels.h"

#ifdef HAVE_AVX2
/* Coarse pixel differences of row y of a change, into its eight channels from `out` on. */
void vdiff_coarse_row_avx2(const change *c, int y, int16_t *out);

/* |difference| of `count` positions' features; `channels` is a multiple of 16. */
void vdiff_feature_change_avx2(const uint8_t *a, const uint8_t *b, int count, int channels,
                               int16_t *out, int64_t out_pixel);

/* Gain and average of the samples of one half-size row of at most eight neighbours, and
 * share[x]: that of luma, and of chroma above it. */
void vdiff_average_line_avx2(const diffusion *d, int line, int32_t *share);

/* Detail of the samples of one half-size row, and the trunk's input there. */
void vdiff_detail_line_avx2(const diffusion *d, int line, const int16_t *luma_means,
                            const int16_t *chroma_means, const int32_t *share);

/* Averaged features of row y; a multiple of 16 channels. */
void vdiff_average_features_avx2(const diffusion *d, int y);

/* The result in one half-size row. */
void vdiff_finish_line_avx2(const ending *e, int line);
#endif
#endif
