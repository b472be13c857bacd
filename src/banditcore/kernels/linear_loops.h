/* Scores of Gaussian posteriors over weights: means m'x and forms x'A^-1 x = ||S'x||^2. */
#ifndef BANDITCORE_LINEAR_LOOPS_H
#define BANDITCORE_LINEAR_LOOPS_H

#include <stddef.h>

/* 1 / (1 + exp(-z)), for |z| up to 700. */
double wide_sigmoid(double z);

/* mean[k] = m_k'x_k and, unless NULL, form[k] = ||S_k'x_k||^2, for arms that mask (or NULL) allows; x_k lies at
   x + k per_arm; y: d doubles of scratch. */
void wide_score(ptrdiff_t arms, ptrdiff_t d, const double *m, const double *S, const double *x, ptrdiff_t per_arm,
                const unsigned char *mask, double *mean, double *form, double *y);

/* The same for TILE = 8 contexts at once and one arm: columns (d, TILE) holds them transposed. Bytes as in wide_score. */
void wide_tile_means(ptrdiff_t d, const double *m, const double *columns, double *mean);
void wide_tile_forms(ptrdiff_t d, const double *S, const double *columns, double *form);

#endif
