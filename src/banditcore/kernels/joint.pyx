# cython: boundscheck=False, wraparound=False, cdivision=True
"""Thompson sampling with one posterior for all arms, by counting the wins of seeded joint draws.

theta ~ N(m, s2 S S') is shared, so the arms' scores f_k'theta are correlated and no one-dimensional integral gives
the law of the best one. The vector is therefore *defined* by draws: M draws of theta, p_k the share of them in which
arm k scores highest (exact ties split equally), then the floor. A decision is drawn from exactly this vector, so
there is no error in what is logged; the distance to ideal Thompson sampling, which is the mean of this vector over
seeds, is stated beside it.

A pure function of its arguments, to the byte, on every machine:
- words: Philox4x64-10 with key (seed, 0), the stream of `numpy.random.Philox(key=seed).random_raw`;
- normals: word -> u = ((word >> 11) + 1/2) / 2^53 -> AS 241's inverse distribution function;
- pairs: draws come in antithetic pairs m + s S z and m - s S z. Pair 16 c + b takes coordinate i of z from word
  (c D + i) 16 + b, so more draws only add to fewer;
- scores: f_k'm +- w_k'z, w_k = s S'f_k; sums run over ascending coordinates, in S'f_k four at a time.

Every draw by itself is exactly N(m, s2 S S'), so the mean over seeds is the law itself. Why pairs: a mirrored draw is
almost free, and at equal cost its total variation distance to the law was 0.6 to 0.7 of that of independent draws.
Why not a shifted lattice: better still on average, but two coordinates with nearby generators move in step, and an
arm that hangs on each then errs by up to 0.2 where independent draws err by 0.03, without any sign of it.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport sqrt
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

from banditcore.kernels.sampling cimport share_and_floor

cnp.import_array()

cdef extern from *:
    """
    #include "wide.h"
    HIDDEN void joint_words(uint64_t seed, uint64_t first, ptrdiff_t blocks, uint64_t *out);
    HIDDEN void joint_normals(ptrdiff_t count, const uint64_t *word, double *z, double *q, double *root,
                              ptrdiff_t *at);
    HIDDEN void joint_spread(ptrdiff_t arms, ptrdiff_t d, const ptrdiff_t *arm, const double *features,
                             const double *S, double scale, double *W);
    HIDDEN void joint_scores(ptrdiff_t arms, ptrdiff_t d, const double *W, const double *z, double *off);
    HIDDEN void joint_winners(ptrdiff_t arms, const double *mean, const double *off, double sign, double *best,
                              double *winner, double *ties);
    """
    void joint_words(uint64_t seed, uint64_t first, Py_ssize_t blocks, uint64_t* out) noexcept nogil
    void joint_normals(Py_ssize_t count, const uint64_t* word, double* z, double* q, double* root,
                       Py_ssize_t* at) noexcept nogil
    void joint_spread(Py_ssize_t arms, Py_ssize_t d, const Py_ssize_t* arm, const double* features, const double* S,
                      double scale, double* W) noexcept nogil
    void joint_scores(Py_ssize_t arms, Py_ssize_t d, const double* W, const double* z, double* off) noexcept nogil
    void joint_winners(Py_ssize_t arms, const double* mean, const double* off, double sign, double* best,
                       double* winner, double* ties) noexcept nogil

cdef size_t room(Py_ssize_t arms, Py_ssize_t d) noexcept nogil:
    """Elements of 8 bytes that `lay_out` cuts up."""
    return arms * (4 + d + LANES) + 5 * d * LANES


cdef void lay_out(Draws* draws, Py_ssize_t arms, Py_ssize_t d, double* memory) noexcept nogil:
    draws.d = d
    draws.mean = memory
    draws.wins = draws.mean + arms
    draws.squares = draws.wins + arms
    draws.W = draws.squares + arms
    draws.off = draws.W + arms * d
    draws.z = draws.off + arms * LANES
    draws.q = draws.z + d * LANES
    draws.root = draws.q + d * LANES
    draws.words = <uint64_t*>(draws.root + d * LANES)
    draws.at = <Py_ssize_t*>(draws.words + d * LANES)
    draws.arm = draws.at + d * LANES


cdef void enter(Draws* draws, Py_ssize_t arms, const double* features, const double* m, const double* S, double scale,
                const unsigned char* mask) noexcept nogil:
    """The eligible arms of a row, packed to the front, with the mean and the spread of each score."""
    cdef Py_ssize_t k, i
    cdef double total
    draws.arms = 0
    for k in range(arms):
        if mask == NULL or mask[k]:
            total = 0.0
            for i in range(draws.d):
                total += features[k * draws.d + i] * m[i]
            draws.mean[draws.arms] = total
            draws.arm[draws.arms] = k
            draws.wins[draws.arms] = draws.squares[draws.arms] = 0.0
            draws.arms += 1
    joint_spread(draws.arms, draws.d, draws.arm, features, S, scale, draws.W)


cdef void count_pair(Draws* draws, Py_ssize_t b) noexcept nogil:
    cdef Py_ssize_t k
    cdef Py_ssize_t one = <Py_ssize_t>draws.plus.winner[b], other = <Py_ssize_t>draws.minus.winner[b]
    cdef double off, up, down
    if draws.plus.ties[b] == 1.0 and draws.minus.ties[b] == 1.0:
        draws.wins[one] += 1.0
        draws.wins[other] += 1.0
        draws.squares[one] += 1.0 if one != other else 4.0
        draws.squares[other] += 1.0 if one != other else 0.0
        return
    for k in range(draws.arms):
        off = draws.off[k * LANES + b]
        up = 1.0 / draws.plus.ties[b] if draws.mean[k] + off == draws.plus.best[b] else 0.0
        down = 1.0 / draws.minus.ties[b] if draws.mean[k] - off == draws.minus.best[b] else 0.0
        draws.wins[k] += up + down
        draws.squares[k] += (up + down) * (up + down)


cdef void count_wins(Draws* draws, uint64_t seed, Py_ssize_t pairs) noexcept nogil:
    cdef Py_ssize_t b, pair = 0, lanes = draws.d * LANES
    while pair < pairs:
        joint_words(seed, 1 + pair * draws.d // 4, lanes // 4, draws.words)
        joint_normals(lanes, draws.words, draws.z, draws.q, draws.root, draws.at)
        joint_scores(draws.arms, draws.d, draws.W, draws.z, draws.off)
        joint_winners(draws.arms, draws.mean, draws.off, 1.0, draws.plus.best, draws.plus.winner, draws.plus.ties)
        joint_winners(draws.arms, draws.mean, draws.off, -1.0, draws.minus.best, draws.minus.winner,
                      draws.minus.ties)
        for b in range(min(LANES, pairs - pair)):  # a last, broken block is drawn whole and counted in part
            count_pair(draws, b)
        pair += LANES


cdef double read_off(const Draws* draws, Py_ssize_t arms, Py_ssize_t pairs, double* p) noexcept nogil:
    """p (arms,) <- shares of the draws, ineligible arms 0; returns the largest standard error among them."""
    cdef Py_ssize_t k
    cdef double share, widest = 0.0, M = 2.0 * pairs
    for k in range(arms):
        p[k] = 0.0
    for k in range(draws.arms):
        share = draws.wins[k] / M
        p[draws.arm[k]] = share
        widest = max(widest, draws.squares[k] / M - 2.0 * share * share)
    return sqrt(widest / M)


cdef double joint_row(Draws* draws, Py_ssize_t arms, const double* features, const double* m, const double* S,
                      double scale, const unsigned char* mask, uint64_t seed, Py_ssize_t pairs, double floor,
                      double* p) noexcept nogil:
    """One row of `joint_vectors`: p (arms,) and its standard error."""
    cdef double error
    enter(draws, arms, features, m, S, scale, mask)
    count_wins(draws, seed, pairs)
    error = read_off(draws, arms, pairs, p)
    share_and_floor(arms, mask, floor, p)
    return error


def joint_vectors(cnp.ndarray features, cnp.ndarray m, cnp.ndarray S, double variance, mask, cnp.ndarray seeds,
                  Py_ssize_t draws, double floor, cnp.ndarray out, cnp.ndarray errors=None):
    """out (n, K) <- each row's shares of wins over `draws` joint draws, floored; see the head of this module.

    features: (n, K, D) float64, C-contiguous; m: (D,); S: (D, D) upper triangular with zeros below;
    variance: s2 >= 0; mask: None, (K,) or (n, K) bool, an ineligible arm never wins and gets exactly 0;
    seeds: (n,) uint64; draws: at least 1, an odd number counts as the next even one.

    errors, (n,) if wanted: the largest standard error of a share before the floor, at most sqrt(2 p (1 - p) / M),
    and sqrt(p (1 - p) / M) where mirrored draws win independently. It is estimated from the M/2 pairs: with w_j the
    arm's share of pair j's two wins together, its square is (sum w_j^2 / M - 2 p^2) / M. It says how far the vector is
    from ideal Thompson sampling, not that anything logged is inexact: the arm is drawn from the vector as it stands.
    Where it stops: 0 where all pairs agree, so an arm that never won may still deserve up to about 6/M (at 95%).
    """
    cdef Py_ssize_t i, n = cnp.PyArray_DIM(features, 0), arms = cnp.PyArray_DIM(features, 1)
    cdef Py_ssize_t d = cnp.PyArray_DIM(features, 2), pairs = draws // 2 + draws % 2, mask_step = 0
    cdef const double* x = <const double*>cnp.PyArray_DATA(features)
    cdef const double* mean = <const double*>cnp.PyArray_DATA(m)
    cdef const double* factor = <const double*>cnp.PyArray_DATA(S)
    cdef const uint64_t* seed = <const uint64_t*>cnp.PyArray_DATA(seeds)
    cdef const unsigned char* allowed = NULL
    cdef double* p = <double*>cnp.PyArray_DATA(out)
    cdef double* kept = NULL if errors is None else <double*>cnp.PyArray_DATA(errors)
    cdef double error, scale = sqrt(variance)
    cdef double* memory
    cdef Draws row
    if mask is not None:
        allowed = <const unsigned char*>cnp.PyArray_DATA(<cnp.ndarray>mask)
        mask_step = arms if cnp.PyArray_NDIM(<cnp.ndarray>mask) == 2 else 0
    memory = <double*>malloc(room(arms, d) * sizeof(double))
    if memory == NULL:
        raise MemoryError
    with nogil:
        lay_out(&row, arms, d, memory)
        for i in range(n):
            error = joint_row(&row, arms, x + i * arms * d, mean, factor, scale, allowed, seed[i], pairs, floor,
                              p + i * arms)
            if kept != NULL:
                kept[i] = error
            allowed += mask_step
    free(memory)


def philox(seed, Py_ssize_t n):
    """(n,) uint64: the first n words of Philox4x64-10, equal to `numpy.random.Philox(key=seed).random_raw(n)`.

    seed: 0 <= seed < 2^64, the first word of the key; the second is 0.
    """
    cdef uint64_t key = seed
    cdef cnp.ndarray words = np.empty((n + 3) // 4 * 4, dtype=np.uint64)
    joint_words(key, 1, (n + 3) // 4, <uint64_t*>cnp.PyArray_DATA(words))
    return words[:n]


def normals_of(const uint64_t[::1] words):
    """(n,) float64: the standard normal of each word, the inverse distribution function at the u in the head."""
    cdef Py_ssize_t n = words.shape[0]
    cdef cnp.ndarray z = np.empty(n)
    cdef double* memory
    if n == 0:
        return z
    memory = <double*>malloc(3 * n * sizeof(double))
    if memory == NULL:
        raise MemoryError
    joint_normals(n, &words[0], <double*>cnp.PyArray_DATA(z), memory, memory + n, <Py_ssize_t*>(memory + 2 * n))
    free(memory)
    return z


def standard_normals(seed, Py_ssize_t n):
    """(n,) float64: word by word the normals of `philox(seed, n)`."""
    return normals_of(philox(seed, n))
