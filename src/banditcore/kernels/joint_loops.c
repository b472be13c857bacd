/* The loops of joint.pyx: random words, normals, and the scores of a block of draws. See wide.h for what they keep:
   a draw is one element of the innermost loop, so its additions come in the same order at every width. */
#include "wide.h"

#include <math.h>
#include <string.h>

enum { LANES = 16 }; /* pairs of draws in a block; part of the law, as it places the random words: never change it */

/* ---- Philox4x64-10: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3" ---- */

static inline uint64_t product(uint64_t a, uint64_t b, uint64_t *high)
{
#if defined(__SIZEOF_INT128__)
    const unsigned __int128 whole = (unsigned __int128)a * b;
    *high = (uint64_t)(whole >> 64);
#else
    const uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    const uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (middle & 0xffffffffu);
    *high = a1 * b1 + (middle >> 32) + (other >> 32);
#endif
    return a * b;
}

/* out[0 .. 4 blocks) <- words 4 (first - 1) ... of numpy.random.Philox(key=seed): NumPy steps its counter before
   every block of four words, so the first block has counter 1; the second word of the key is 0. */
HIDDEN void joint_words(uint64_t seed, uint64_t first, ptrdiff_t blocks, uint64_t *out)
{
    for (ptrdiff_t block = 0; block < blocks; block++, out += 4) {
        uint64_t c0 = first + (uint64_t)block, c1 = 0, c2 = 0, c3 = 0, k0 = seed, k1 = 0;
        for (int round = 0; round < 10; round++) {
            uint64_t high0, high2;
            const uint64_t low0 = product(0xD2E7470EE14C6C93u, c0, &high0);
            const uint64_t low2 = product(0xCA5A826395121157u, c2, &high2);
            c0 = high2 ^ c1 ^ k0;
            c1 = low2;
            c2 = high0 ^ c3 ^ k1;
            c3 = low0;
            k0 += 0x9E3779B97F4A7C15u;
            k1 += 0xBB67AE8584CAA73Bu;
        }
        out[0] = c0;
        out[1] = c1;
        out[2] = c2;
        out[3] = c3;
    }
}

/* ---- Normals: Wichura (1988), Algorithm AS 241, Applied Statistics 37(3), PPND16; relative error about 1e-16 ---- */

/* The double with these bits, and an integer below 2^52 as a double: both in vectors on every machine. */
static inline double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double from_integer(uint64_t small)
{
    return from_bits(small | 0x4330000000000000u) - 0x1p52;
}

/* u - 1/2 for u = ((word >> 11) + 1/2) / 2^53, exactly. u itself has 54 bits: rounded, the last one would be 1. */
static inline double centred(uint64_t word)
{
    return (from_integer(word >> 38) * 0x1p-26 - 0.5) + (from_integer((word >> 11) & 0x7ffffffu) + 0.5) * 0x1p-53;
}

static inline double central(double q)
{
    const double r = 0.180625 - q * q;
    const double above =
        ((((((2.5090809287301226727e+3 * r + 3.3430575583588128105e+4) * r + 6.7265770927008700853e+4) * r +
             4.5921953931549871457e+4) * r + 1.3731693765509461125e+4) * r + 1.9715909503065514427e+3) * r +
             1.3314166789178437745e+2) * r + 3.3871328727963666080e+0;
    const double below =
        ((((((5.2264952788528545610e+3 * r + 2.8729085735721942674e+4) * r + 3.9307895800092710610e+4) * r +
             2.1213794301586595867e+4) * r + 5.3941960214247511077e+3) * r + 6.8718700749205790830e+2) * r +
             4.2313330701600911252e+1) * r + 1.0;
    return q * above / below;
}

/* The tail of mass exp(-root^2), for root <= 5. */
static inline double tail(double root)
{
    const double r = root - 1.6;
    const double above =
        ((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r +
             1.27045825245236838258e+0) * r + 3.64784832476320460504e+0) * r + 5.76949722146069140550e+0) * r +
             4.63033784615654529590e+0) * r + 1.42343711074968357734e+0;
    const double below =
        ((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r +
             1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e+0) * r +
             2.05319162663775882187e+0) * r + 1.0;
    return above / below;
}

/* Beyond: about one normal in 4e10. */
static double far_tail(double root)
{
    const double r = root - 5.0;
    const double above =
        ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r +
             2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e+0) * r +
             5.46378491116411436990e+0) * r + 6.65790464350110377720e+0;
    const double below =
        ((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r +
             7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r +
             5.99832206555887937690e-1) * r + 1.0;
    return above / below;
}

/* -log x for normal x in (0, 1), within 2 units in the last place of it where x < 0.1; libm's last bits differ
   between machines. x = 2^e f with f in [sqrt 1/2, sqrt 2), log f = 2 artanh((f - 1) / (f + 1)) by its series. */
