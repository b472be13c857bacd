/* The two sums that `gaussian.pyx` spends its time in, and the quadrature nodes they run over. */
#ifndef BANDITCORE_GAUSSIAN_LOOPS_H
#define BANDITCORE_GAUSSIAN_LOOPS_H

#include "wide.h"

#define LANES 8 /* nodes taken at a time: one AVX-512 register, two of AVX2, four of SSE2 */

/* Gauss-Legendre with 16 nodes, and LANES midpoints, on [0, 1]. */
extern HIDDEN const double GAUSS_NODE[2 * LANES], GAUSS_WEIGHT[2 * LANES], EVEN_NODE[LANES], EVEN_WEIGHT[LANES];

/* Adds to share (arms, LANES) what each arm wins at the nodes x = low + width * node: weight * width * Prod F_j(x)
   times the hazard f / F of the arm, in units of inverse / sqrt(2 pi). Returns Prod F_j at the lowest node. hazard is
   scratch (arms, LANES). No node may lie over 30 sd below a mean, for F must not underflow; above, any distance. */
HIDDEN double gaussian_strip(ptrdiff_t arms, const double *mean, const double *inverse, double low, double width,
                             const double *node, const double *weight, double *hazard, double *share);

/* Sums every arm's LANES: p[who[k]] = inverse[k] / sqrt(2 pi) * (the sum of row k of share). */
HIDDEN void gaussian_gather(ptrdiff_t arms, const double *inverse, const double *share, const ptrdiff_t *who,
                            double *p);

#endif
