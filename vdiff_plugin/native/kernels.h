/* Kernels of the native backend. Arrays are rows of pixels of 16-bit channels unless said
 * otherwise; steps count elements, not bytes. Python (builtin/native_*.py) lays them out.
 */
#ifndef VDIFF_KERNELS_H
#define VDIFF_KERNELS_H

#include <math.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX2
#endif

/* Loops compiled for several processors; the fitting one is chosen at the first call. clang
 * gives such functions names that other files do not find, and earlier GCCs do not know the
 * highest level. */
#if defined(HAVE_AVX2) && !defined(__clang__) && __GNUC__ >= 12
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#elif defined(HAVE_AVX2) && !defined(__clang__)
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CLONES
#endif

/* The most that code written for special instructions may use, where the processor has it: 0
 * none of it, 1 AVX2, 2 AVX-512 with VNNI. Loops that the compiler makes (CLONES) do not ask.
 * For tests. */
extern int kernels_level;

/* One convolution with its activation:
 * code = clip(round(max(v, leak v))), v = (sum + bias) unit; then clip(code + skip).
 */
typedef struct {
  const int16_t *in; /* the tap of the first output that lies highest and leftmost */
  int64_t in_row, in_pixel;
  int16_t *out;
  int64_t out_row, out_pixel;
  const int16_t *skip; /* 0 for none */
  int64_t skip_row, skip_pixel;
  const int16_t *weights; /* [filters/ways][kernel][kernel][pairs][ways][2], aligned to 64 */
  const int16_t *quick; /* 0, or [filters/ways][6][6][pairs][ways][2]: quick_avx2.c; then
                           pixels of `in` have multiples of 16 channels, aligned to 64 */
  const int32_t *bias;
  const float *unit;
  const int16_t *low, *high;
  float leak;
  int32_t height, width, pairs, filters, ways, kernel, stride; /* ways: 16 or 24 */
} conv;

/* A 4:2:0 picture of 8- or 16-bit samples; rows of chroma hold U and V by turns. */
typedef struct {
  const void *luma, *chroma;
  int64_t luma_row, chroma_row;
} picture;

void vdiff_conv(const conv *c);
void vdiff_conv_rows(const conv *c, int from, int to);

/* Samples -> features' first input, (height/4, width/4) of 24 channels: code - 128. */
void vdiff_feature_input(const picture *p, int deep, float scale, int height, int width,
                         int16_t *out, int64_t out_row, int64_t out_pixel);

/* What the gates see of one neighbour: |feature difference|, coarse pixel differences. */
typedef struct {
  picture centre, other;
  const uint8_t *features, *other_features;
  int64_t features_row, other_features_row;
  int16_t *out; /* (height/4, width/4) */
  int64_t out_row, out_pixel;
  int32_t channels, deep, height, width;
  float scale;
} change;

void vdiff_change_rows(const change *c, int from, int to); /* of `out` */

typedef struct {
  picture centre;
  picture others[8];
  const int16_t *gates[8]; /* (height/4, width/4): 4 x (luma, chroma), then features */
  int64_t gates_row, gates_pixel;
  const uint8_t *features;
  int64_t features_row;
  const uint8_t *other_features[8];
  int64_t other_features_row[8];
  int32_t count, channels, deep, height, width;
  float scale;
  int16_t *pixels; /* trunk input (height/2, width/2): 6 detail, 6 deviation, 2 share */
  int64_t pixels_row, pixels_pixel;
  int16_t *extra; /* trunk input (height/4, width/4): 3 means, then averaged features */
  int64_t extra_row, extra_pixel;
  int16_t *gain;   /* luma (height, width), then chroma (height/2, width), 1/64 codes */
  int16_t *detail; /* the same shapes and unit */
} diffusion;

void vdiff_diffuse_rows(const diffusion *d, int from, int to); /* of `extra` */

/* gain + residual - shrinkage * detail, in codes: luma (height, width) and chroma. */
typedef struct {
  const diffusion *diffusion;
  const int16_t *head; /* (height/2, width/2) */
  int64_t head_row, head_pixel;
  float *luma, *chroma;
} ending;

