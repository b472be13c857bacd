# cython: boundscheck=False, wraparound=False, cdivision=True
"""The exact probability that each of K independent Beta variables is the largest.

On the logit scale t the density, proportional to x^a (1-x)^b, is analytic and dies exponentially, so the singularity of
a < 1 vanishes. Equal steps would need as many as the range holds of the narrowest law; panels cost the same when
all arms are alike and stay cheap when a new arm (sd 2) meets one with a million trials (sd 0.002).
"""

import numpy as np

from libc.math cimport INFINITY, exp, expm1, fabs, log, log1p, sqrt
from libc.stdlib cimport free, malloc
from scipy.special.cython_special cimport betainc, betaincinv, betaln

from banditcore.kernels.quadrature cimport SCRATCH, Field, panels, settle

cdef double TOLERANCE = 1e-10  # an update, not a decision, pays for it
cdef double TAIL = 1e-13
cdef int PASSES = 6


cdef inline double fall(double a, double b, double step) noexcept nogil:
    """log density at `step` from its mode log(a / b), relative to the mode: no large terms that cancel.

    With x0 = a / (a + b): a step - (a + b) log(1 + x0 (e^step - 1)), or the same seen from the other end.
    """
    cdef double n = a + b
    if step > 0.0:
        return -b * step - n * log1p(b / n * expm1(-step))
    return a * step - n * log1p(a / n * expm1(step))


cdef double mass(double a, double b, double scale) noexcept nogil:
    """Int exp(fall) by equal steps, which replaces B(a, b): log B is off by 1e-9 at a million trials."""
    cdef double step = 0.2 * scale, total = 1.0, term, t
    cdef int side, i
    for side in range(-1, 2, 2):
        i, term = 1, 1.0
        while term > 1e-18:
            t = i * step
            term = exp(fall(a, b, side * t))
            total += term
            i += 1
    return total * step


cdef void logit_beta_law(const double* law, double low, double width, const double* node, int count,
                         double* density, double* below) noexcept nogil:
    cdef int m
    cdef double t, near, a = law[0], b = law[1], mode = log(a / b)
    for m in range(count):
        t = low + width * node[m]
        density[m] = exp(fall(a, b, t - mode)) / law[2]
        near = 1.0 / (1.0 + exp(fabs(t)))  # the smaller of x and 1 - x, so neither tail is rounded away
        below[m] = betainc(a, b, near) if t < 0.0 else 1.0 - betainc(b, a, near)


cdef double logit_quantile(double a, double b) noexcept nogil:
    """t with P(logit X < t) = TAIL; the leading term t = log(TAIL a B(a, b)) / a where x itself underflows."""
    cdef double x = betaincinv(a, b, TAIL)
    if x < 1e-290:
        return (log(TAIL * a) + betaln(a, b)) / a
    return log(x) - log1p(-x)


cdef void lay_out(Field* field, const double* a, const double* b) noexcept nogil:
    cdef Py_ssize_t k
    cdef double* shape = <double*>field.shape
    cdef double* top = <double*>field.top
    cdef double* scale = <double*>field.scale
    field.lower = -INFINITY
    for k in range(field.arms):
        shape[3 * k] = a[k]
        shape[3 * k + 1] = b[k]
        top[k] = -logit_quantile(b[k], a[k])
        field.lower = max(field.lower, logit_quantile(a[k], b[k]))
        # trigamma(a) + trigamma(b), shortened; never above 1.6, for the poles at +-i pi do not move with sd
        scale[k] = min(1.6, sqrt(1.0 / a[k] + 0.5 / (a[k] * a[k]) + 1.0 / b[k] + 0.5 / (b[k] * b[k])))
        shape[3 * k + 2] = mass(a[k], b[k], scale[k])


cdef double best_of_betas(Py_ssize_t arms, const double* a, const double* b, double* p,
                          double* scratch) noexcept nogil:
    cdef Field field
    cdef Py_ssize_t k
    cdef int attempt
    cdef double certificate = INFINITY, coarse = 4.0 if arms <= 30 else 3.0 if arms <= 100 else 2.0
    field.arms = arms
    field.law = logit_beta_law
    field.shape = scratch
    field.top = scratch + 3 * arms
    field.scale = scratch + 4 * arms
    field.scratch = scratch + 5 * arms
    lay_out(&field, a, b)
    for attempt in range(PASSES):
        for k in range(arms):
            p[k] = 0.0
        panels(&field, coarse / (1 << attempt), p)
        certificate = settle(arms, p)
        if certificate <= TOLERANCE:
            break
    return certificate


def beta_argmax(const double[::1] a, const double[::1] b):
    """P(X_k is the largest) for independent X_k ~ Beta(a_k, b_k).

    a, b: (K,) float64, in [0.05, 1e12] (below, the mass at 0 or 1 leaves the range of float64 logits).
    Returns p (K,), which sums to 1, and the certificate |sum - 1| before normalising; above 1e-9 the panels are
    halved, up to five times.
    """
    cdef Py_ssize_t arms = a.shape[0]
    result = np.empty(arms)
    cdef double[::1] p = result
    cdef double certificate = 0.0
    cdef double* scratch
    if arms == 0:
        return result, certificate
    scratch = <double*>malloc((5 + SCRATCH) * arms * sizeof(double))
    if scratch == NULL:
        raise MemoryError
    with nogil:
        certificate = best_of_betas(arms, &a[0], &b[0], &p[0], scratch)
    free(scratch)
    return result, certificate
