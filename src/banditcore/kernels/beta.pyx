# cython: boundscheck=False, wraparound=False, cdivision=True
"""The exact probability that each of K independent Beta variables is the largest: Int f_i(t) Prod_{j != i} F_j(t) dt.

On the logit scale t the density, proportional to x^a (1-x)^b, is analytic and dies exponentially, so the singularity of
a < 1 vanishes. Equal steps would need as many as the range holds of the narrowest law; panels cost the same when
all arms are alike and stay cheap when a new arm (sd 2) meets one with a million trials (sd 0.002).

Composite Gauss-Legendre whose panels are as wide as the narrowest law still alive allows, from the highest top down to
where Prod F_j < NEGLIGIBLE, which bounds all that is left. Arms whose top lies below a panel do not take part. One
product of F_j a node serves all arms (divided by the own F_i), so the cost is O(K * nodes), not O(K^2); and arms with
equal counts, most of them where arms are many, are integrated once.
Source: Jeunen (2025), arXiv:2504.08773, derives the same integrals; the rule and its certificate are ours.
"""

import numpy as np

from libc.math cimport INFINITY, exp, expm1, fabs, log, log1p, sqrt
from libc.stdlib cimport free, malloc
from numpy.polynomial.legendre import leggauss
from scipy.special.cython_special cimport betainc, betaincinv, betaln

cdef enum:
    NODES = 16

cdef double TOLERANCE = 1e-10  # an update, not a decision, pays for it
cdef double TAILS = 1e-12  # of all arms together
cdef double NEGLIGIBLE = 2e-13
cdef int PASSES = 6
cdef double[NODES] gauss_node
cdef double[NODES] gauss_weight

cdef struct Field:
    # different Beta laws, and the memory to integrate over them
    Py_ssize_t laws
    const double* equals   # how many arms have the law
    const double* shape    # (laws, 3): a, b and the mass of `fall`
    const double* top      # above it the law's tail is negligible
    const double* scale    # width over which the law is smooth
    double lower           # nothing below counts: a distribution function is negligible there
    double* scratch


def _fill():
    nodes, weights = leggauss(NODES)
    for i in range(NODES):
        gauss_node[i] = 0.5 + 0.5 * nodes[i]
        gauss_weight[i] = 0.5 * weights[i]


_fill()


cdef inline double power(double x, double n) noexcept nogil:
    """x^n for whole n by squaring."""
    cdef Py_ssize_t left = <Py_ssize_t>n
    cdef double result = 1.0
    while left > 1:
        if left & 1:
            result *= x
        x *= x
        left >>= 1
    return result * x


cdef inline double fall(double a, double b, double step) noexcept nogil:
    """log density at `step` from its mode log(a / b), relative to the mode: no large terms that cancel.

    With x0 = a / (a + b): a step - (a + b) log(1 + x0 (e^step - 1)), or the same seen from the end of the larger shape,
    where the first term is the smaller.
    """
    cdef double n = a + b
    if a > b:
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


cdef void logit_beta_law(const double* law, double low, double width, double* density, double* below) noexcept nogil:
    """Density and distribution function at the nodes of a panel."""
    cdef int m
    cdef double t, near, a = law[0], b = law[1], mode = log(a / b)
    for m in range(NODES):
        t = low + width * gauss_node[m]
        density[m] = exp(fall(a, b, t - mode)) / law[2]
        near = 1.0 / (1.0 + exp(fabs(t)))  # the smaller of x and 1 - x, so neither tail is rounded away
        below[m] = betainc(a, b, near) if t < 0.0 else 1.0 - betainc(b, a, near)


cdef double logit_quantile(double a, double b, double tail) noexcept nogil:
    """t with P(logit X < t) = tail; the leading term t = log(tail a B(a, b)) / a where x itself underflows."""
    cdef double x = betaincinv(a, b, tail)
    if x < 1e-290:
        return (log(tail * a) + betaln(a, b)) / a
    return log(x) - log1p(-x)


cdef void lay_out(Field* field, const double* a, const double* b, double tail) noexcept nogil:
    cdef Py_ssize_t k
    cdef double* shape = <double*>field.shape
    cdef double* top = <double*>field.top
    cdef double* scale = <double*>field.scale
    field.lower = -INFINITY
    for k in range(field.laws):
        shape[3 * k] = a[k]
        shape[3 * k + 1] = b[k]
        top[k] = -logit_quantile(b[k], a[k], tail)
        field.lower = max(field.lower, logit_quantile(a[k], b[k], tail))
        # trigamma(a) + trigamma(b), shortened; never above 1.6, for the poles at +-i pi do not move with sd
        scale[k] = min(1.6, sqrt(1.0 / a[k] + 0.5 / (a[k] * a[k]) + 1.0 / b[k] + 0.5 / (b[k] * b[k])))
        shape[3 * k + 2] = mass(a[k], b[k], scale[k])


