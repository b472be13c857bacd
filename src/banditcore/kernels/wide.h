/* Loops that the compiler makes as wide as the machine at hand allows, with one result on all of them.

   WIDE compiles a function for several x86-64 levels and picks one when the module is loaded, so a wheel built on
   one machine runs on every other and is fast on each. Where the loader cannot pick (not glibc, not x86-64) or the
   compiler cannot name the clones as the linker expects them (clang) the function is compiled once, for the
   platform's baseline; on arm64 that has vectors already.

   What every such loop must keep: only + - * / and sqrt, each output element with an order of additions that does not
   depend on the width, and no contraction into fused multiply-add (-ffp-contract=off). Then the bytes are the same
   everywhere, and `banditcore audit` on one machine accepts what another has logged. */
#ifndef BANDITCORE_WIDE_H
#define BANDITCORE_WIDE_H

#include <stddef.h> /* defines __GLIBC__ by way of features.h where there is one */
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(BANDITCORE_BASELINE)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

#define HIDDEN __attribute__((visibility("hidden")))
/* Must become part of its caller, so that it is compiled for the caller's level. */
#define INLINE static inline __attribute__((always_inline))

/* e^x for x in [-708, 709]; what is below counts as -708. No branch and no call, for use in wide loops. Off by 1.02
   ulp at most on 12 million draws. x = n ln 2 + r with |r| <= ln 2 / 2, and e^r = 1 + r + r^2 q(r) with q of degree 9,
   minimax for the relative error of e^r (4e-18). */
static inline double wide_exp(double x)
{
    const double whole = 6755399441055744.0; /* 1.5 * 2^52: adding it leaves the nearest integer in the lowest bits */
    double n, r, r2, r4, q, y;
    uint64_t power, bits;
    x = x < -708.0 ? -708.0 : x;
    n = x * 1.4426950408889634 + whole;
    memcpy(&power, &n, sizeof power);
    n -= whole;
    r = (x - n * 0.6931471801362932) - n * 4.236521365809284e-10; /* ln 2 in two parts; the first product is exact */
    r2 = r * r;
    r4 = r2 * r2;
    q = (0.5000000000000011 + r * 0.1666666666666641 + r2 * (0.041666666666529725 + r * 0.008333333333494976)) +
        r4 * ((0.0013888888943759984 + r * 0.00019841269505773806 +
               r2 * (2.480149294961707e-05 + r * 2.755758680384707e-06)) +
              r4 * (2.7630306255647857e-07 + r * 2.500001885308334e-08));
    y = 1.0 + (r + r2 * q);
    memcpy(&bits, &y, sizeof bits);
    bits += power << 52; /* y * 2^n */
    memcpy(&y, &bits, sizeof y);
    return y;
}

#endif
