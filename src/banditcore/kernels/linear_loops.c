#include "linear_loops.h"

#include "lanes.h"

HIDDEN double wide_sigmoid(double z) {
    const double within = z < -700.0 ? -700.0 : z > 700.0 ? 700.0 : z;
    return 1.0 / (1.0 + wide_exp(-within));
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
