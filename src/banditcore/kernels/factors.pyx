# cython: boundscheck=False, wraparound=False, cdivision=True
"""Upper triangular inverse factors S with A^-1 = S S': made, probed, bounded. The loops are in factors_loops.c."""

from libc.math cimport sqrt

cdef extern from "factors_loops.h" nogil:
    double wide_dot(Py_ssize_t n, const double* x, const double* y)
    void wide_transposed_times(Py_ssize_t d, const double* S, const double* x, double* y)
    void wide_times(Py_ssize_t d, const double* S, const double* y, double* s)
    void wide_solve(Py_ssize_t d, const double* S, const double* x, const double* b, double* y, double* v, double* s,
                    double* m)
    void wide_absorb(Py_ssize_t d, double* S, const double* w, double* keep, double* give)
    void wide_add_outer(Py_ssize_t d, double* A, double weight, const double* x)
    void wide_symmetric_times(Py_ssize_t d, const double* A, const double* x, double* s)

cdef double TOLERANCE = 1e-10


cdef double dot(Py_ssize_t n, const double* x, const double* y) noexcept nogil:
    return wide_dot(n, x, y)


cdef void transposed_times(Py_ssize_t d, const double* S, const double* x, double* y) noexcept nogil:
    wide_transposed_times(d, S, x, y)


cdef void times(Py_ssize_t d, const double* S, const double* y, double* s) noexcept nogil:
    wide_times(d, S, y, s)


cdef void absorb(Py_ssize_t d, double* S, const double* w, double* keep, double* give) noexcept nogil:
    wide_absorb(d, S, w, keep, give)


cdef void add_outer(Py_ssize_t d, double* A, double weight, const double* x) noexcept nogil:
    wide_add_outer(d, A, weight, x)


cdef void symmetric_times(Py_ssize_t d, const double* A, const double* x, double* s) noexcept nogil:
    wide_symmetric_times(d, A, x, s)


cdef void factor(Py_ssize_t d, const double* A, double least, double* S, double* L) noexcept nogil:
    """L L' = A and S = L^-T where A - least I is known to be a sum of squares.

    Then no pivot lies below `least` (it is 1 over a diagonal element of an inverse that is at most I / least), and
    where rounding says less, `least` is right. Unlike `rebuild` it therefore cannot fail.
    """
    cdef Py_ssize_t i, j
    cdef double value
    for i in range(d):
        for j in range(i):
            L[i * d + j] = (A[i * d + j] - wide_dot(j, L + i * d, L + j * d)) / L[j * d + j]
        value = A[i * d + i] - wide_dot(i, L + i * d, L + i * d)
        L[i * d + i] = sqrt(value if value > least else least)
    invert(d, L, S)


cdef void invert(Py_ssize_t d, const double* L, double* S) noexcept nogil:
    """S = L^-T."""
    cdef Py_ssize_t i, j
    for j in range(d):
        S[j * d + j] = 1.0 / L[j * d + j]
        for i in range(j + 1, d):
            S[j * d + i] = -wide_dot(i - j, L + i * d + j, S + j * d + j) / L[i * d + i]


cdef bint rebuild(Py_ssize_t d, const double* A, double* S, double* L) noexcept nogil:
    """S <- inverse transposed Cholesky factor of A; False, S untouched, where A is numerically singular."""
    cdef Py_ssize_t i, j
    cdef double value
    for i in range(d):
        for j in range(i + 1):
            value = A[i * d + j] - wide_dot(j, L + i * d, L + j * d)
            if i == j:
                if not value > 0.0:
                    return False
                L[i * d + i] = sqrt(value)
            else:
                L[i * d + j] = value / L[j * d + j]
    invert(d, L, S)
    return True


cdef double backward_error(Py_ssize_t d, const double* A, const double* S, const double* x,
                           const double* b, double* m, double* scratch) noexcept nogil:
    """||A s - x|| / (trace(A) ||s|| + ||x||) for s = S S'x: how well S still inverts A, at O(d^2); m <- S S'b.

    scratch: four vectors. Both products go over S at once.
    """
    cdef Py_ssize_t i
    cdef double trace = 0.0, length = sqrt(wide_dot(d, x, x))
    cdef double* s = scratch + 2 * d
    cdef double* image = scratch + 3 * d
    wide_solve(d, S, x, b, scratch, scratch + d, s, m)
    wide_symmetric_times(d, A, s, image)
    for i in range(d):
        trace += A[i * d + i]
        image[i] -= x[i]
    return sqrt(wide_dot(d, image, image)) / (trace * sqrt(wide_dot(d, s, s)) + length) if length > 0.0 else 0.0


cdef double largest_eigenvalue(Py_ssize_t d, const double* S, double* M, double* N) noexcept nogil:
    """An upper bound of the largest eigenvalue of S S', tight within d^(1/8): trace(M^8)^(1/8) for M = S'S."""
    cdef Py_ssize_t i, j, k
    cdef double size = 0.0
    for i in range(d):
        for j in range(d):
            M[i * d + j] = 0.0
    for k in range(d):
        size += wide_dot(d - k, S + k * d + k, S + k * d + k)
    if not size > 0.0:
        return 0.0
    for k in range(d):
        wide_add_outer(d, M, 1.0 / size, S + k * d)
    square(d, M, N)
    square(d, N, M)
    return size * sqrt(sqrt(sqrt(wide_dot(d * d, M, M))))


cdef void square(Py_ssize_t d, const double* M, double* N) noexcept nogil:
    """N = M M for symmetric M."""
    cdef Py_ssize_t i, j
    for i in range(d):
        for j in range(d):
            N[i * d + j] = wide_dot(d, M + i * d, M + j * d)
