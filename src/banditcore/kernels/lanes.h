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

/* Half a register of AVX-512, for what a whole one leaves. */
typedef double Few __attribute__((vector_size(32)));

INLINE Few load_few(const double *x) {
    Few few;
    memcpy(&few, x, sizeof few);
    return few;
}

/* The one to three products that are left, in lanes of their own: an element at a time would go through memory. */
INLINE Few last_products(ptrdiff_t n, const double *x, const double *y) {
    if (n == 1) return (Few){x[0] * y[0], 0.0, 0.0, 0.0};
    if (n == 2) return (Few){x[0] * y[0], x[1] * y[1], 0.0, 0.0};
    return (Few){x[0] * y[0], x[1] * y[1], x[2] * y[2], 0.0};
}

/* Eight running sums, element i in sum i modulo 8, and their tree. What is added to a sum that has no element left is
   +0, which changes none: they start at +0 and never become -0. */
INLINE double dot(ptrdiff_t n, const double *x, const double *y) {
    Few low = {0.0}, high = {0.0};
    ptrdiff_t i = 0;
    for (; i + TILE <= n; i += TILE) {
        low += load_few(x + i) * load_few(y + i);
        high += load_few(x + i + 4) * load_few(y + i + 4);
    }
    if (i + 4 <= n) {
        low += load_few(x + i) * load_few(y + i);
        i += 4;
        if (i < n) high += last_products(n - i, x + i, y + i);
    } else if (i < n) {
        low += last_products(n - i, x + i, y + i);
    }
    low += high;
    return (low[0] + low[2]) + (low[1] + low[3]);
}

/* Are four numbers all 0, of either sign? */
INLINE int all_zero(const double *x) {
    uint64_t bits[4];
    memcpy(bits, x, sizeof bits);
    return ((bits[0] | bits[1]) | (bits[2] | bits[3])) << 1 == 0;
}

/* The same whether some rows of four are skipped or none. */
INLINE void add_up_rows(ptrdiff_t d, const double *S, const double *x, double *y, int sparse) {
    ptrdiff_t j = 0;
#define ADD_ROWS(TYPE, LOAD, LAST)                                                                              \
    TYPE t = {0.0};                                                                                             \
    ptrdiff_t i = 0;                                                                                            \
    for (; i + 4 <= (LAST); i += 4) {                                                                           \
        const double *r = S + i * d + j;                                                                        \
        if (sparse && all_zero(x + i)) continue;                                                                \
        t += (LOAD(r) * x[i] + LOAD(r + d) * x[i + 1]) + (LOAD(r + 2 * d) * x[i + 2] + LOAD(r + 3 * d) * x[i + 3]); \
    }
    for (; j + TILE <= d; j += TILE) {
        ADD_ROWS(Lanes, load, j + TILE)
        memcpy(y + j, &t, sizeof t);
    }
    if (j + 4 <= d) {
        ADD_ROWS(Few, load_few, j + 4)
        memcpy(y + j, &t, sizeof t);
        j += 4;
    }
#undef ADD_ROWS
    for (; j < d; j++) {
        double t = 0.0;
        ptrdiff_t i = 0;
        for (; i + 4 <= d; i += 4) {
            const double *r = S + i * d + j;
            t += (r[0] * x[i] + r[d] * x[i + 1]) + (r[2 * d] * x[i + 2] + r[3 * d] * x[i + 3]);
        }
        for (; i <= j; i++) t += S[i * d + j] * x[i];
        y[j] = t;
    }
}

/* S'x, four rows at a time, none where x is 0: contexts are often sparse. Elements of y add up in registers, from
   row 0 on: what lies below the diagonal is 0 and changes nothing. */
INLINE void transposed_times(ptrdiff_t d, const double *S, const double *x, double *y) {
    int sparse = 0;
    for (ptrdiff_t i = 0; i + 4 <= d; i += 4) sparse |= all_zero(x + i);
    if (sparse)
        add_up_rows(d, S, x, y, 1);
    else
        add_up_rows(d, S, x, y, 0);
}

#endif
