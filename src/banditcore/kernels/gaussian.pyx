# cython: boundscheck=False, wraparound=False, cdivision=True
"""The exact probability that each of K independent Gaussian scores is the largest; see `quadrature.pyx`."""

import numpy as np

from libc.math cimport exp, INFINITY
from libc.stdlib cimport free, malloc
from scipy.special.cython_special cimport ndtr

from banditcore.kernels.quadrature cimport SCRATCH, Field, equal_steps, panels, settle

cdef double DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)
cdef double TOLERANCE = 1e-9
cdef double NARROWEST = 1e-12
cdef double STEP = 0.4
cdef int PASSES = 6


cdef void normal_law(const double* law, double low, double width, const double* node, int count,
                     double* density, double* below) noexcept nogil:
    cdef int m
    cdef double z
    for m in range(count):
        z = (low + width * node[m] - law[0]) * law[1]
        density[m] = law[1] * DENSITY * exp(-0.5 * z * z)
        below[m] = ndtr(z)


cdef double highest_mass(Py_ssize_t arms, const double* mu, const double* sd) noexcept nogil:
    """Highest mean among arms with sd 0; -inf if there is none."""
    cdef Py_ssize_t k
    cdef double high = -INFINITY
    for k in range(arms):
        if sd[k] == 0.0 and mu[k] > high:
            high = mu[k]
    return high


cdef double lay_out(Field* field, const double* mu, const double* sd, double mass) noexcept nogil:
    """Fills the field's arrays, origin at the highest mean; returns the narrowest scale that can matter."""
    cdef Py_ssize_t k
    cdef double reach = 7.0 if field.arms <= 50 else 7.5  # keeps the cut tails of all arms below 1e-10
    cdef double widest = 0.0, narrowest = INFINITY, origin = -INFINITY
    cdef double* shape = <double*>field.shape
    cdef double* top = <double*>field.top
    cdef double* scale = <double*>field.scale
    for k in range(field.arms):
        widest = max(widest, sd[k])
        origin = max(origin, mu[k])
    field.lower = mass - origin
    for k in range(field.arms):
        shape[3 * k] = mu[k] - origin
        if sd[k] == 0.0:
            scale[k] = INFINITY
            top[k] = -INFINITY
            continue
        scale[k] = max(sd[k], NARROWEST * widest)
        shape[3 * k + 1] = 1.0 / scale[k]
        top[k] = shape[3 * k] + reach * scale[k]
        field.lower = max(field.lower, shape[3 * k] - reach * scale[k])
    for k in range(field.arms):
        if top[k] > field.lower and scale[k] < narrowest:
            narrowest = scale[k]
    return narrowest


cdef void share_mass(const Field* field, const double* mu, const double* sd, double mass, double* p) noexcept nogil:
    """The point masses on `mass` win, in equal shares, when every Gaussian falls below them."""
    cdef Py_ssize_t k, ties = 0
    cdef double below = 1.0
    for k in range(field.arms):
        if sd[k] > 0.0:
            below *= ndtr((mass - mu[k]) * field.shape[3 * k + 1])
        elif mu[k] == mass:
            ties += 1
    for k in range(field.arms):
        if sd[k] == 0.0 and mu[k] == mass:
            p[k] = below / ties


cdef void integrate(const Field* field, double narrowest, bint smooth, int attempt, double* p) noexcept nogil:
    """Equal steps first if few of them suffice; otherwise panels, halved on every further attempt."""
    cdef Py_ssize_t k
    cdef double high = -INFINITY
    for k in range(field.arms):
        high = max(high, field.top[k])
        p[k] = 0.0
    if attempt == 0 and smooth and high - field.lower <= 64.0 * STEP * narrowest:
        equal_steps(field, STEP * narrowest, p)
    else:
        panels(field, (4.0 if field.arms <= 30 else 3.0 if field.arms <= 100 else 2.0) / (1 << attempt), p)


cdef double best_of_gaussians(Py_ssize_t arms, const double* mu, const double* sd, double* p,
                              double* scratch) noexcept nogil:
    cdef Field field
    cdef int attempt
    cdef double certificate = INFINITY, narrowest, mass = highest_mass(arms, mu, sd)
    field.arms = arms
    field.law = normal_law
    field.shape = scratch
    field.top = scratch + 3 * arms
    field.scale = scratch + 4 * arms
    field.scratch = scratch + 5 * arms
    narrowest = lay_out(&field, mu, sd, mass)
    for attempt in range(PASSES):
        integrate(&field, narrowest, mass == -INFINITY, attempt, p)
        if mass > -INFINITY:
            share_mass(&field, mu, sd, mass, p)
        certificate = settle(arms, p)
        if certificate <= TOLERANCE:
            break
    return certificate


def gaussian_argmax(const double[::1] mu, const double[::1] sd):
    """P(score k is the largest) for independent scores ~ N(mu_k, sd_k^2).

    mu, sd: (K,) float64, finite, sd >= 0; sd 0 is a point mass, and equal highest point masses share equally.
    Returns p (K,), which sums to 1, and the certificate: |sum - 1| before normalising. It bounded the largest
    error of p in every case tried; above 1e-9 the step is halved, up to five times.
    Where it stops: an sd below 1e-12 of the largest one counts as 1e-12 of it.
    """
    cdef Py_ssize_t arms = mu.shape[0]
    result = np.empty(arms)
    cdef double[::1] p = result
    cdef double certificate = 0.0
    cdef double* scratch
    if arms == 0:
        return result, certificate
    scratch = <double*>malloc(GAUSSIAN_SCRATCH * arms * sizeof(double))
    if scratch == NULL:
        raise MemoryError
    with nogil:
        certificate = best_of_gaussians(arms, &mu[0], &sd[0], &p[0], scratch)
    free(scratch)
    return result, certificate


def gaussian_vectors(mean, sd, mask, double floor, out, errors):
    for i in range(len(mean)):
        row = None if mask is None else (mask if mask.ndim == 1 else mask[i])
        keep = np.ones(mean.shape[1], bool) if row is None else row
        p, e = gaussian_argmax(np.ascontiguousarray(mean[i][keep]), np.ascontiguousarray(sd[i][keep]))
        out[i] = 0
        out[i][keep] = (1 - floor) * p + floor / keep.sum()
        if errors is not None:
            errors[i] = e
