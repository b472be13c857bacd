/* Loops that the compiler makes as wide as the machine at hand allows, with one result on all of them.

   WIDE compiles a function for several x86-64 levels and picks one when the module is loaded, so a wheel built on
   one machine runs on every other and is fast on each. Where the loader cannot pick (not glibc, not x86-64) the
   function is compiled once, for the platform's baseline; on arm64 that has vectors already.

   What every such loop must keep: only + - * / and sqrt, each output element with an order of additions that does not
   depend on the width, and no contraction into fused multiply-add (-ffp-contract=off). Then the bytes are the same
   everywhere, and `banditcore audit` on one machine accepts what another has logged. */
#ifndef BANDITCORE_WIDE_H
#define BANDITCORE_WIDE_H

#include <stddef.h> /* defines __GLIBC__ by way of features.h where there is one */
#include <stdint.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(BANDITCORE_BASELINE)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

#define HIDDEN __attribute__((visibility("hidden")))
/* Must become part of its caller, so that it is compiled for the caller's level. */
#define INLINE static inline __attribute__((always_inline))

#endif
