# cython: boundscheck=False, wraparound=False, cdivision=True
"""A policy and what it has yet to learn, for a compiled loop to call: `decide` and `learn` by their addresses."""

cimport numpy as cnp

from libc.math cimport INFINITY, fabs, isfinite, isnan, llrint
from libc.stdlib cimport free, malloc

from banditcore.kernels.codes cimport (
    BAD_CONTEXT, BAD_DELAY, BAD_MEANS, BAD_OUTCOME, BAD_UNIT, BETTER_THAN_BEST, FAILED, NO_ARM,
)
from banditcore.kernels.sampling cimport pick
from banditcore.kernels.steppers cimport Stepper
from banditcore.kernels.waiting cimport Pending, Waiting

from banditcore.kernels.plain import LIMIT

cnp.import_array()

cdef double BOUND = LIMIT

cdef enum:
    GRACE_MS = 1000  # as `banditcore.ledger.EXPIRY_GRACE_MS`

cdef cnp.int64_t CLOSED = <cnp.int64_t>1 << 62  # in an order: after every reward that has arrived by then


cdef inline cnp.int64_t micros(double seconds) noexcept nogil:
    return llrint(seconds * 1e6)


cdef inline const double* worth_of(Play play) noexcept nogil:
    return play.means if isnan(play.values[0]) else play.values


cdef class Play:
    """One run of a policy: it reads the arrays of `Event`, learns when a reward is known, and writes what happened.

    What is known when, and learned in which order, is as in an engine that is told to catch up before a visit:
    rewards as they arrive; then, for what has not come, the closed windows that it finds, at the time at which it does.
    """

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
        self.waiting = Waiting(self.numbers)
        self.p = <double*>malloc(self.arms * sizeof(double))
        if self.p == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.p)

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
        cdef const double* worth = worth_of(self)
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

    cdef void note(self) noexcept nogil:
        """Writes down `arm`, drawn from `p`."""
        cdef Py_ssize_t row = self.row
        self.out_held[row] = self.held
        self.out_arm[row] = <cnp.int32_t>self.arm
        self.out_propensity[row] = self.p[self.arm]
        self.out_probe[row] = self.p[self.step[0] % self.arms]
        self.out_gap[row] = self.top - worth_of(self)[self.arm]
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
            return self.postpone(self.closes(now // 1000), CLOSED, 0.0)
        if due <= now and self.learn_every == 1:
            return self.policy.learn(self.x, self.arm, reward, now / 1e6)
        return self.postpone(due, 0, reward)

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
        if self.waiting.count and self.step[0] % self.learn_every == 0:
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

    cdef int postpone(self, cnp.int64_t due, cnp.int64_t order, double reward) noexcept nogil:
        return self.waiting.push(due, order + self.step[0], self.x, self.arm, reward)

    cdef int resolve(self, cnp.int64_t now) noexcept nogil:
        """Learns what is known by now, in the order in which it became known."""
        cdef Pending one
        while self.waiting.count and self.waiting.heap[0].due <= now:
            one = self.waiting.pop()
            if self.policy.learn(self.waiting.context(&one), one.arm, one.reward, one.due / 1e6) < 0:
                return FAILED
        return 0


cdef Py_ssize_t decide(Play play, double u, cnp.uint64_t seed) noexcept nogil:
    return play.decide(u, seed)


cdef Py_ssize_t learn(Play play) noexcept nogil:
    return play.learn()


DECIDE, LEARN = <size_t><void*>decide, <size_t><void*>learn
"""Addresses of f(Play, double u, uint64 seed) -> arm and f(Play) -> 0; negative for what went wrong."""