cdef double panel(const Field* field, double low, double width, double* p) noexcept nogil:
    """Adds the panel's share to p and returns Prod F at its lowest node."""
    cdef Py_ssize_t k, alive = 0
    cdef int m
    cdef double total, own
    cdef double[NODES] product
    cdef double* density
    cdef double* below
    cdef double* who = field.scratch + 2 * NODES * field.laws
    for m in range(NODES):
        product[m] = 1.0
    for k in range(field.laws):
        if field.top[k] <= low:
            continue
        density = field.scratch + 2 * NODES * alive
        below = density + NODES
        logit_beta_law(field.shape + 3 * k, low, width, density, below)
        for m in range(NODES):
            product[m] *= power(below[m], field.equals[k])
        who[alive] = k
        alive += 1
    for m in range(NODES):
        product[m] *= gauss_weight[m] * width
    for k in range(alive):
        density = field.scratch + 2 * NODES * k
        below = density + NODES
        total = 0.0
        for m in range(NODES):
            own = below[m] if below[m] > 1e-300 else 1e-300
            total += density[m] * (product[m] / own)
        p[<Py_ssize_t>who[k]] += total
    return product[0] / (gauss_weight[0] * width)


cdef double highest(const Field* field) noexcept nogil:
    cdef Py_ssize_t k
    cdef double high = -INFINITY
    for k in range(field.laws):
        if field.top[k] > high:
            high = field.top[k]
    return high


cdef void panels(const Field* field, double coarse, double* p) noexcept nogil:
    """Gauss-Legendre panels of width coarse * (narrowest scale alive), down to field.lower at most."""
    cdef Py_ssize_t k
    cdef double low, edge, high = highest(field)
    while high > field.lower:
        low = field.lower
        for k in range(field.laws):
            # An arm with its top inside the panel either ends the panel there or is resolved by it.
            edge = high - coarse * field.scale[k]
            if field.top[k] < edge:
                edge = field.top[k]
            if edge > low:
                low = edge
        if panel(field, low, high - low, p) < NEGLIGIBLE:
            return
        high = low


cdef double settle(const Field* field, double* p) noexcept nogil:
    """Normalises p and returns |sum - 1| from before: the certificate of the quadrature."""
    cdef Py_ssize_t k
    cdef double total = 0.0
    for k in range(field.laws):
        total += field.equals[k] * p[k]
    for k in range(field.laws):
        p[k] /= total
    return fabs(total - 1.0)


cdef double best_of_betas(Py_ssize_t laws, const double* a, const double* b, const double* equals, Py_ssize_t arms,
                          double* p, double* scratch) noexcept nogil:
    cdef Field field
    cdef Py_ssize_t k
    cdef int attempt
    cdef double certificate = INFINITY, coarse = 4.0 if arms <= 30 else 3.0 if arms <= 100 else 2.0
    field.laws = laws
    field.equals = equals
    field.shape = scratch
    field.top = scratch + 3 * laws
    field.scale = scratch + 4 * laws
    field.scratch = scratch + 5 * laws
    lay_out(&field, a, b, TAILS / max(arms, 10))
    for attempt in range(PASSES):
        for k in range(laws):
            p[k] = 0.0
        panels(&field, coarse / (1 << attempt), p)
        certificate = settle(&field, p)
        if certificate <= TOLERANCE:
            break
    return certificate


def beta_argmax(a, b):
    """P(X_k is the largest) for independent X_k ~ Beta(a_k, b_k).

    a, b: (K,) float64, in [0.05, 1e12] (below, the mass at 0 or 1 leaves the range of float64 logits).
    Returns p (K,), which sums to 1, and the certificate |sum - 1| before normalising; above 1e-10 the panels are
    halved, up to five times.
    """
    cdef Py_ssize_t arms = len(a), count
    if arms == 0:
        return np.empty(0), 0.0
    law_of, equals = slice(None), np.ones(arms)
    if arms > LOOK_FOR_EQUALS_FROM:
        laws, law_of, equals = np.unique(np.column_stack([a, b]), axis=0, return_inverse=True, return_counts=True)
        a, b, law_of = laws[:, 0].copy(), laws[:, 1].copy(), law_of.ravel()
    cdef const double[::1] first = a
    cdef const double[::1] second = b
    cdef const double[::1] shared = equals.astype(np.float64)
    count = first.shape[0]
    result = np.empty(count)
    cdef double[::1] p = result
    cdef double certificate = 0.0
    cdef double* scratch = <double*>malloc(BETA_SCRATCH * count * sizeof(double))
    if scratch == NULL:
        raise MemoryError
    with nogil:
        certificate = best_of_betas(count, &first[0], &second[0], &shared[0], arms, &p[0], scratch)
    free(scratch)
    return result[law_of], certificate
