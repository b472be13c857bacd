cimport numpy as cnp

from banditcore.kernels.steppers cimport Stepper
from banditcore.kernels.waiting cimport Waiting


cdef class Play:
    cdef Stepper policy
    cdef object kept, written
    cdef Waiting waiting
    cdef const double *x
    cdef const double *means
    cdef const double *values
    cdef const double *best
    cdef const double *outcomes
    cdef const double *delay
    cdef const double *time
    cdef const unsigned char *eligible
    cdef const cnp.int64_t *step
    cdef const cnp.int64_t *unit
    cdef const unsigned char *held_out
    cdef Py_ssize_t arms, numbers, goals, units, control, learn_every
    cdef bint unit_interval
    cdef double window, seconds
    cdef double *p
    # of the visit at hand
    cdef Py_ssize_t row, arm
    cdef bint held, all_eligible
    cdef double top
    # what happened, (n,) and (n, goals)
    cdef cnp.int32_t *out_arm
    cdef double *out_propensity
    cdef double *out_gap
    cdef double *out_mean
    cdef double *out_probe
    cdef double *out_outcomes
    cdef unsigned char *out_held

    cdef Py_ssize_t decide(self, double u, cnp.uint64_t seed) noexcept nogil
    cdef Py_ssize_t inspect(self) noexcept nogil
    cdef void note(self) noexcept nogil
    cdef Py_ssize_t learn(self) noexcept nogil
    cdef Py_ssize_t earned(self) noexcept nogil
    cdef int catch_up(self) noexcept nogil
    cdef cnp.int64_t closes(self, cnp.int64_t decided_ms) noexcept nogil
    cdef int postpone(self, cnp.int64_t due, cnp.int64_t order, double reward) noexcept nogil
    cdef int resolve(self, cnp.int64_t now) noexcept nogil
