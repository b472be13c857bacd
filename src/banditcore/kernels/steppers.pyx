# cython: boundscheck=False, wraparound=False, cdivision=True
"""Policies one row at a time, for compiled loops: the bytes of `Policy.propensities` and `Policy.update`.

A rule over a model, each in one place: what a rule does with scores is in the kernels that serve batches too, and what
is believed in `models`. `PolicyStepper` is any policy through Python.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport fabs, sqrt
from libc.string cimport memcmp, memcpy, memset

from banditcore.kernels.beta cimport BETA_SCRATCH, LOOK_FOR_EQUALS_FROM, best_of_betas
from banditcore.kernels.codes cimport BAD_VECTOR, FAILED
from banditcore.kernels.gaussian cimport GAUSSIAN_SCRATCH, vector_row
from banditcore.kernels.joint cimport Draws, joint_row, lay_out, room
from banditcore.kernels.linucb cimport linucb_rows
from banditcore.kernels.models cimport LinearModel, Model, NoModel, RatesModel, SharedModel
from banditcore.kernels.sampling cimport best_row, gap_row, share_and_floor

from banditcore.kernels.plain import LIMIT

cnp.import_array()

cdef enum:
    SETS = 16  # eligible sets whose vectors are at hand between lessons


cdef class Stepper:
    """A policy, one row at a time. While it is used, nothing else teaches the policy.

    It checks rewards, since models break on what is out of bounds; contexts are finite and at most `LIMIT` in size,
    and masks leave an arm.
    """

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        return FAILED

    cdef int learn(self, const double* x, Py_ssize_t arm, double reward, double time) noexcept nogil:
        return FAILED

    def step(self, context, eligible=None, seed=0):
        """(K,) the vector for one context (d,) or (K, d); eligible: (K,) bool. As a compiled loop gets it."""
        cdef cnp.ndarray x = lay(context, np.float64, self.numbers), p = np.empty(self.arms)
        cdef cnp.ndarray mask = None if eligible is None else lay(eligible, np.bool_, self.arms)
        cdef const unsigned char* row = NULL
        if mask is not None:
            row = <const unsigned char*>cnp.PyArray_DATA(mask)
        if self.vector(<const double*>cnp.PyArray_DATA(x), row, seed, <double*>cnp.PyArray_DATA(p)) < 0:
            raise self.raised or ValueError("the policy gave no vector of probabilities")
        return p

    def teach(self, context, Py_ssize_t arm, double reward, double time=0.0):
        """Learns one row; time: seconds."""
        cdef cnp.ndarray x = lay(context, np.float64, self.numbers)
        if not 0 <= arm < self.arms:
            raise ValueError(f"arm must lie in 0..{self.arms - 1}, found {arm}")
        if self.learn(<const double*>cnp.PyArray_DATA(x), arm, reward, time) < 0:
            raise self.raised


cdef cnp.ndarray lay(value, kind, Py_ssize_t size):
    array = np.ascontiguousarray(value, kind)
    if array.size != size:
        raise ValueError(f"expected {size} numbers, found an array of shape {array.shape}")
    return array


cdef bint is_law(Py_ssize_t arms, const unsigned char* mask, const double* p) noexcept nogil:
    cdef Py_ssize_t k
    cdef double total = 0.0
    for k in range(arms):
        if not p[k] >= 0.0 or (mask != NULL and not mask[k] and p[k] != 0.0):  # NaN too
            return False
        total += p[k]
    return fabs(total - 1.0) <= 1e-9


cdef class PolicyStepper(Stepper):
    """Any policy, through Python: about ten microseconds a row more."""

    def __init__(self, policy, *, bint per_arm=False):
        self.policy = policy
        shape = (1, policy.n_arms, policy.n_features) if per_arm else (1, policy.n_features)
        self.context, self.out = np.zeros(shape), np.zeros((1, policy.n_arms))
        self.arms, self.numbers = policy.n_arms, self.context.size
        self.eligible, self.seed = np.ones(policy.n_arms, np.bool_), np.zeros(1, np.uint64)
        self.timed, self.seeded = bool(policy.posterior.half_life), policy.monte_carlo

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        with gil:
            try:
                self.ask(x, mask, seed)
            except BaseException as error:
                self.raised = error
                return FAILED
            memcpy(p, cnp.PyArray_DATA(self.out), cnp.PyArray_NBYTES(self.out))
        return 0 if is_law(self.arms, mask, p) else BAD_VECTOR

    cdef int ask(self, const double* x, const unsigned char* mask, cnp.uint64_t seed) except -1:
        memcpy(cnp.PyArray_DATA(self.context), x, cnp.PyArray_NBYTES(self.context))
        if mask != NULL:
            memcpy(cnp.PyArray_DATA(self.eligible), mask, cnp.PyArray_NBYTES(self.eligible))
        (<cnp.uint64_t*>cnp.PyArray_DATA(self.seed))[0] = seed
        memset(cnp.PyArray_DATA(self.out), 255, cnp.PyArray_NBYTES(self.out))  # NaN, where nothing is written
        self.policy._propensities_into(
            self.context, None if mask == NULL else self.eligible, self.out, self.seed if self.seeded else None
        )
        return 0

    cdef int learn(self, const double* x, Py_ssize_t arm, double reward, double time) noexcept nogil:
        with gil:
            try:
                memcpy(cnp.PyArray_DATA(self.context), x, cnp.PyArray_NBYTES(self.context))
                self.policy.update(self.context, [arm], [reward], None, [time] if self.timed else None)
            except BaseException as error:
                self.raised = error
                return FAILED
        return 0


cdef class ModelStepper(Stepper):
    """What steppers of rules over a model share: they learn without Python, but for fading, tuning and refusals."""

    def __init__(self, policy, Model model, double floor):
        cdef Py_ssize_t size = self.room(model)
        self.policy, self.model, self.floor = policy, model, floor
        self.plain = PolicyStepper(policy, per_arm=model.per_arm)
        self.arms, self.numbers = model.arms, self.plain.numbers
        unit = policy.reward_kind == "unit_interval"
        self.low, self.high = 0.0 if unit else -LIMIT, 1.0 if unit else LIMIT
        self.memory = np.empty(2 * model.arms + size)
        self.mean = <double*>cnp.PyArray_DATA(<cnp.ndarray>self.memory)
        self.sd, self.scratch = self.mean + model.arms, self.mean + 2 * model.arms

    def room(self, Model model):
        """Doubles of scratch that the rule wants."""
        return 0

    cdef int failed(self) noexcept nogil:
        with gil:
            self.raised = self.model.raised or self.plain.raised
        return FAILED

    cdef int learn(self, const double* x, Py_ssize_t arm, double reward, double time) noexcept nogil:
        if not (self.low <= reward <= self.high) or self.model.needs_posterior(time):
            if self.plain.learn(x, arm, reward, time) < 0 or self.model.taught() < 0:
                return self.failed()
            return 0
        self.model.left -= 1
        return 0 if self.model.fold(x, arm, reward) == 0 else self.failed()


cdef class LinUCBStepper(ModelStepper):
    """The highest mean + alpha sd over a linear model, with as few sd as `linucb` needs."""

    cdef LinearModel linear
    cdef double alpha

    def __init__(self, policy, LinearModel model, double floor, double alpha):
        ModelStepper.__init__(self, policy, model, floor)
        self.linear, self.alpha = model, alpha

    def room(self, Model model):
        return (<LinearModel>model).kernel.room_to_score() + 2 * model.arms

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        if self.linear.lend() < 0:
            return self.failed()
        self.linear.rows.x, self.linear.rows.mask = x, mask
        linucb_rows(self.linear.kernel, self.linear.rows, self.alpha, self.floor, p, self.scratch)
        return 0


cdef class BoundStepper(ModelStepper):
    """The highest mean + alpha sd over any model."""

    cdef double alpha

    def __init__(self, policy, Model model, double floor, double alpha):
        ModelStepper.__init__(self, policy, model, floor)
        self.alpha = alpha

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        cdef Py_ssize_t k
        if self.model.moments(x, mask, self.alpha, self.mean, self.sd) < 0:
            return self.failed()
        for k in range(self.arms):
            self.mean[k] += self.sd[k]
        best_row(self.arms, self.mean, mask, self.floor, p)
        return 0


cdef class GreedyStepper(ModelStepper):
    """The highest mean, over any model; `floor` is all that is left to chance."""

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        if self.model.means(x, mask, self.mean) < 0:
            return self.failed()
        best_row(self.arms, self.mean, mask, self.floor, p)
        return 0


cdef class GapStepper(ModelStepper):
    """`SquareCB` over any model."""

    cdef double gamma

    def __init__(self, policy, Model model, double floor, double gamma):
        ModelStepper.__init__(self, policy, model, floor)
        self.gamma = gamma

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        cdef double rows = 0.0, noise = 1.0
        if self.model.seen(&rows) < 0 or self.model.noise(0.0, 0.0, &noise) < 0:
            return self.failed()
        if self.model.means(x, mask, self.mean) < 0:
            return self.failed()
        gap_row(self.arms, self.mean, mask, self.gamma * sqrt((1.0 + rows) / noise), self.floor, p)
        return 0


cdef class GaussianStepper(ModelStepper):
    """`GaussianTS` over any model: widths are exploration * sqrt(noise), noise under the prior (shape, scale)."""

    cdef double exploration, shape, scale

    def __init__(self, policy, Model model, double floor, double exploration, double shape=0.0, double scale=0.0):
        ModelStepper.__init__(self, policy, model, floor)
        self.exploration, self.shape, self.scale = exploration, shape, scale

    def room(self, Model model):
        return (GAUSSIAN_SCRATCH + 3) * model.arms

    cdef double width(self, double noise) noexcept nogil:
        return self.exploration * sqrt(noise)

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        cdef double noise = 1.0
        if self.model.noise(self.shape, self.scale, &noise) < 0:
            return self.failed()
        if self.model.moments(x, mask, self.width(noise), self.mean, self.sd) < 0:
            return self.failed()
        vector_row(self.arms, self.mean, self.sd, mask, self.floor, p, self.scratch)
        return 0


cdef class MarginalStepper(GaussianStepper):
    """`SharedLinearTS` with vector = "marginal", which takes the root of exploration^2 * noise."""

    cdef double width(self, double noise) noexcept nogil:
        return sqrt(self.exploration * self.exploration * noise)


cdef class JointStepper(GaussianStepper):
    """`SharedLinearTS` with vector = "joint": shares of `draws` seeded joint draws."""

    cdef SharedModel shared
    cdef Py_ssize_t pairs
    cdef Draws draws

    def __init__(self, policy, SharedModel model, double floor, double exploration, double shape, double scale,
                 Py_ssize_t draws):
        GaussianStepper.__init__(self, policy, model, floor, exploration, shape, scale)
        self.shared, self.pairs = model, draws // 2 + draws % 2
        lay_out(&self.draws, model.arms, model.size, self.scratch)

    def room(self, Model model):
        return room(model.arms, (<SharedModel>model).size)

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        cdef double noise = 1.0
        if self.model.noise(self.shape, self.scale, &noise) < 0:
            return self.failed()
        joint_row(&self.draws, self.arms, self.shared.lay_features(x, mask), self.shared.kernel.pm,
                  self.shared.kernel.pS, sqrt(self.exploration * self.exploration * noise), mask, seed, self.pairs,
                  self.floor, p)
        return 0


cdef class FreeStepper(ModelStepper):
    """`ContextFreePolicy`: a vector for each eligible set, kept until a lesson changes it."""

    cdef cnp.ndarray masks, vectors, eligible
    cdef unsigned char *row
    cdef Py_ssize_t kept, next
    cdef bint learns

    def __init__(self, policy, Model model, double floor):
        ModelStepper.__init__(self, policy, model, floor)
        self.masks, self.vectors = np.zeros((SETS, model.arms), np.bool_), np.zeros((SETS, model.arms))
        self.eligible, self.learns = np.ones(model.arms, np.bool_), not isinstance(model, NoModel)
        self.row = <unsigned char*>cnp.PyArray_DATA(self.eligible)

    cdef int vector(self, const double* x, const unsigned char* mask, cnp.uint64_t seed, double* p) noexcept nogil:
        cdef Py_ssize_t at, size = self.arms * sizeof(double)
        cdef unsigned char* masks = <unsigned char*>cnp.PyArray_DATA(self.masks)
        cdef double* vectors = <double*>cnp.PyArray_DATA(self.vectors)
        if mask == NULL:
            memset(self.row, 1, self.arms)
        else:
            memcpy(self.row, mask, self.arms)
        for at in range(self.kept):
            if memcmp(masks + at * self.arms, self.row, self.arms) == 0:
                memcpy(p, vectors + at * self.arms, size)
                return 0
        if self.make(p) < 0:
            return FAILED
        at = self.next
        self.next, self.kept = (at + 1) % SETS, min(self.kept + 1, <Py_ssize_t>SETS)
        memcpy(masks + at * self.arms, self.row, self.arms)
        memcpy(vectors + at * self.arms, p, size)
        return 0

    cdef int make(self, double* p) noexcept nogil:
        """The vector of the set in `row`."""
        with gil:
            try:
                memcpy(p, cnp.PyArray_DATA(<cnp.ndarray>self.policy._row(self.eligible)[0]), self.arms * sizeof(double))
            except BaseException as error:
                self.raised = error
                return FAILED
        return 0

    cdef int learn(self, const double* x, Py_ssize_t arm, double reward, double time) noexcept nogil:
        if ModelStepper.learn(self, x, arm, reward, time) < 0:
            return FAILED
        return self.forget() if self.learns else 0

    cdef int forget(self) noexcept nogil:
        self.kept = self.next = 0
        with gil:
            try:
                self.policy._changed()
            except BaseException as error:
                self.raised = error
                return FAILED
        return 0


cdef class BetaStepper(FreeStepper):
    """`BetaTS`: the integral without Python, unless there are so many arms that equal ones are looked for."""

    cdef RatesModel rates

    def __init__(self, policy, RatesModel model, double floor):
        FreeStepper.__init__(self, policy, model, floor)
        self.rates = model

    def room(self, Model model):
        return (4 + BETA_SCRATCH) * model.arms

    cdef int make(self, double* p) noexcept nogil:
        cdef Py_ssize_t k, arms = 0
        cdef double* a = self.scratch
        cdef double* b = a + self.arms
        cdef double* equals = b + self.arms
        cdef double* best = equals + self.arms
        for k in range(self.arms):
            if self.row[k]:
                a[arms] = self.rates.prior_successes + self.rates.successes[k]
                b[arms] = self.rates.prior_failures + self.rates.failures[k]
                equals[arms] = 1.0
                arms += 1
        if arms > LOOK_FOR_EQUALS_FROM:
            return FreeStepper.make(self, p)
        best_of_betas(arms, a, b, equals, arms, best, best + self.arms)
        arms = 0
        for k in range(self.arms):
            p[k] = 0.0
            if self.row[k]:
                p[k] = best[arms]
                arms += 1
        share_and_floor(self.arms, self.row, self.floor, p)
        return 0
