cimport numpy as cnp

from banditcore.kernels.models cimport Model


cdef class Stepper:
    # One row at a time. Both return 0, or -1 where `raised` says why not.
    cdef readonly object raised
    cdef readonly Py_ssize_t arms, numbers
    # (K,) or NULL in place of a mask; p is (K,) and gets the floored vector.
    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil
    # time in seconds
    cdef int learn(self, const double* x, Py_ssize_t arm, double reward, double time) noexcept nogil


cdef class PolicyStepper(Stepper):
    cdef object policy
    cdef cnp.ndarray context, out, eligible, seed
    cdef bint timed, seeded

    cdef int ask(self, const double* x, const unsigned char* mask, cnp.uint64_t seed) except -1


cdef class ModelStepper(Stepper):
    cdef Model model
    cdef object policy, memory
    cdef PolicyStepper plain
    cdef double floor, low, high
    cdef double *mean
    cdef double *sd
    cdef double *scratch

    cdef int failed(self) noexcept nogil
