# cython: boundscheck=False, wraparound=False, cdivision=True
"""Rewards that are not known yet: a heap by the time at which they will be, with the contexts that they are of."""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from banditcore.kernels.codes cimport NO_MEMORY


cdef inline bint before(const Pending* one, const Pending* other) noexcept nogil:
    return one.due < other.due or (one.due == other.due and one.order < other.order)


cdef class Waiting:
    """Empty; numbers: of a context."""

    def __init__(self, Py_ssize_t numbers):
        self.numbers = numbers

    def __dealloc__(self):
        free(self.heap)
        free(self.contexts)
        free(self.spare)

    cdef int push(self, int64_t due, int64_t order, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        cdef Py_ssize_t at = self.count, parent
        cdef Pending one
        if at == self.room and self.grow() < 0:
            return NO_MEMORY
        one.due, one.order, one.arm, one.reward = due, order, arm, reward
        one.slot = self.spare[at]
        memcpy(self.contexts + one.slot * self.numbers, x, self.numbers * sizeof(double))
        self.count += 1
        while at > 0:
            parent = (at - 1) // 2
            if not before(&one, &self.heap[parent]):
                break
            self.heap[at] = self.heap[parent]
            at = parent
        self.heap[at] = one
        return 0

    cdef Pending pop(self) noexcept nogil:
        cdef Py_ssize_t at = 0, child
        cdef Pending one = self.heap[0], last
        self.count -= 1
        self.spare[self.count] = one.slot
        last = self.heap[self.count]
        while True:
            child = 2 * at + 1
            if child >= self.count:
                break
            if child + 1 < self.count and before(&self.heap[child + 1], &self.heap[child]):
                child += 1
            if not before(&self.heap[child], &last):
                break
            self.heap[at] = self.heap[child]
            at = child
        self.heap[at] = last
        return one

    cdef const double* context(self, const Pending* one) noexcept nogil:
        return self.contexts + one.slot * self.numbers

    cdef int grow(self) noexcept nogil:
        cdef Py_ssize_t slot, room = 2 * self.room + 64
        cdef void* heap = realloc(self.heap, room * sizeof(Pending))
        if heap != NULL:
            self.heap = <Pending*>heap
        cdef void* contexts = realloc(self.contexts, max(1, room * self.numbers) * sizeof(double))
        if contexts != NULL:
            self.contexts = <double*>contexts
        cdef void* spare = realloc(self.spare, room * sizeof(Py_ssize_t))
        if spare != NULL:
            self.spare = <Py_ssize_t*>spare
        if heap == NULL or contexts == NULL or spare == NULL:
            return NO_MEMORY
        for slot in range(self.room, room):
            self.spare[slot] = slot
        self.room = room
        return 0
