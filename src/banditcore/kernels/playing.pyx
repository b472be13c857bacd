# cython: boundscheck=False, wraparound=False, cdivision=True
"""A policy and what it has yet to learn, for a compiled loop to call: `decide` and `learn` by their addresses."""

cimport numpy as cnp
import numpy as np

from libc.math cimport INFINITY, fabs, isfinite, isnan, llrint
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy

from banditcore.kernels.codes cimport (
    BAD_CONTEXT, BAD_DELAY, BAD_MEANS, BAD_OUTCOME, BAD_UNIT, BETTER_THAN_BEST, FAILED, LOOKED, NO_ARM, NO_MEMORY,
    REMEMBERS,
)
from banditcore.kernels.sampling cimport pick
from banditcore.kernels.steppers cimport Stepper

from banditcore.kernels.plain import LIMIT

cnp.import_array()

cdef double BOUND = LIMIT

cdef enum:
    GRACE_MS = 1000  # as `banditcore.ledger.EXPIRY_GRACE_MS`

cdef cnp.int64_t CLOSED = <cnp.int64_t>1 << 62  # in an order: after every reward that has arrived by then


cdef struct Pending:
    # A reward that is known at `due`, microseconds; of equal ones the decision made first, what never came last.
    cnp.int64_t due, order
    Py_ssize_t arm, slot
    double reward


cdef inline cnp.int64_t micros(double seconds) noexcept nogil:
    return llrint(seconds * 1e6)


cdef inline bint before(const Pending* one, const Pending* other) noexcept nogil:
    return one.due < other.due or (one.due == other.due and one.order < other.order)


