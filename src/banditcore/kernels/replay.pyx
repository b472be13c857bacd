# cython: boundscheck=False, wraparound=False, cdivision=True
"""Which row of a block is the first that a replay accepts: arms, uniforms and limits are of the whole page."""

cimport numpy as cnp

from banditcore.kernels.sampling cimport pick

cnp.import_array()


def first_match(cnp.ndarray vectors, cnp.ndarray arms, cnp.ndarray uniform, Py_ssize_t start):
    """Index in vectors (n, K) of the first row whose drawn arm is that of row `start` + index; -1 for none."""
    cdef const double* p = <const double*>cnp.PyArray_DATA(vectors)
    cdef const cnp.int64_t* arm = <const cnp.int64_t*>cnp.PyArray_DATA(arms) + start
    cdef const double* u = <const double*>cnp.PyArray_DATA(uniform) + start
    cdef Py_ssize_t i, K = cnp.PyArray_DIM(vectors, 1)
    for i in range(cnp.PyArray_DIM(vectors, 0)):
        if pick(K, p + i * K, u[i]) == arm[i]:
            return i
    return -1


def first_below(cnp.ndarray vectors, cnp.ndarray arms, cnp.ndarray limits, Py_ssize_t start):
    """Index of the first row whose limit is below the probability of the arm of row `start` + index; -1 for none."""
    cdef const double* p = <const double*>cnp.PyArray_DATA(vectors)
    cdef const cnp.int64_t* arm = <const cnp.int64_t*>cnp.PyArray_DATA(arms) + start
    cdef const double* limit = <const double*>cnp.PyArray_DATA(limits) + start
    cdef Py_ssize_t i, K = cnp.PyArray_DIM(vectors, 1)
    for i in range(cnp.PyArray_DIM(vectors, 0)):
        if limit[i] < p[i * K + arm[i]]:
            return i
    return -1
