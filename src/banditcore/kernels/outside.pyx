# cython: boundscheck=False, wraparound=False, cdivision=True
"""Visits that something else decides: who will come, and a run in which Python decides and learns."""

cimport numpy as cnp
import numpy as np

from libc.string cimport memcmp, memcpy

from banditcore.kernels.codes cimport FAILED, LOOKED, REMEMBERS
from banditcore.kernels.playing cimport Play
from banditcore.kernels.steppers cimport Stepper

cnp.import_array()


cdef class Preview(Play):
    """Visits that nobody plays: who will come, if what is played does not change who comes."""

    cdef cnp.ndarray _contexts, _eligible, _units
    cdef readonly bint restricted
    """Whether some arms are not eligible at some of them."""

    def __init__(self, event, cnp.ndarray held_out, *, bint unit_interval=False):
        super().__init__(Stepper(), event, held_out, unit_interval=unit_interval)

    def start(self, Py_ssize_t rows):
        """Looks at up to so many, from row 0 on."""
        self.row, self.restricted = 0, False
        self._contexts, self._units = np.empty((rows, self.numbers)), np.empty(rows, np.int64)
        self._eligible = np.empty((rows, self.arms), np.bool_)

    @property
    def contexts(self):
        """(n, d) of the visits that went well."""
        return self._contexts[:self.row]

    @property
    def eligible(self):
        """(n, K) bool"""
        return self._eligible[:self.row]

    @property
    def units(self):
        """(n,)"""
        return self._units[:self.row]

    cdef Py_ssize_t decide(self, double u, cnp.uint64_t seed) noexcept nogil:
        cdef Py_ssize_t said = self.inspect()
        if said < 0:
            return said
        memcpy(self.context_at(self.row), self.x, self.numbers * sizeof(double))
        memcpy(self.eligible_at(self.row), self.eligible, self.arms)
        (<cnp.int64_t*>cnp.PyArray_DATA(self._units))[self.row] = self.unit[0]
        self.restricted = self.restricted or not self.all_eligible
        self.row += 1
        return LOOKED

    cdef bint saw(self, Py_ssize_t row, Play play) noexcept nogil:
        """Whether the visit that is played is the one of that row."""
        return (
            row < self.row
            and (<cnp.int64_t*>cnp.PyArray_DATA(self._units))[row] == play.unit[0]
            and memcmp(self.context_at(row), play.x, self.numbers * sizeof(double)) == 0
            and memcmp(self.eligible_at(row), play.eligible, self.arms) == 0
        )

    cdef inline double* context_at(self, Py_ssize_t row) noexcept nogil:
        return <double*>cnp.PyArray_DATA(self._contexts) + row * self.numbers

    cdef inline unsigned char* eligible_at(self, Py_ssize_t row) noexcept nogil:
        return <unsigned char*>cnp.PyArray_DATA(self._eligible) + row * self.arms


cdef class PlayOutside(Play):
    """A run in which Python decides and learns; what happened is checked and written down as ever.

    outside: with `decide(u, seed, out, restricted) -> (arm, held out)`, which writes the vector into out (K,), where
    `restricted` says that some arms are not eligible, and `learn()`; both look at the event. Neither is called for
    visits whose answers were given to `expect`.
    """

    cdef object outside
    cdef cnp.ndarray vector
    cdef Preview ahead
    cdef Py_ssize_t ahead_row
    cdef bint answered
    cdef const cnp.int32_t *arms_given
    cdef const unsigned char *held_given
    cdef const double *vectors_given
    cdef object answers
    cdef readonly bint strayed
    """Whether a visit was not the one that had been expected."""

    def __init__(self, outside, event, cnp.ndarray held_out, *, bint unit_interval=False, double window=0.0):
        super().__init__(Stepper(), event, held_out, window=window, unit_interval=unit_interval)
        self.outside, self.vector = outside, np.zeros(event.means.size)

    def expect(self, Preview ahead, answers=None):
        """Holds the next visits against those of `ahead`; None: no more.

        answers: arms (n,), held out (n,) bool and vectors (n, K) of them all. A visit that is another then stops the
        run; without answers it is `strayed` that says so.
        """
        self.ahead, self.ahead_row, self.answered = ahead, 0, answers is not None
        if not self.answered:
            return
        arms, held, vectors = answers
        self.answers = (
            np.ascontiguousarray(arms, np.int32), np.ascontiguousarray(held, np.bool_),
            np.ascontiguousarray(vectors, np.float64),
        )
        self.arms_given = <const cnp.int32_t*>cnp.PyArray_DATA(<cnp.ndarray>self.answers[0])
        self.held_given = <const unsigned char*>cnp.PyArray_DATA(<cnp.ndarray>self.answers[1])
        self.vectors_given = <const double*>cnp.PyArray_DATA(<cnp.ndarray>self.answers[2])

    cdef Py_ssize_t decide(self, double u, cnp.uint64_t seed) noexcept nogil:
        cdef Py_ssize_t row = self.ahead_row, said = self.inspect()
        if said < 0:
            return said
        if self.ahead is not None:
            self.ahead_row += 1
            if not self.ahead.saw(row, self):
                self.strayed = True
                if self.answered:
                    return REMEMBERS
        if self.answered:
            self.arm, self.held = self.arms_given[row], self.held_given[row]
            memcpy(self.p, self.vectors_given + row * self.arms, self.arms * sizeof(double))
        elif self.ask(u, seed) < 0:
            return FAILED
        self.note()
        return self.arm

    cdef Py_ssize_t ask(self, double u, cnp.uint64_t seed) noexcept with gil:
        try:
            self.arm, self.held = self.outside.decide(u, seed, self.vector, not self.all_eligible)
        except BaseException as error:
            self.policy.raised = error
            return FAILED
        memcpy(self.p, cnp.PyArray_DATA(self.vector), cnp.PyArray_NBYTES(self.vector))
        return 0

    cdef Py_ssize_t learn(self) noexcept nogil:
        cdef Py_ssize_t said = self.earned()
        if said < 0 or self.answered:
            return said
        with gil:
            try:
                self.outside.learn()
            except BaseException as error:
                self.policy.raised = error
                return FAILED
        return 0
