# cython: boundscheck=False, wraparound=False
"""Questions the boundary asks of an array: may a kernel read it as it lies in memory?

A "no" is not yet an error: the caller then converts and looks closer, at leisure, to name what is wrong.
"""

cimport numpy as cnp
from libc.math cimport fabs

cnp.import_array()

LIMIT = 1e30
"""Largest size of a number the learner accepts: products of several must stay finite, or one row would ruin the state."""
cdef double BOUND = LIMIT


cdef bint is_plain(object array, int kind) noexcept:
    return (
        cnp.PyArray_CheckExact(array)
        and cnp.PyArray_TYPE(<cnp.ndarray>array) == kind
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)
    )


cdef bint is_bounded(cnp.ndarray array) noexcept:
    cdef const double* value = <const double*>cnp.PyArray_DATA(array)
    cdef Py_ssize_t i, size = cnp.PyArray_SIZE(array)
    for i in range(size):
        if not fabs(value[i]) <= BOUND:  # written so that NaN fails too
            return False
    return True


def plain_contexts(object array, Py_ssize_t n_arms, Py_ssize_t n_features):
    """True for a C-contiguous float64 (n, d) or (n, K, d) whose numbers are finite and at most LIMIT in size."""
    if not is_plain(array, cnp.NPY_DOUBLE):
        return False
    cdef cnp.ndarray a = array
    cdef int dims = cnp.PyArray_NDIM(a)
    cdef cnp.npy_intp* shape = cnp.PyArray_DIMS(a)
    if dims == 2:
        return shape[1] == n_features and is_bounded(a)
    return dims == 3 and shape[1] == n_arms and shape[2] == n_features and is_bounded(a)


def plain_vector(object array, Py_ssize_t length, double low, double high):
    """True for a C-contiguous float64 (length,) with every number in [low, high]."""
    if not is_plain(array, cnp.NPY_DOUBLE):
        return False
    cdef cnp.ndarray a = array
    if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != length:
        return False
    cdef const double* value = <const double*>cnp.PyArray_DATA(a)
    cdef Py_ssize_t i
    for i in range(length):
        if not (low <= value[i] <= high):
            return False
    return True


def plain_indices(object array, Py_ssize_t length, Py_ssize_t stop):
    """True for a C-contiguous int64 (length,) with every number in 0..stop-1."""
    if not is_plain(array, cnp.NPY_INT64):
        return False
    cdef cnp.ndarray a = array
    if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != length:
        return False
    cdef const cnp.npy_int64* value = <const cnp.npy_int64*>cnp.PyArray_DATA(a)
    cdef Py_ssize_t i
    for i in range(length):
        if not (0 <= value[i] < stop):
            return False
    return True
