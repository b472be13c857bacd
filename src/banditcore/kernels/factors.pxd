"""Loops over upper triangular inverse factors S with A^-1 = S S'; the bytes do not depend on the machine."""

cdef enum:
    REBUILD = 4096  # updates after which a factor is made afresh

cdef double TOLERANCE  # of backward_error, above which it is made afresh at once

cdef double dot(Py_ssize_t n, const double* x, const double* y) noexcept nogil
cdef void transposed_times(Py_ssize_t d, const double* S, const double* x, double* y) noexcept nogil
cdef void times(Py_ssize_t d, const double* S, const double* y, double* s) noexcept nogil
cdef void absorb(Py_ssize_t d, double* S, const double* w, double* keep, double* give) noexcept nogil
cdef void factor(Py_ssize_t d, const double* A, double least, double* S, double* L) noexcept nogil
cdef bint rebuild(Py_ssize_t d, const double* A, double* S, double* L) noexcept nogil
cdef double backward_error(Py_ssize_t d, const double* A, const double* S, const double* x,
                           const double* b, double* m, double* scratch) noexcept nogil
cdef void add_outer(Py_ssize_t d, double* A, double weight, const double* x) noexcept nogil
cdef void symmetric_times(Py_ssize_t d, const double* A, const double* x, double* s) noexcept nogil
cdef double largest_eigenvalue(Py_ssize_t d, const double* S, double* M, double* N) noexcept nogil
