# cython: boundscheck=False, wraparound=False, cdivision=True
"""How well regularisers explain what disjoint regressions have seen: all that is not a logarithm.

Of an arm, with G = X'X, c = X'(r - X m0) and total = |r - X m0|^2, the evidence for l2 takes det(G + l2 I) and
c'(G + l2 I)^-1 c. Reflections make G tridiagonal once, Q'GQ = T; then T + l2 I = L P L' costs O(d) for every l2. An
eigendecomposition would serve as well, but LAPACK picks its kernels by CPU, and its last bits decided ties.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport frexp, sqrt
from libc.stdlib cimport free, malloc

from banditcore.kernels.factors cimport dot, symmetric_times
from banditcore.kernels.linear cimport LinearArms

cnp.import_array()


cdef void tridiagonalise(Py_ssize_t size, double* G, double* c, double* beside, double* w, double* q) noexcept nogil:
    """G (size, size) <- the diagonal of Q'GQ in its first `size` numbers, beside <- what lies next to it, c <- Q'c.

    Householder, one row at a time; what is left of G moves up, so that it stays a matrix without gaps.
    """
    cdef Py_ssize_t i, j, step, last = size - 1
    cdef double length, along
    cdef double* left = G
    for step in range(last):
        for i in range(last - step):
            w[i] = left[i + 1]
        left += 1
        size = last - step
        for i in range(size):
            for j in range(size):
                left[i * size + j] = left[(i + 1) * (size + 1) + j]
        length = sqrt(dot(size, w, w))
        beside[step] = 0.0
        if length > 0.0:
            beside[step] = -length if w[0] > 0.0 else length
            w[0] -= beside[step]
            length = sqrt(0.5 * dot(size, w, w))
            for i in range(size):
                w[i] /= length
            # H = I - w w', H G H = G - w q' - q w' with q = G w - (w'G w / 2) w
            symmetric_times(size, left, w, q)
            along = 0.5 * dot(size, w, q)
            for i in range(size):
                q[i] -= along * w[i]
            for i in range(size):
                for j in range(size):
                    left[i * size + j] -= w[i] * q[j] + q[i] * w[j]
            along = dot(size, w, c + step + 1)
            for i in range(size):
                c[step + 1 + i] -= along * w[i]


cdef void shrink(Py_ssize_t d, const double* diagonal, const double* beside, const double* c, double l2,
                 double* explained, double* share, cnp.int64_t* power) noexcept nogil:
    """explained += c'(T + l2 I)^-1 c; share 2^power *= det(l2 I) / det(T + l2 I), where T has no eigenvalue below 0."""
    cdef Py_ssize_t j
    cdef int shift
    cdef double pivot = 0.0, y = 0.0, factor
    for j in range(d):
        factor = beside[j - 1] / pivot if j > 0 else 0.0
        y = c[j] - factor * y
        pivot = diagonal[j] + l2 - (factor * beside[j - 1] if j > 0 else 0.0)
        pivot = max(pivot, l2)  # as it is but for rounding
        explained[0] += y * y / pivot
        share[0] = frexp(share[0] * (l2 / pivot), &shift)
        power[0] += shift


def evidence_terms(LinearArms arms, const double[::1] l2):
    """For each of n regularisers over all arms: the residual sum of squares left by shrinking, and prod l2 / (e + l2)
    over the eigenvalues e of all G as share (n,) in [1/2, 1) and power (n,), share 2^power.

    Returns residual (n,), share (n,), power (n,) and the residual sum where nothing is explained.
    """
    cdef Py_ssize_t k, i, g, d = arms.d, n = l2.shape[0]
    explained_, share_, power_ = np.zeros(n), np.ones(n), np.zeros(n, dtype=np.int64)
    cdef double[::1] explained = explained_, share = share_
    cdef cnp.int64_t[::1] power = power_
    cdef const double* own = <const double*>cnp.PyArray_DATA(arms.l2)
    cdef const double* sum_r2 = <const double*>cnp.PyArray_DATA(arms.sum_r2)
    cdef const double* m0
    cdef double total = 0.0
    cdef double* G = <double*>malloc((d * d + 4 * d) * sizeof(double))
    cdef double* c = G + d * d
    cdef double* beside = c + d
    cdef double* w = beside + d
    cdef double* q = w + d
    if G == NULL:
        raise MemoryError
    with nogil:
        for k in range(arms.arms):
            m0 = <const double*>cnp.PyArray_DATA(arms.m0) + k * d
            for i in range(d * d):
                G[i] = arms.pA[k * d * d + i]
            for i in range(d):
                G[i * d + i] -= own[k]
                c[i] = arms.pb[k * d + i] - own[k] * m0[i]
            symmetric_times(d, G, m0, q)
            total += sum_r2[k] + (dot(d, m0, q) - 2.0 * dot(d, m0, c))
            for i in range(d):
                c[i] -= q[i]
            tridiagonalise(d, G, c, beside, w, q)
            for g in range(n):
                shrink(d, G, beside, c, l2[g], &explained[g], &share[g], &power[g])
    free(G)
    return total - explained_, share_, power_, total
