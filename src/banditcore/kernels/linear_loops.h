/* Loops over upper triangular inverse factors S (d, d), row-major, zeros below the diagonal: A^-1 = S S'. */
#ifndef BANDITCORE_LINEAR_LOOPS_H
#define BANDITCORE_LINEAR_LOOPS_H

#include <stddef.h>

enum { TILE = 8 }; /* contexts that are scored together */

/* 1 / (1 + exp(-z)), for |z| up to 700. */
double wide_sigmoid(double z);

/* x'y, in eight running sums. */
double wide_dot(ptrdiff_t n, const double *x, const double *y);

/* y = S'x. */
void wide_transposed_times(ptrdiff_t d, const double *S, const double *x, double *y);

/* s = S y. */
void wide_times(ptrdiff_t d, const double *S, const double *y, double *s);

/* S <- S C^-T where C C' = I + w w'; keep, give: d doubles of scratch each. */
void wide_absorb(ptrdiff_t d, double *S, const double *w, double *keep, double *give);

/* A += weight x x'. */
void wide_add_outer(ptrdiff_t d, double *A, double weight, const double *x);

/* s = A x for a symmetric A. */
void wide_symmetric_times(ptrdiff_t d, const double *A, const double *x, double *s);

/* mean[k] = m_k'x_k and, unless NULL, form[k] = ||S_k'x_k||^2, for arms that mask (or NULL) allows; x_k lies at
   x + k per_arm; y: d doubles of scratch. */
void wide_score(ptrdiff_t arms, ptrdiff_t d, const double *m, const double *S, const double *x, ptrdiff_t per_arm,
                const unsigned char *mask, double *mean, double *form, double *y);

/* The same for TILE contexts at once and one arm: columns (d, TILE) holds them transposed. Bytes as in wide_score. */
void wide_tile_means(ptrdiff_t d, const double *m, const double *columns, double *mean);
void wide_tile_forms(ptrdiff_t d, const double *S, const double *columns, double *form);

#endif
