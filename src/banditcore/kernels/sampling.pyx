# cython: boundscheck=False, wraparound=False, cdivision=True
"""From a probability vector to an arm, and the additive exploration floor under the vector."""

cimport numpy as cnp
import numpy as np

from libc.math cimport INFINITY, fabs

cnp.import_array()


cdef void share_and_floor(Py_ssize_t count, const unsigned char* mask, double floor, double* p) noexcept nogil:
    """p <- (1 - floor) p + floor / (eligible arms), in place; ineligible arms become exactly 0."""
    cdef Py_ssize_t k, eligible = count
    cdef double base
    if mask != NULL:
        eligible = 0
        for k in range(count):
            eligible += mask[k] != 0
    base = floor / eligible
    for k in range(count):
        p[k] = (1.0 - floor) * p[k] + base if mask == NULL or mask[k] else 0.0


cdef void share_best(Py_ssize_t count, double* p) noexcept nogil:
    """p <- equal shares for the exactly highest of the scores in p, in place."""
    cdef Py_ssize_t k, ties = 0
    cdef double best = -INFINITY
    for k in range(count):
        if p[k] > best:
            best, ties = p[k], 0
        ties += p[k] == best
    for k in range(count):
        p[k] = 1.0 / ties if p[k] == best else 0.0


cdef Py_ssize_t pick(Py_ssize_t count, const double* p, double u) noexcept nogil:
    cdef Py_ssize_t k, last = 0
    cdef double total = 0.0
    for k in range(count):
        if p[k] > 0.0:
            total += p[k]
            last = k
            if u < total:
                break
    return last


def add_floor(const double[:, ::1] vectors, mask, double floor, double[:, ::1] out):
    """out <- floored `vectors`; mask is None or (n, K) uint8."""
    cdef Py_ssize_t i, n = vectors.shape[0], count = vectors.shape[1]
    cdef const unsigned char[:, ::1] rows = mask
    cdef const unsigned char* row = NULL
    out[...] = vectors
    for i in range(n):
        if mask is not None:
            row = &rows[i, 0]
        share_and_floor(count, row, floor, &out[i, 0])


def best_vectors(const double[:, ::1] scores, mask, double floor, double[:, ::1] out):
    """out (n, K) <- floored equal shares of the highest eligible scores; mask None, (K,) or (n, K) bool."""
    cdef Py_ssize_t i, n = scores.shape[0], count = scores.shape[1]
    cdef Mask rows = lay_mask(mask, count)
    with nogil:
        for i in range(n):
            best_row(count, &scores[i, 0], rows.first, floor, &out[i, 0])
            if rows.first != NULL:
                rows.first += rows.step


cdef void best_row(Py_ssize_t count, const double* score, const unsigned char* mask, double floor,
                   double* p) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(count):
        p[k] = score[k] if mask == NULL or mask[k] else -INFINITY
    share_best(count, p)
    share_and_floor(count, mask, floor, p)


def gap_vectors(const double[:, ::1] scores, mask, double gamma, double floor, double[:, ::1] out):
    """out (n, K) <- floored inverse-gap weights: 1 / (E + gamma * (best - score)), what is left to the best.

    E eligible arms; exactly equal best scores share what is left. Source: Foster and Rakhlin (2020),
    arXiv:2002.04926, after Abe and Long (1999).
    """
    cdef Py_ssize_t i, n = scores.shape[0], count = scores.shape[1]
    cdef Mask rows = lay_mask(mask, count)
    with nogil:
        for i in range(n):
            gap_row(count, &scores[i, 0], rows.first, gamma, floor, &out[i, 0])
            if rows.first != NULL:
                rows.first += rows.step


cdef void gap_row(Py_ssize_t count, const double* score, const unsigned char* mask, double gamma, double floor,
                  double* p) noexcept nogil:
    weigh_gaps(count, score, mask, gamma, p)
    share_and_floor(count, mask, floor, p)


cdef void weigh_gaps(Py_ssize_t count, const double* score, const unsigned char* mask, double gamma,
                     double* p) noexcept nogil:
    cdef Py_ssize_t k, eligible = 0, ties = 0
    cdef double best = -INFINITY, left = 1.0
    for k in range(count):
        if mask != NULL and not mask[k]:
            continue
        eligible += 1
        if score[k] > best:
            best, ties = score[k], 0
        ties += score[k] == best
    for k in range(count):
        p[k] = 0.0
        if (mask == NULL or mask[k]) and score[k] < best:
            p[k] = 1.0 / (eligible + gamma * (best - score[k]))
            left -= p[k]
    for k in range(count):
        if (mask == NULL or mask[k]) and score[k] == best:
            p[k] = left / ties


cdef struct Mask:
    const unsigned char* first
    Py_ssize_t step


cdef Mask lay_mask(mask, Py_ssize_t count):
    cdef Mask rows
    rows.first, rows.step = NULL, 0
    if mask is not None:
        rows.first = <const unsigned char*>cnp.PyArray_DATA(<cnp.ndarray>mask)
        rows.step = count if cnp.PyArray_NDIM(<cnp.ndarray>mask) == 2 else 0
    return rows


def draw(const double[::1] p, double u):
    """Arm at which the running sum of p first exceeds u; the last arm with p > 0 takes what rounding leaves.

    p: (K,) float64 summing to 1; u in [0, 1). Never returns an arm with p == 0. O(K), in arm order.
    """
    return pick(p.shape[0], &p[0], u)


def lawful(const double[:, ::1] vectors):
    """True when every row of (n, K) is a probability vector: no number below 0, sum 1 within 1e-9."""
    cdef Py_ssize_t i, k
    cdef double total
    for i in range(vectors.shape[0]):
        total = 0.0
        for k in range(vectors.shape[1]):
            if not vectors[i, k] >= 0.0:  # written so that NaN fails too
                return False
            total += vectors[i, k]
        if not fabs(total - 1.0) <= 1e-9:
            return False
    return True


def draw_many(const double[:, ::1] vectors, const double[::1] u):
    """`draw` row by row: vectors (n, K), u (n,) -> arms (n,) int32."""
    cdef Py_ssize_t i, n = vectors.shape[0], count = vectors.shape[1]
    arms = np.empty(n, dtype=np.int32)
    cdef int[::1] out = arms
    with nogil:
        for i in range(n):
            out[i] = <int>pick(count, &vectors[i, 0], u[i])
    return arms