static inline double minus_log(double x)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcdu, one = 0x3ff0000000000000u;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits += one - root_half;
    const double e = from_integer(bits >> 52) - 1023.0;
    const double f = from_bits((bits & 0xfffffffffffffu) + root_half);
    const double s = (f - 1.0) / (f + 1.0), t = s * s;
    const double series =
        (((((((((t * (1.0 / 21) + 1.0 / 19) * t + 1.0 / 17) * t + 1.0 / 15) * t + 1.0 / 13) * t + 1.0 / 11) * t +
             1.0 / 9) * t + 1.0 / 7) * t + 1.0 / 5) * t + 1.0 / 3) * t;
    /* log 2 in two parts, the first with so few bits that its product with e is exact */
    return -(e * 0x1.62e42fefa38p-1 + (e * 0x1.ef35793c7673p-45 + 2.0 * (s + s * series)));
}

/* z[i] <- the standard normal of word i. Tails (15 in 100) are packed, finished together and put back.
   q, root: count doubles of scratch each; at: count indices. */
WIDE HIDDEN void joint_normals(ptrdiff_t count, const uint64_t *restrict word, double *restrict z,
                               double *restrict q, double *restrict root, ptrdiff_t *restrict at)
{
    ptrdiff_t i, tails = 0;
    for (i = 0; i < count; i++) {
        q[i] = centred(word[i]);
        z[i] = central(q[i]);
    }
    for (i = 0; i < count; i++) {
        at[tails] = i;
        q[tails] = q[i];
        tails += fabs(q[i]) > 0.425;
    }
    for (i = 0; i < tails; i++)
        root[i] = minus_log(0.5 - fabs(q[i]));
    for (i = 0; i < tails; i++) /* alone: the check for negative numbers keeps it from vectors */
        root[i] = sqrt(root[i]);
    for (i = 0; i < tails; i++)
        q[i] = copysign(tail(root[i]), q[i]);
    for (i = 0; i < tails; i++)
        z[at[i]] = root[i] <= 5.0 ? q[i] : copysign(far_tail(root[i]), q[i]);
}

/* ---- Scores ---- */

/* Row k of W <- scale S'f for arm arm[k], f its features; S is upper triangular with zeros below. */
WIDE HIDDEN void joint_spread(ptrdiff_t arms, ptrdiff_t d, const ptrdiff_t *restrict arm,
                              const double *restrict features, const double *restrict S, double scale,
                              double *restrict W)
{
    ptrdiff_t i, j, k;
    for (j = 0; j < arms * d; j++)
        W[j] = 0.0;
    for (i = 0; i + 4 <= d; i += 4) { /* four rows of S stay at hand for all arms */
        const double *restrict s0 = S + i * d, *restrict s1 = s0 + d, *restrict s2 = s1 + d, *restrict s3 = s2 + d;
        for (k = 0; k < arms; k++) {
            const double *f = features + arm[k] * d + i;
            const double f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3];
            double *restrict w = W + k * d;
            if (f0 != 0.0 || f1 != 0.0 || f2 != 0.0 || f3 != 0.0)
                for (j = i; j < d; j++)
                    w[j] += (f0 * s0[j] + f1 * s1[j]) + (f2 * s2[j] + f3 * s3[j]);
        }
    }
    for (; i < d; i++)
        for (k = 0; k < arms; k++) {
            const double f0 = features[arm[k] * d + i];
            for (j = i; j < d; j++)
                W[k * d + j] += f0 * S[i * d + j];
        }
    for (j = 0; j < arms * d; j++)
        W[j] *= scale;
}

/* off (arms, LANES) <- W z: how far each arm's score is from its mean in each pair; z is (d, LANES). */
WIDE HIDDEN void joint_scores(ptrdiff_t arms, ptrdiff_t d, const double *restrict W, const double *restrict z,
                              double *restrict off)
{
    for (ptrdiff_t k = 0; k < arms; k++) {
        double *restrict total = off + k * LANES;
        const double *restrict w = W + k * d;
        ptrdiff_t i = 0;
        for (int b = 0; b < LANES; b++)
            total[b] = 0.0;
        for (; i + 4 <= d; i += 4) {
            const double *restrict row = z + i * LANES;
            for (int b = 0; b < LANES; b++)
                total[b] += (w[i] * row[b] + w[i + 1] * row[LANES + b]) +
                            (w[i + 2] * row[2 * LANES + b] + w[i + 3] * row[3 * LANES + b]);
        }
        for (; i < d; i++)
            for (int b = 0; b < LANES; b++)
                total[b] += w[i] * z[i * LANES + b];
    }
}

/* For each draw with scores mean + sign off: the highest, the first arm that has it, and how many have it. */
WIDE HIDDEN void joint_winners(ptrdiff_t arms, const double *restrict mean, const double *restrict off, double sign,
                               double *restrict best, double *restrict winner, double *restrict ties)
{
    double high[LANES], first[LANES], equal[LANES];
    for (int b = 0; b < LANES; b++) {
        high[b] = -INFINITY;
        first[b] = equal[b] = 0.0;
    }
    for (ptrdiff_t k = 0; k < arms; k++)
        for (int b = 0; b < LANES; b++) {
            const double score = mean[k] + sign * off[k * LANES + b], more = equal[b] + 1.0;
            equal[b] = score > high[b] ? 1.0 : score == high[b] ? more : equal[b];
            first[b] = score > high[b] ? (double)k : first[b];
            high[b] = score > high[b] ? score : high[b];
        }
    for (int b = 0; b < LANES; b++) {
        best[b] = high[b];
        winner[b] = first[b];
        ties[b] = equal[b];
    }
}