cdef class Play:
    """One run of a policy: it reads the arrays of `Event`, learns when a reward is known, and writes what happened.

    What is known when, and learned in which order, is as in an engine that is told to catch up before a visit:
    rewards as they arrive; then, for what has not come, the closed windows that it finds, at the time at which it does.
    """

    cdef Stepper policy
    cdef object kept, written
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
    # a heap by time, and the contexts it speaks of
    cdef Pending *heap
    cdef Py_ssize_t waiting, room
    cdef double *contexts
    cdef Py_ssize_t *spare

    def __init__(self, Stepper policy, event, cnp.ndarray held_out, *, Py_ssize_t control=0, Py_ssize_t learn_every=1,
                 double window=0.0, double seconds=1.0, bint unit_interval=False):
        """held_out (units,) bool: who gets the control, and is not learned from; learn_every: visits after which what
        is known by then is learned; window, seconds: as in `World`."""
        self.policy, self.kept = policy, (event, held_out)
        self.x = <const double*>cnp.PyArray_DATA(<cnp.ndarray>event.context)
        self.means = <const double*>cnp.PyArray_DATA(<cnp.ndarray>event.means)
        self.values = <const double*>cnp.PyArray_DATA(<cnp.ndarray>event.values)
        self.best = <const double*>cnp.PyArray_DATA(<cnp.ndarray>event.best)
        self.outcomes = <const double*>cnp.PyArray_DATA(<cnp.ndarray>event.outcomes)
        self.delay = <const double*>cnp.PyArray_DATA(<cnp.ndarray>event.delay)
        self.time = <const double*>cnp.PyArray_DATA(<cnp.ndarray>event.time)
        self.eligible = <const unsigned char*>cnp.PyArray_DATA(<cnp.ndarray>event.eligible)
        self.step = <const cnp.int64_t*>cnp.PyArray_DATA(<cnp.ndarray>event.step)
        self.unit = <const cnp.int64_t*>cnp.PyArray_DATA(<cnp.ndarray>event.unit)
        self.held_out, self.units = <const unsigned char*>cnp.PyArray_DATA(held_out), held_out.size
        self.arms, self.numbers, self.goals = event.means.size, event.context.size, event.outcomes.size
        self.control, self.learn_every, self.unit_interval = control, learn_every, unit_interval
        self.window, self.seconds = round(window, 6), seconds
        self.p = <double*>malloc(self.arms * sizeof(double))
        if self.p == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.p)
        free(self.heap)
        free(self.contexts)
        free(self.spare)

    @property
    def raised(self):
        """What the policy raised."""
        return self.policy.raised

    def begin(self, happened):
        """Writes from row 0 of `happened` (see `Happened`)."""
        self.written = happened
        self.row = 0
        self.out_arm = <cnp.int32_t*>cnp.PyArray_DATA(<cnp.ndarray>happened.arms)
        self.out_propensity = <double*>cnp.PyArray_DATA(<cnp.ndarray>happened.propensity)
        self.out_gap = <double*>cnp.PyArray_DATA(<cnp.ndarray>happened.gaps)
        self.out_mean = <double*>cnp.PyArray_DATA(<cnp.ndarray>happened.means)
        self.out_probe = <double*>cnp.PyArray_DATA(<cnp.ndarray>happened.probes)
        self.out_outcomes = <double*>cnp.PyArray_DATA(<cnp.ndarray>happened.outcomes)
        self.out_held = <unsigned char*>cnp.PyArray_DATA(<cnp.ndarray>happened.held_out)

    cdef Py_ssize_t decide(self, double u, cnp.uint64_t seed) noexcept nogil:
        cdef Py_ssize_t k, said
        if self.catch_up() < 0:
            return FAILED
        said = self.inspect()
        if said < 0:
            return said
        self.held = self.held_out[self.unit[0]]
        if self.held:
            for k in range(self.arms):
                self.p[k] = k == self.control
            self.arm = self.control
        else:
            said = self.policy.vector(self.x, NULL if self.all_eligible else self.eligible, seed, self.p)
            if said < 0:
                return said
            self.arm = pick(self.arms, self.p, u)
        self.note()
        return self.arm

    cdef Py_ssize_t inspect(self) noexcept nogil:
        """Finds the best arm of the visit; negative where the world has written nonsense."""
        cdef Py_ssize_t k
        cdef const double* worth = self.worth()
        cdef double top = -INFINITY
        cdef int strays = 0
        for k in range(self.numbers):
            strays += not fabs(self.x[k]) <= BOUND  # NaN too
        if strays:
            return BAD_CONTEXT
        self.all_eligible = True
        for k in range(self.arms):
            if not self.eligible[k]:
                self.all_eligible = False
                continue
            if not (isfinite(worth[k]) and isfinite(self.means[k])):
                return BAD_MEANS
            if self.unit_interval and not 0.0 <= self.means[k] <= 1.0:
                return BAD_MEANS
            top = max(top, worth[k])
        if top == -INFINITY:
            return NO_ARM
        if not isnan(self.best[0]):
            if top > self.best[0] + 1e-9 * (1.0 + fabs(self.best[0])):
                return BETTER_THAN_BEST
            top = self.best[0]
        if not 0 <= self.unit[0] < self.units:
            return BAD_UNIT
        self.top = top
        return 0

    cdef inline const double* worth(self) noexcept nogil:
        return self.means if isnan(self.values[0]) else self.values

    cdef void note(self) noexcept nogil:
        """Writes down `arm`, drawn from `p`."""
        cdef Py_ssize_t row = self.row
        self.out_held[row] = self.held
        self.out_arm[row] = <cnp.int32_t>self.arm
        self.out_propensity[row] = self.p[self.arm]
        self.out_probe[row] = self.p[self.step[0] % self.arms]
        self.out_gap[row] = self.top - self.worth()[self.arm]
        self.out_mean[row] = self.means[self.arm]

    cdef Py_ssize_t learn(self) noexcept nogil:
        cdef double reward = self.outcomes[0]
        cdef cnp.int64_t now = micros(self.time[0]), due
        cdef Py_ssize_t said = self.earned()
        if said < 0 or self.held:
            return said
        # An engine knows the time of a decision from its id, to the millisecond.
        due = now + micros(min(self.delay[0], 2.0 * self.window))
        if due > (now // 1000 + self.window * 1e3) * 1e3 and self.delay[0] > 0.0:
            return self.push(self.closes(now // 1000), CLOSED, 0.0)
        if due <= now and self.learn_every == 1:
            return self.policy.learn(self.x, self.arm, reward, now / 1e6)
        return self.push(due, 0, reward)

    cdef Py_ssize_t earned(self) noexcept nogil:
        """Writes down the outcomes; negative where they or their delay are nonsense."""
        cdef Py_ssize_t goal, row = self.row
        cdef double delay = self.delay[0]
        for goal in range(self.goals):
            if not isfinite(self.outcomes[goal]):
                return BAD_OUTCOME
            self.out_outcomes[row * self.goals + goal] = self.outcomes[goal]
        if self.unit_interval and not 0.0 <= self.outcomes[0] <= 1.0:
            return BAD_OUTCOME
        if not delay >= 0.0 or (delay > 0.0 and self.window == 0.0):
            return BAD_DELAY
        self.row += 1
        return 0

    # What is known later

    cdef int catch_up(self) noexcept nogil:
        """Learns what is known by now, at the visits that do."""
        if self.waiting and self.step[0] % self.learn_every == 0:
            return self.resolve(micros(self.time[0]))
        return 0

    def finish(self, Py_ssize_t events):
        """Learns what would be known to a visit after the last of `events`; negative where the policy fails."""
        return self.resolve(micros(events * self.seconds)) if events % self.learn_every == 0 else 0

    cdef cnp.int64_t closes(self, cnp.int64_t decided_ms) noexcept nogil:
        """When a visit that learns will find a window closed, as `banditcore.ledger.closing_bound` says."""
        cdef cnp.int64_t step = <cnp.int64_t>((decided_ms + GRACE_MS + self.window * 1e3) / (self.seconds * 1e3)) - 1
        cdef cnp.int64_t now
        step = max(step, self.step[0]) // self.learn_every * self.learn_every
        while True:
            now = micros(step * self.seconds)
            if decided_ms < <cnp.int64_t>(now / 1e3 - self.window * 1e3) - GRACE_MS:
                return now
            step += self.learn_every

    cdef int push(self, cnp.int64_t due, cnp.int64_t order, double reward) noexcept nogil:
        cdef Py_ssize_t at = self.waiting, parent
        cdef Pending one
        if at == self.room and self.grow() < 0:
            return NO_MEMORY
        one.due, one.order, one.arm, one.reward = due, order + self.step[0], self.arm, reward
        one.slot = self.spare[at]
        memcpy(self.contexts + one.slot * self.numbers, self.x, self.numbers * sizeof(double))
        self.waiting += 1
        while at > 0:
            parent = (at - 1) // 2
            if not before(&one, &self.heap[parent]):
                break
            self.heap[at] = self.heap[parent]
            at = parent
        self.heap[at] = one
        return 0

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

    cdef int resolve(self, cnp.int64_t now) noexcept nogil:
        """Learns what is known by now, in the order in which it became known."""
        cdef Pending one
        while self.waiting and self.heap[0].due <= now:
            one = self.heap[0]
            self.pop()
            if self.policy.learn(self.contexts + one.slot * self.numbers, one.arm, one.reward, one.due / 1e6) < 0:
                return FAILED
        return 0

    cdef void pop(self) noexcept nogil:
        cdef Py_ssize_t at = 0, child
        cdef Pending last
        self.waiting -= 1
        self.spare[self.waiting] = self.heap[0].slot
        last = self.heap[self.waiting]
        while True:
            child = 2 * at + 1
            if child >= self.waiting:
                break
            if child + 1 < self.waiting and before(&self.heap[child + 1], &self.heap[child]):
                child += 1
            if not before(&self.heap[child], &last):
                break
            self.heap[at] = self.heap[child]
            at = child
        self.heap[at] = last


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


cdef Py_ssize_t decide(Play play, double u, cnp.uint64_t seed) noexcept nogil:
    return play.decide(u, seed)


cdef Py_ssize_t learn(Play play) noexcept nogil:
    return play.learn()


DECIDE, LEARN = <size_t><void*>decide, <size_t><void*>learn
"""Addresses of f(Play, double u, uint64 seed) -> arm and f(Play) -> 0; negative for what went wrong."""