void vdiff_finish_rows(const ending *e, int from, int to); /* of `head` */

/* A part of a network; `what` is a conv, a change, a diffusion or an ending. */
typedef struct {
  const void *what;
  int32_t kind, height; /* rows that it makes */
  int32_t band, lag; /* rows a band, and by how many fewer the first is */
} step;

enum { CONV_STEP, CHANGE_STEP, DIFFUSE_STEP, FINISH_STEP };

/* All steps, a band of rows after the other: see run.c. */
void vdiff_run(const step *steps, int count, int bands);

/* Flow in pixels -> in 1/64 of them. */
void vdiff_motion(const float *restrict flow, int64_t count, int32_t *restrict out);

/* A picture (luma may be 0: only chroma) and features moved along `motion`: (height/2,
 * width/2) pairs of x and y. */
void vdiff_warp_picture(const picture *p, int deep, const int32_t *motion, int height,
                        int width, void *luma, void *chroma);
void vdiff_warp_features(const uint8_t *features, int channels, const int32_t *motion,
                         int height, int width, uint8_t *restrict out);

/* Of each block of 16x16 samples, `pixel` apart: the sum of magnitudes of the difference of
 * two Laplacians, and of the samples. */
void vdiff_block_noise(const void *plane, int64_t row, int64_t pixel, int deep, int height,
                       int width, int32_t *responses, int32_t *samples);

/* Stirs the bytes of each block, `bytes` (a multiple of 8) wide and `lines` high, into its mark:
 * equal blocks keep equal marks equal; (height, width) counts blocks. */
void vdiff_block_marks(const uint8_t *plane, int64_t row, int bytes, int lines, int height,
                       int width, uint64_t *marks);

/* 26 sums over differences of neighbours along rows: see measure.c. */
void vdiff_differences(const uint8_t *rows, int64_t row, int count, int width, int ceiling,
                       int64_t *out);

void vdiff_add_change(const void *plane, int64_t row, int deep, const float *change,
                      int64_t change_row, int64_t change_pixel, float unit, int peak,
                      int height, int width, void *out);

/* See builtin/clipping.py. `corrected`, `counts` and `solids` are (height, width). */
typedef struct {
  const void *plane; /* samples */
  int64_t row;
  const float *change; /* what restoration adds to them, in codes */
  int64_t change_row, change_pixel;
  const uint8_t *counts; /* samples cut off around */
  const uint8_t *solids; /* of them in solid blocks; 0 for none */
  const float *excess, *spread; /* [256][256]: by solids, then others */
  const float *means; /* [256] */
  float *corrected; /* the correction is taken from it */
  float unit, noise, scale; /* samples a code; codes; steps of `means` a code */
  int32_t deep, end, inwards, height, width;
} unclipping;

void vdiff_unclip(const unclipping *u);

/* Samples -> the upscaler's first channels, (height/2, width/2), in half codes: of the
 * restored picture four differences from the mean of luma, the mean, U, V; then what the
 * source has beyond it, four of luma, U, V, in eighths. */
void vdiff_upscale_input(const picture *restored, int deep, float scale,
                         const picture *source, int source_deep, float source_scale,
                         int height, int width, int16_t *out, int64_t out_row,
                         int64_t out_pixel);

/* The head, (height/2, width/2) of 24 channels in 1/64 codes -> luma (2 height, 2 width) and
 * chroma (height, width), pairs of U and V, in codes. */
void vdiff_upscale_change(const int16_t *head, int64_t row, int64_t pixel, int height,
                          int width, float *luma, float *chroma);

/* A plane doubled by `down` and `across`, weights of the even and the odd sample in 1/128,
 * with `unit` times the change (0 for none) added, rounded half to even. */
void vdiff_upscale_plane(const void *plane, int64_t row, int deep, int height, int width,
                         const int32_t *down, const int32_t *across, const float *change,
                         int64_t change_row, int64_t change_pixel, double unit, int peak,
                         int out_height, int out_width, void *out);

void vdiff_narrow(const int16_t *in, int64_t row, int64_t pixel, int channels, int height,
                  int width, uint8_t *restrict out);

#endif
