# cython: boundscheck=False, wraparound=False, cdivision=True
"""P(arm is best) = Int f_i(x) Prod_{j != i} F_j(x) dx for independent one-dimensional laws.

Both rules walk down from the highest top and stop where Prod F_j < NEGLIGIBLE, which bounds all that is left.
One product of F_j a node serves all arms (divided by the own F_i), so the cost is O(K * nodes), not O(K^2).
- `panels`: composite Gauss-Legendre whose panels are as wide as the narrowest law still alive allows. Arms whose
  top lies below a panel do not take part, so a narrow arm costs nothing where a wide arm rules alone.
- `equal_steps`: midpoints at equal distance. For laws of like width it converges geometrically (the integrand is
  analytic and dies at both ends) and needs about half the nodes.
Source: Jeunen (2025), arXiv:2504.08773, derives the same integrals; the rules and their certificate are ours.
"""

from libc.math cimport fabs, INFINITY
from numpy.polynomial.legendre import leggauss

cdef enum:
    NODES = 16
    STEPS = 8

cdef double NEGLIGIBLE = 2e-13
cdef double[NODES] gauss_node
cdef double[NODES] gauss_weight
cdef double[STEPS] even_node
cdef double[STEPS] even_weight


def _fill():
    nodes, weights = leggauss(NODES)
    for i in range(NODES):
        gauss_node[i] = 0.5 + 0.5 * nodes[i]
        gauss_weight[i] = 0.5 * weights[i]
    for i in range(STEPS):
        even_node[i] = (i + 0.5) / STEPS
        even_weight[i] = 1.0 / STEPS


_fill()


cdef double panel(const Field* field, double low, double width, const double* node, const double* weight,
                  int count, double* p) noexcept nogil:
    """Adds the panel's share to p and returns Prod F at its lowest node."""
    cdef Py_ssize_t k, alive = 0
    cdef int m
    cdef double total, own
    cdef double[NODES] product
    cdef double* density
    cdef double* below
    cdef double* who = field.scratch + 2 * NODES * field.arms
    for m in range(count):
        product[m] = 1.0
    for k in range(field.arms):
        if field.top[k] <= low:
            continue
        density = field.scratch + 2 * NODES * alive
        below = density + NODES
        field.law(field.shape + 3 * k, low, width, node, count, density, below)
        for m in range(count):
            product[m] *= below[m]
        who[alive] = k
        alive += 1
    for m in range(count):
        product[m] *= weight[m] * width
    for k in range(alive):
        density = field.scratch + 2 * NODES * k
        below = density + NODES
        total = 0.0
        for m in range(count):
            own = below[m] if below[m] > 1e-300 else 1e-300
            total += density[m] * (product[m] / own)
        p[<Py_ssize_t>who[k]] += total
    return product[0] / (weight[0] * width)


cdef double highest(const Field* field) noexcept nogil:
    cdef Py_ssize_t k
    cdef double high = -INFINITY
    for k in range(field.arms):
        if field.top[k] > high:
            high = field.top[k]
    return high


cdef void panels(const Field* field, double coarse, double* p) noexcept nogil:
    """Gauss-Legendre panels of width coarse * (narrowest scale alive), down to field.lower at most."""
    cdef Py_ssize_t k
    cdef double low, edge, high = highest(field)
    while high > field.lower:
        low = field.lower
        for k in range(field.arms):
            # An arm with its top inside the panel either ends the panel there or is resolved by it.
            edge = high - coarse * field.scale[k]
            if field.top[k] < edge:
                edge = field.top[k]
            if edge > low:
                low = edge
        if panel(field, low, high - low, gauss_node, gauss_weight, NODES, p) < NEGLIGIBLE:
            return
        high = low


cdef void equal_steps(const Field* field, double step, double* p) noexcept nogil:
    """Midpoints `step` apart; needs an integrand that dies at both ends, hence no point mass."""
    cdef double low = highest(field)
    while low > field.lower:
        low -= STEPS * step
        if panel(field, low, STEPS * step, even_node, even_weight, STEPS, p) < NEGLIGIBLE:
            return


cdef double settle(Py_ssize_t arms, double* p) noexcept nogil:
    """Normalises p and returns |sum - 1| from before: the certificate of the quadrature."""
    cdef Py_ssize_t k
    cdef double total = 0.0
    for k in range(arms):
        total += p[k]
    for k in range(arms):
        p[k] /= total
    return fabs(total - 1.0)
