/* What loops over vectors and triangular factors share; see wide.h. */
#ifndef BANDITCORE_LANES_H
#define BANDITCORE_LANES_H

#include <string.h>

#include "wide.h"

enum { TILE = 8 };

/* Eight doubles: one AVX-512 register, two of AVX2, four of SSE2 or NEON. Added up in one fixed tree. */
typedef double Lanes __attribute__((vector_size(64)));

INLINE Lanes load(const double *x) {
    Lanes lanes;
    memcpy(&lanes, x, sizeof lanes);
    return lanes;
}

INLINE double sum(const Lanes *v) {
    const Lanes a = *v;
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

INLINE double dot(ptrdiff_t n, const double *x, const double *y) {
    Lanes lanes = {0.0};
    ptrdiff_t i = 0, l = 0;
    for (; i + TILE <= n; i += TILE) lanes += load(x + i) * load(y + i);
    for (; i < n; i++, l++) lanes[l] += x[i] * y[i];
    return sum(&lanes);
}

/* Four rows at a time, none where x is 0: contexts are often sparse. */
INLINE void transposed_times(ptrdiff_t d, const double *S, const double *x, double *y) {
    ptrdiff_t i = 0, j;
    for (j = 0; j < d; j++) y[j] = 0.0;
    for (; i + 4 <= d; i += 4) {
        const double a = x[i], b = x[i + 1], c = x[i + 2], e = x[i + 3];
        const double *r = S + i * d;
        if (a == 0.0 && b == 0.0 && c == 0.0 && e == 0.0) continue;
        for (j = i; j < d; j++) y[j] += (a * r[j] + b * r[d + j]) + (c * r[2 * d + j] + e * r[3 * d + j]);
    }
    for (; i < d; i++)
        for (j = i; j < d; j++) y[j] += x[i] * S[i * d + j];
}

#endif
