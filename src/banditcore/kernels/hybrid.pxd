cimport numpy as cnp


cdef class HybridArms:
    cdef readonly cnp.ndarray A, b, B, S, m, W, n, weight, sum_r, sum_r2, rss, age
    cdef readonly cnp.ndarray Z, bz, A0, b0, S0, beta, age0
    cdef Py_ssize_t arms, columns, own, d, q  # x starts at column `own`, z at 0
    cdef double l2
    cdef double *pA
    cdef double *pb
    cdef double *pB
    cdef double *pS
    cdef double *pm
    cdef double *pW
    cdef double *pZ
    cdef double *pbz
    cdef double *pA0
    cdef double *pb0
    cdef double *pS0
    cdef double *pbeta

    cdef Py_ssize_t room(self) noexcept nogil
    cdef double* scratch(self) except NULL
    cdef void renew_arm(self, Py_ssize_t k, double* L) noexcept nogil
    cdef void set_out(self, Py_ssize_t k) noexcept nogil
    cdef void solve_shared(self, double* w) noexcept nogil
    cdef void learn_row(self, Py_ssize_t k, const double* z, double r, double* scratch) noexcept nogil
    # z: the row, or the arm's own; sd NULL: the mean alone
    cdef void score(self, Py_ssize_t k, const double* z, double* mean, double* sd, double* u) noexcept nogil
    cdef void derive(self, double* scratch) noexcept nogil
    cdef void settle_shared(self, double* noise, double* L) noexcept nogil
    cdef bint is_tied(self) noexcept nogil
    cdef void add_tied(self, Py_ssize_t k) noexcept nogil
