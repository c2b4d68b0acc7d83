/* Convolutions of size 3 with a quarter of the products: a tile of 4x4 outputs takes 36 for
 * each input and output channel instead of 144.
 *
 * S. Winograd, "Arithmetic Complexity of Computations", 1980; A. Lavin and S. Gray, "Fast
 * Algorithms for Convolutional Neural Networks", 2015. In whole numbers it is exact: what
 * comes out is 576 times the sum modulo 2**32, and sums are below 2**24. Inputs are at most
 * 255 and weights at most 127 in magnitude, so that transformed ones, at most 100 times and
 * 144 times as large, fit into 16 bits.
 */
#ifndef VDIFF_TILES_H
#define VDIFF_TILES_H

#define POINTS 6 /* at which polynomials of a row or column are known */
#define TILE 4   /* outputs that follow from them */

/* Six samples d(0..5) of a polynomial -> six products' inputs t(0..5), vectors of TYPE. */
#define SPREAD(TYPE, d, t)                                                                 \
  {                                                                                        \
    TYPE d1 = d(1), d2 = d(2), d3 = d(3), d4 = d(4);                                       \
    TYPE a = d4 - d2 * 4, b = d3 - d1 * 4, e = d4 - d2, f = (d3 - d1) * 2;                 \
    t(0) = (d(0) - d2) * 4 + e;                                                            \
    t(1) = a + b;                                                                          \
    t(2) = a - b;                                                                          \
    t(3) = e + f;                                                                          \
    t(4) = e - f;                                                                          \
    t(5) = d(5) - d3 - f * 2;                                                              \
  }

/* Six sums m(0..5) -> 24 times the four outputs out(0..3) of one direction. They are vectors
 * of the processor's own type; TYPE names the same as 32-bit numbers without a sign. */
#define GATHER(TYPE, m, out)                                                               \
  {                                                                                        \
    TYPE m1 = (TYPE)m(1), m2 = (TYPE)m(2), m3 = (TYPE)m(3), m4 = (TYPE)m(4);               \
    TYPE a = m1 + m2, b = m1 - m2, e = m3 + m4, f = (m3 - m4) << 1;                        \
    out(0) = (__typeof__(out(0)))((TYPE)m(0) + a + e);                                     \
    out(1) = (__typeof__(out(0)))(b + f);                                                  \
    out(2) = (__typeof__(out(0)))(a + (e << 2));                                           \
    out(3) = (__typeof__(out(0)))(b + (f << 2) + ((TYPE)m(5) << 1));                       \
  }

#endif
