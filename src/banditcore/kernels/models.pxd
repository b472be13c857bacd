cimport numpy as cnp

from banditcore.kernels.hybrid cimport HybridArms
from banditcore.kernels.linear cimport LinearArms, Rows


cdef class Model:
    # What a posterior believes, of one context and without Python but where it says so. Those that return an int return
    # 0, or -1 where `raised` says why not.
    cdef object posterior
    cdef readonly object raised
    cdef readonly Py_ssize_t arms
    cdef readonly bint per_arm
    cdef Py_ssize_t own  # numbers from one arm's context to the next: d, or 0 where all share one
    cdef Py_ssize_t left  # rows until the posterior tunes itself
    cdef double pace
    cdef cnp.int64_t* tick
    cdef object kept

    # (K,) or NULL in place of a mask; what is written of an arm that it excludes means nothing
    cdef int means(self, const double* x, const unsigned char* mask, double* mean) noexcept nogil
    cdef int moments(self, const double* x, const unsigned char* mask, double scale, double* mean,
                     double* sd) noexcept nogil
    cdef int noise(self, double shape, double scale, double* variance) noexcept nogil
    cdef int seen(self, double* rows) noexcept nogil
    # Whether the next lesson fades or tunes, which only the posterior itself can.
    cdef bint needs_posterior(self, double time) noexcept nogil
    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil
    cdef int taught(self) noexcept nogil


cdef class NoModel(Model):
    pass


cdef class RatesModel(Model):
    cdef double *successes
    cdef double *failures
    cdef double prior_successes, prior_failures


cdef class LinearModel(Model):
    cdef LinearArms kernel
    cdef Rows rows
    cdef Py_ssize_t mature
    cdef double *scratch
    cdef double *work

    cdef int lend(self) noexcept nogil
    cdef int unlend(self) noexcept nogil
    cdef int ask_posterior(self, const char* method) noexcept nogil


cdef class LogisticModel(LinearModel):
    cdef double offset
    cdef double *sd


cdef class HybridModel(Model):
    cdef HybridArms kernel
    cdef Py_ssize_t d
    cdef double *scratch


cdef class SharedModel(Model):
    cdef LinearArms kernel
    cdef Py_ssize_t d, width, size  # of a context, of an arm's features, of their products
    cdef const double *arm_features
    cdef double *features
    cdef double *scratch
    cdef double *work

    cdef const double* lay_features(self, const double* x, const unsigned char* mask) noexcept nogil
    cdef void lay_arm(self, const double* x, Py_ssize_t arm) noexcept nogil
