# cython: boundscheck=False, wraparound=False, cdivision=True
"""LinUCB's vector: with many arms, indices only where an upper bound says that they could be the highest."""

cimport numpy as cnp

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdlib cimport free, malloc

from banditcore.kernels.factors cimport dot, transposed_times
from banditcore.kernels.linear cimport FEW, PRUNE_FROM, SLACK, TILE, LinearArms, Rows, lay_rows, tiles_at
from banditcore.kernels.sampling cimport share_and_floor, share_best

cnp.import_array()


def linucb(LinearArms arms, cnp.ndarray contexts, mask, double alpha, double floor, cnp.ndarray out):
    """out (n, K) <- floored vector of the highest m.x + alpha sqrt(x'A^-1 x); mask as in `Policy`."""
    cdef Rows rows = lay_rows(contexts, mask, arms.arms, arms.d)
    cdef double* p = <double*>cnp.PyArray_DATA(out)
    cdef Py_ssize_t together = max(1, TILE * tiles_at(rows, 0))
    cdef double* scratch = <double*>malloc((arms.room_to_score() + arms.arms * (1 + together)) * sizeof(double))
    if scratch == NULL:
        raise MemoryError
    if rows.n <= FEW:
        linucb_rows(arms, rows, alpha, floor, p, scratch)
    else:
        with nogil:
            linucb_rows(arms, rows, alpha, floor, p, scratch)
    free(scratch)


cdef void linucb_rows(LinearArms arms, Rows rows, double alpha, double floor, double* p, double* scratch) noexcept nogil:
    cdef Py_ssize_t i = 0, row, K = arms.arms, tiles = tiles_at(rows, 0)
    cdef bint few = K < PRUNE_FROM and alpha > 0.0, all_forms
    cdef double* forms = scratch + arms.room_to_score() + K
    while tiles > 0:
        arms.score_tiles(rows.x + i * rows.step, tiles, p + i * K, forms if few else NULL, scratch)
        all_forms = few
        if not few and alpha > 0.0 and 4 * contenders(arms, rows, i, alpha, p + i * K, scratch) > K:
            # Bounds leave too many to score one by one.
            all_forms = True
            arms.score_tiles(rows.x + i * rows.step, tiles, p + i * K, forms, scratch)
        for row in range(tiles * TILE):
            linucb_row(arms, rows, i + row, alpha, floor, p + (i + row) * K, forms + row * K if all_forms else NULL,
                       scratch)
        i += tiles * TILE
        tiles = tiles_at(rows, i)
    while i < rows.n:
        arms.score_row(rows, i, p + i * K, forms if few else NULL, scratch)
        linucb_row(arms, rows, i, alpha, floor, p + i * K, forms if few else NULL, scratch)
        i += 1


cdef Py_ssize_t contenders(LinearArms arms, Rows rows, Py_ssize_t i, double alpha, const double* means,
                           double* scratch) noexcept nogil:
    """Arms of row i whose bound reaches the index of the likeliest: about as many as would have to be scored."""
    cdef Py_ssize_t k, first = 0, found = 0
    cdef const unsigned char* mask = mask_of(rows, i)
    cdef const double* x = rows.x + i * rows.step
    cdef double best = -INFINITY, bound, length = dot(arms.d, x, x)
    for k in range(arms.arms):
        bound = means[k] + alpha * sqrt(arms.preach[k] * length)
        if bound > best and (mask == NULL or mask[k]):
            best, first = bound, k
    best = index(arms, first, x, alpha, means[first], scratch)
    for k in range(arms.arms):
        if means[k] + alpha * sqrt(arms.preach[k] * length) >= best and (mask == NULL or mask[k]):
            found += 1
    return found


cdef void linucb_row(LinearArms arms, Rows rows, Py_ssize_t i, double alpha, double floor, double* p, const double* forms,
                     double* scratch) noexcept nogil:
    """From the means in p and the forms, or NULL to compute only those that can matter, to the vector in p."""
    cdef Py_ssize_t k, K = arms.arms
    cdef const unsigned char* mask = mask_of(rows, i)
    for k in range(K):
        if mask != NULL and not mask[k]:
            p[k] = -INFINITY
    if alpha > 0.0 and forms != NULL:
        for k in range(K):
            p[k] += alpha * sqrt(forms[k])
    elif alpha > 0.0:
        prune(arms, rows.x + i * rows.step, rows.per_arm, alpha, p, scratch)
    share_best(K, p)
    share_and_floor(K, mask, floor, p)


cdef void prune(LinearArms arms, const double* x, Py_ssize_t per_arm, double alpha, double* p, double* scratch) noexcept nogil:
    """p holds means; where an upper bound reaches the best index it becomes the index, elsewhere -inf."""
    cdef Py_ssize_t k, first = 0, d = arms.d
    cdef double best = -INFINITY, bound, length = dot(d, x, x)
    cdef double* means = scratch + arms.room_to_score()
    for k in range(arms.arms):
        means[k] = p[k]
        if per_arm:
            length = dot(d, x + k * per_arm, x + k * per_arm)
        p[k] = means[k] + alpha * (SLACK * sqrt(arms.preach[k] * length))
        if p[k] > best:
            best, first = p[k], k
    best = index(arms, first, x + first * per_arm, alpha, means[first], scratch)
    for k in range(arms.arms):
        if p[k] >= best:
            bound = means[k] + alpha * (SLACK * widest(d, arms.pwidth + k * d, x + k * per_arm))
            p[k] = index(arms, k, x + k * per_arm, alpha, means[k], scratch) if bound >= best else -INFINITY
            best = max(best, p[k])
        else:
            p[k] = -INFINITY


cdef inline double index(LinearArms arms, Py_ssize_t k, const double* x, double alpha, double mean,
                         double* y) noexcept nogil:
    transposed_times(arms.d, arms.pS + k * arms.d * arms.d, x, y)
    return mean + alpha * sqrt(dot(arms.d, y, y))


cdef double widest(Py_ssize_t d, const double* width, const double* x) noexcept nogil:
    """sum |x_i| sqrt((A^-1)_ii) >= sqrt(x'A^-1 x) by Cauchy and Schwarz; a close bound where x is sparse."""
    cdef Py_ssize_t i
    cdef double total = 0.0
    for i in range(d):
        total += fabs(x[i]) * width[i]
    return total


cdef inline const unsigned char* mask_of(Rows rows, Py_ssize_t i) noexcept nogil:
    return rows.mask + i * rows.mask_step if rows.mask != NULL else NULL
