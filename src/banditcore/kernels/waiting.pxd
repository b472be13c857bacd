from libc.stdint cimport int64_t


cdef struct Pending:
    # A reward that is known at `due`, microseconds; of equal ones the one of least `order`.
    int64_t due, order
    Py_ssize_t arm, slot
    double reward


cdef class Waiting:
    cdef Pending *heap
    cdef Py_ssize_t count, room, numbers
    cdef double *contexts
    cdef Py_ssize_t *spare

    # What a reward is of: its context (numbers,), which is copied, and its arm. 0, or NO_MEMORY.
    cdef int push(self, int64_t due, int64_t order, const double* x, Py_ssize_t arm, double reward) noexcept nogil
    # The first of at least one.
    cdef Pending pop(self) noexcept nogil
    # Of one that was popped, until the next push.
    cdef const double* context(self, const Pending* one) noexcept nogil
    cdef int grow(self) noexcept nogil
