#include "factors_loops.h"

#include <math.h>

#include "lanes.h"

WIDE HIDDEN double wide_dot(ptrdiff_t n, const double *x, const double *y) { return dot(n, x, y); }

WIDE HIDDEN void wide_transposed_times(ptrdiff_t d, const double *S, const double *x, double *y) {
    transposed_times(d, S, x, y);
}

WIDE HIDDEN void wide_times(ptrdiff_t d, const double *S, const double *y, double *s) {
    for (ptrdiff_t i = 0; i < d; i++) s[i] = dot(d - i, S + i * d + i, y + i);
}

WIDE HIDDEN void wide_solve(ptrdiff_t d, const double *S, const double *x, const double *b, double *y, double *v,
                            double *s, double *m) {
    transposed_times(d, S, x, y);
    transposed_times(d, S, b, v);
    for (ptrdiff_t i = 0; i < d; i++) {
        s[i] = dot(d - i, S + i * d + i, y + i);
        m[i] = dot(d - i, S + i * d + i, v + i);
    }
}

/* Each row carries a running sum to the right; four rows at a time hide its latency. Rows start at the diagonal of the
   first: the zeros below it stay zeros. */
WIDE HIDDEN void wide_absorb(ptrdiff_t d, double *S, const double *w, double *keep, double *give) {
    double before = 1.0;
    ptrdiff_t i = 0, j, row;
    for (j = 0; j < d; j++) {
        keep[j] = before;
        give[j] = before += w[j] * w[j];
    }
    for (j = 0; j < d; j++) { /* apart from the running sum, so that roots and quotients are taken eight at a time */
        const double product = keep[j] * give[j];
        keep[j] = sqrt(keep[j] / give[j]);
        give[j] = w[j] / sqrt(product);
    }
    for (; i + 4 <= d; i += 4) {
        double carried[4] = {0.0, 0.0, 0.0, 0.0};
        for (j = i; j < d; j++)
            for (row = 0; row < 4; row++) {
                const double old = S[(i + row) * d + j];
                S[(i + row) * d + j] = keep[j] * old - give[j] * carried[row];
                carried[row] += old * w[j];
            }
    }
    for (; i < d; i++) {
        double carried = 0.0;
        for (j = i; j < d; j++) {
            const double old = S[i * d + j];
            S[i * d + j] = keep[j] * old - give[j] * carried;
            carried += old * w[j];
        }
    }
}

WIDE HIDDEN void wide_add_outer(ptrdiff_t d, double *A, double weight, const double *x) {
    for (ptrdiff_t i = 0; i < d; i++) {
        const double scaled = weight * x[i];
        if (scaled == 0.0) continue;
        for (ptrdiff_t j = 0; j < d; j++) A[i * d + j] += scaled * x[j];
    }
}

WIDE HIDDEN void wide_symmetric_times(ptrdiff_t d, const double *A, const double *x, double *s) {
    ptrdiff_t i = 0, j;
    for (j = 0; j < d; j++) s[j] = 0.0;
    for (; i + 4 <= d; i += 4) {
        const double *r = A + i * d;
        for (j = 0; j < d; j++)
            s[j] += (x[i] * r[j] + x[i + 1] * r[d + j]) + (x[i + 2] * r[2 * d + j] + x[i + 3] * r[3 * d + j]);
    }
    for (; i < d; i++)
        for (j = 0; j < d; j++) s[j] += x[i] * A[i * d + j];
}
