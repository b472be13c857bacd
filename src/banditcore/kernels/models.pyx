# cython: boundscheck=False, wraparound=False, cdivision=True
"""Posteriors one row at a time, for compiled loops: the bytes of `Posterior`, whose arrays they read and write.

A model says what is believed and learns a lesson; what is played is a stepper's matter. Fading and tuning stay with the
posterior, in Python: `needs_posterior` says when a lesson brings either, which few do.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport floor, sqrt

from banditcore.kernels.codes cimport FAILED
from banditcore.kernels.linear cimport squashed

cnp.import_array()


cdef double* room(Model model, Py_ssize_t size):
    """Memory that lives as long as the model."""
    memory = np.empty(size)
    model.kept.append(memory)
    return <double*>cnp.PyArray_DATA(<cnp.ndarray>memory)


cdef class Model:
    """Of a posterior with `half_life`, `pace`, `tick` and `rows_to_tuning`; per_arm: contexts are (K, d)."""

    def __init__(self, posterior, *, bint per_arm=False):
        cdef cnp.ndarray tick = posterior.tick
        self.posterior, self.kept = posterior, [tick]
        self.arms, self.per_arm = posterior.n_arms, per_arm
        self.own = posterior.n_features if per_arm else 0
        self.pace, self.tick = posterior.pace, <cnp.int64_t*>cnp.PyArray_DATA(tick)
        self.left = posterior.rows_to_tuning()

    cdef int means(self, const double* x, const unsigned char* mask, double* mean) noexcept nogil:
        return self.moments(x, mask, 1.0, mean, NULL)

    cdef int moments(self, const double* x, const unsigned char* mask, double scale, double* mean,
                     double* sd) noexcept nogil:
        return FAILED

    cdef int noise(self, double shape, double scale, double* variance) noexcept nogil:
        variance[0] = 1.0
        return 0

    cdef int seen(self, double* rows) noexcept nogil:
        with gil:
            try:
                rows[0] = self.posterior.seen()
            except BaseException as error:
                self.raised = error
                return FAILED
        return 0

    cdef bint needs_posterior(self, double time) noexcept nogil:
        return self.left == 1 or (self.pace > 0.0 and <cnp.int64_t>floor(time * self.pace) > self.tick[0])

    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        return FAILED

    cdef int taught(self) noexcept nogil:
        """After the posterior itself has learned."""
        with gil:
            try:
                self.left = self.posterior.rows_to_tuning()
            except BaseException as error:
                self.raised = error
                return FAILED
        return 0


cdef class NoModel(Model):
    """Expects 0 of every arm, and learns nothing."""

    cdef int moments(self, const double* x, const unsigned char* mask, double scale, double* mean,
                     double* sd) noexcept nogil:
        cdef Py_ssize_t k
        for k in range(self.arms):
            mean[k] = 0.0
            if sd != NULL:
                sd[k] = 0.0
        return 0

    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        return 0


cdef class RatesModel(Model):
    """A success rate an arm: arrays (K,) of what succeeded and failed."""

    def __init__(self, posterior, cnp.ndarray successes, cnp.ndarray failures, *, bint per_arm=False):
        Model.__init__(self, posterior, per_arm=per_arm)
        self.kept += [successes, failures]
        self.successes, self.failures = <double*>cnp.PyArray_DATA(successes), <double*>cnp.PyArray_DATA(failures)
        self.prior_successes, self.prior_failures = posterior.prior_successes, posterior.prior_failures

    cdef int moments(self, const double* x, const unsigned char* mask, double scale, double* mean,
                     double* sd) noexcept nogil:
        cdef Py_ssize_t k
        cdef double a, b
        for k in range(self.arms):
            if mask == NULL or mask[k]:
                a, b = self.prior_successes + self.successes[k], self.prior_failures + self.failures[k]
                mean[k] = a / (a + b)
                if sd != NULL:
                    sd[k] = scale * sqrt(a * b / (a + b + 1.0)) / (a + b)
        return 0

    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        self.successes[arm] += reward
        self.failures[arm] += 1.0 - reward
        return 0


cdef class LinearModel(Model):
    """One linear regression an arm."""

    def __init__(self, posterior, LinearArms kernel, *, bint per_arm=False):
        Model.__init__(self, posterior, per_arm=per_arm)
        self.kernel, self.mature = kernel, posterior.mature_after
        self.rows.n, self.rows.mask_step, self.rows.per_arm = 1, 0, self.own
        self.rows.step = kernel.d * (kernel.arms if per_arm else 1)
        self.scratch, self.work = room(self, kernel.room_to_score()), room(self, kernel.room_to_learn())

    cdef int lend(self) noexcept nogil:
        """Gives arms that were never seen the mean they would start from."""
        return self.ask_posterior("lend") if self.mature else 0

    cdef int moments(self, const double* x, const unsigned char* mask, double scale, double* mean,
                     double* sd) noexcept nogil:
        cdef Py_ssize_t k
        if self.lend() < 0:
            return FAILED
        self.rows.x, self.rows.mask = x, mask
        self.kernel.score_row(self.rows, 0, mean, sd, self.scratch)
        if sd != NULL:
            for k in range(self.arms):
                if mask == NULL or mask[k]:
                    sd[k] = scale * sqrt(sd[k])
        return 0

    cdef int noise(self, double shape, double scale, double* variance) noexcept nogil:
        variance[0] = self.kernel.noise(shape, scale)
        return 0

    cdef int seen(self, double* rows) noexcept nogil:
        cdef Py_ssize_t k
        cdef const double* weight = <const double*>cnp.PyArray_DATA(self.kernel.weight)
        if self.pace > 0.0:  # no whole numbers: the order of additions matters
            return Model.seen(self, rows)
        rows[0] = 0.0
        for k in range(self.arms):
            rows[0] += weight[k]
        return 0

    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        self.kernel.fold(arm, x + arm * self.own, reward, self.mature, self.work)
        return self.unlend()

    cdef int unlend(self) noexcept nogil:
        return self.ask_posterior("learned_more") if self.mature else 0

    cdef int ask_posterior(self, const char* method) noexcept nogil:
        """By itself: a function that may want the interpreter stops for it at every call."""
        with gil:
            try:
                getattr(self.posterior, method.decode())()
            except BaseException as error:
                self.raised = error
                return FAILED
        return 0


cdef class LogisticModel(LinearModel):
    """One logistic regression an arm; offset: what log-odds start from."""

    def __init__(self, posterior, LinearArms kernel, double offset, *, bint per_arm=False):
        LinearModel.__init__(self, posterior, kernel, per_arm=per_arm)
        self.offset, self.sd = offset, room(self, self.arms)

    cdef int means(self, const double* x, const unsigned char* mask, double* mean) noexcept nogil:
        cdef Py_ssize_t k
        if self.moments(x, mask, 1.0, mean, self.sd) < 0:
            return FAILED
        for k in range(self.arms):
            if mask == NULL or mask[k]:
                mean[k] = squashed(mean[k], self.sd[k], self.offset)
        return 0

    cdef int noise(self, double shape, double scale, double* variance) noexcept nogil:
        return Model.noise(self, shape, scale, variance)

    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        self.kernel.fold_click(arm, x + arm * self.own, reward, self.offset, self.mature, self.work)
        return self.unlend()


cdef class HybridModel(Model):
    """Linear regressions with a part that all arms share."""

    def __init__(self, posterior, HybridArms kernel, *, bint per_arm=False):
        Model.__init__(self, posterior, per_arm=per_arm)
        self.kernel, self.scratch = kernel, room(self, kernel.room())

    cdef int moments(self, const double* x, const unsigned char* mask, double scale, double* mean,
                     double* sd) noexcept nogil:
        cdef Py_ssize_t k
        for k in range(self.arms):
            if mask == NULL or mask[k]:
                self.kernel.score(k, x + k * self.own, mean + k, NULL if sd == NULL else sd + k, self.scratch)
                if sd != NULL:
                    sd[k] *= scale
        return 0

    cdef int noise(self, double shape, double scale, double* variance) noexcept nogil:
        """Its sums are rounded once, by Python."""
        with gil:
            try:
                variance[0] = self.posterior.noise_variance(shape, scale)
            except BaseException as error:
                self.raised = error
                return FAILED
        return 0

    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        self.kernel.learn_row(arm, x + arm * self.own, reward, self.scratch)
        return 0


cdef class SharedModel(Model):
    """One linear regression for all arms; arm_features (K, p), empty where contexts are what tells them apart."""

    def __init__(self, posterior, LinearArms kernel, cnp.ndarray arm_features, *, bint per_arm=False):
        Model.__init__(self, posterior, per_arm=per_arm)
        self.kernel, self.d, self.width, self.size = kernel, posterior.n_features, arm_features.shape[1], kernel.d
        self.kept.append(arm_features)
        self.arm_features = <const double*>cnp.PyArray_DATA(arm_features)
        self.features = room(self, self.arms * self.size)
        self.scratch, self.work = room(self, kernel.room_to_score()), room(self, kernel.room_to_learn())

    cdef void lay_arm(self, const double* x, Py_ssize_t arm) noexcept nogil:
        cdef Py_ssize_t i, j
        cdef const double* its = self.arm_features + arm * self.width
        cdef double* product = self.features + arm * self.size
        x += arm * self.own
        for i in range(self.d):
            for j in range(self.width):
                product[i * self.width + j] = x[i] * its[j]

    cdef const double* lay_features(self, const double* x, const unsigned char* mask) noexcept nogil:
        """(K, size), of the arms that mask allows."""
        cdef Py_ssize_t k
        if self.width == 0:
            return x
        for k in range(self.arms):
            if mask == NULL or mask[k]:
                self.lay_arm(x, k)
        return self.features

    cdef int moments(self, const double* x, const unsigned char* mask, double scale, double* mean,
                     double* sd) noexcept nogil:
        cdef Py_ssize_t k
        cdef Rows rows
        rows.x, rows.n, rows.step, rows.per_arm = self.lay_features(x, mask), self.arms, self.size, 0
        rows.mask, rows.mask_step = NULL, 0
        if mask == NULL:
            self.kernel.score_rows(rows, scale, mean, sd, self.scratch)
            return 0
        for k in range(self.arms):
            if mask[k]:
                self.kernel.score_row(rows, k, mean + k, NULL if sd == NULL else sd + k, self.scratch)
                if sd != NULL:
                    sd[k] = scale * sqrt(sd[k])
        return 0

    cdef int noise(self, double shape, double scale, double* variance) noexcept nogil:
        variance[0] = self.kernel.noise(shape, scale)
        return 0

    cdef int fold(self, const double* x, Py_ssize_t arm, double reward) noexcept nogil:
        cdef const double* features = x + arm * self.own
        if self.width:
            self.lay_arm(x, arm)
            features = self.features + arm * self.size
        self.kernel.fold(0, features, reward, 0, self.work)
        return 0
