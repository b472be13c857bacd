/* Loops over upper triangular inverse factors S (d, d), row-major, zeros below the diagonal: A^-1 = S S'. */
#ifndef BANDITCORE_FACTORS_LOOPS_H
#define BANDITCORE_FACTORS_LOOPS_H

#include <stddef.h>

/* x'y, in eight running sums. */
double wide_dot(ptrdiff_t n, const double *x, const double *y);

/* y = S'x. */
void wide_transposed_times(ptrdiff_t d, const double *S, const double *x, double *y);

/* s = S y. */
void wide_times(ptrdiff_t d, const double *S, const double *y, double *s);

/* s = S S'x and m = S S'b at once; y, v: d doubles of scratch each. */
void wide_solve(ptrdiff_t d, const double *S, const double *x, const double *b, double *y, double *v, double *s,
                double *m);

/* S <- S C^-T where C C' = I + w w'; keep, give: d doubles of scratch each. */
void wide_absorb(ptrdiff_t d, double *S, const double *w, double *keep, double *give);

/* A += weight x x'. */
void wide_add_outer(ptrdiff_t d, double *A, double weight, const double *x);

/* s = A x for a symmetric A. */
void wide_symmetric_times(ptrdiff_t d, const double *A, const double *x, double *s);

#endif
