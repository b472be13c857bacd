#include "linear_loops.h"

#include <math.h>
#include <string.h>

#include "wide.h"

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

HIDDEN double wide_sigmoid(double z) {
    return 1.0 / (1.0 + exp(-fmax(-700.0, fmin(700.0, z)))); /* TODO wide_exp */
}

WIDE HIDDEN double wide_dot(ptrdiff_t n, const double *x, const double *y) { return dot(n, x, y); }

WIDE HIDDEN void wide_transposed_times(ptrdiff_t d, const double *S, const double *x, double *y) {
    transposed_times(d, S, x, y);
}

WIDE HIDDEN void wide_times(ptrdiff_t d, const double *S, const double *y, double *s) {
    for (ptrdiff_t i = 0; i < d; i++) s[i] = dot(d - i, S + i * d + i, y + i);
}

/* Each row carries a running sum to the right; four rows at a time hide its latency. Rows start at the diagonal of the
   first: the zeros below it stay zeros. */
WIDE HIDDEN void wide_absorb(ptrdiff_t d, double *S, const double *w, double *keep, double *give) {
    double before = 1.0;
    ptrdiff_t i = 0, j, row;
    for (j = 0; j < d; j++) {
        const double after = before + w[j] * w[j];
        keep[j] = sqrt(before / after);
        give[j] = w[j] / sqrt(before * after);
        before = after;
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

WIDE HIDDEN void wide_score(ptrdiff_t arms, ptrdiff_t d, const double *m, const double *S, const double *x,
                            ptrdiff_t per_arm, const unsigned char *mask, double *mean, double *form, double *y) {
    for (ptrdiff_t k = 0; k < arms; k++) {
        if (mask && !mask[k]) continue;
        mean[k] = dot(d, m + k * d, x + k * per_arm);
        if (!form) continue;
        transposed_times(d, S + k * d * d, x + k * per_arm, y);
        form[k] = dot(d, y, y);
    }
}

WIDE HIDDEN void wide_tile_means(ptrdiff_t d, const double *m, const double *columns, double *mean) {
    Lanes s[TILE] = {{0.0}};
    for (ptrdiff_t i = 0; i < d; i++) s[i % TILE] += load(columns + i * TILE) * m[i];
    s[0] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    memcpy(mean, s, sizeof *s);
}

/* Rows i..i+3 of S, column j, added to one element of y for all contexts; as in transposed_times. */
INLINE Lanes four_rows(ptrdiff_t d, const double *r, const Lanes *x) {
    return (x[0] * r[0] + x[1] * r[d]) + (x[2] * r[2 * d] + x[3] * r[3 * d]);
}

WIDE HIDDEN void wide_tile_forms(ptrdiff_t d, const double *S, const double *columns, double *form) {
    Lanes s[TILE] = {{0.0}}, x[4];
    const ptrdiff_t blocks = d / 4 * 4;
    ptrdiff_t i, j = 0, l;
    for (; j < blocks; j += 4) {
        Lanes y[4] = {{0.0}};
        for (i = 0; i <= j; i += 4) {
            const double *r = S + i * d + j;
            for (l = 0; l < 4; l++) x[l] = load(columns + (i + l) * TILE);
            for (l = 0; l < 4; l++) y[l] += four_rows(d, r + l, x);
        }
        for (l = 0; l < 4; l++) s[(j + l) % TILE] += y[l] * y[l];
    }
    for (; j < d; j++) {
        Lanes y = {0.0};
        for (i = 0; i < blocks; i += 4) {
            for (l = 0; l < 4; l++) x[l] = load(columns + (i + l) * TILE);
            y += four_rows(d, S + i * d + j, x);
        }
        for (; i <= j; i++) y += load(columns + i * TILE) * S[i * d + j];
        s[j % TILE] += y * y;
    }
    s[0] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    memcpy(form, s, sizeof *s);
}
