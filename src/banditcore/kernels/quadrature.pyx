# cython: boundscheck=False, wraparound=False, cdivision=True
"""P(arm is best) = Int f_i(x) Prod_{j != i} F_j(x) dx for independent one-dimensional laws.

Composite Gauss-Legendre whose panels are as wide as the narrowest law still alive allows, from the highest top down to
where Prod F_j < NEGLIGIBLE, which bounds all that is left. Arms whose top lies below a panel do not take part, so a
narrow arm costs nothing where a wide arm rules alone. One product of F_j a node serves all arms (divided by the own
F_i), so the cost is O(K * nodes), not O(K^2). Gaussian laws have loops of their own, in `gaussian.pyx`.
Source: Jeunen (2025), arXiv:2504.08773, derives the same integrals; the rule and its certificate are ours.
"""

from libc.math cimport fabs, INFINITY
from numpy.polynomial.legendre import leggauss

cdef enum:
    NODES = 16

cdef double NEGLIGIBLE = 2e-13
cdef double[NODES] gauss_node
cdef double[NODES] gauss_weight


def _fill():
    nodes, weights = leggauss(NODES)
    for i in range(NODES):
        gauss_node[i] = 0.5 + 0.5 * nodes[i]
        gauss_weight[i] = 0.5 * weights[i]


_fill()


cdef double panel(const Field* field, double low, double width, double* p) noexcept nogil:
    """Adds the panel's share to p and returns Prod F at its lowest node."""
    cdef Py_ssize_t k, alive = 0
    cdef int m
    cdef double total, own
    cdef double[NODES] product
    cdef double* density
    cdef double* below
    cdef double* who = field.scratch + 2 * NODES * field.arms
    for m in range(NODES):
        product[m] = 1.0
    for k in range(field.arms):
        if field.top[k] <= low:
            continue
        density = field.scratch + 2 * NODES * alive
        below = density + NODES
        field.law(field.shape + 3 * k, low, width, gauss_node, NODES, density, below)
        for m in range(NODES):
            product[m] *= below[m]
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
        if panel(field, low, high - low, p) < NEGLIGIBLE:
            return
        high = low


cdef double settle(Py_ssize_t arms, double* p) noexcept nogil:
    """Normalises p and returns |sum - 1| from before: the certificate of the quadrature."""
    cdef Py_ssize_t k
    cdef double total = 0.0
    for k in range(arms):
        total += p[k]
    for k in range(arms):
        p[k] /= total
    return fabs(total - 1.0)
