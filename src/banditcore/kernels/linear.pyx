# cython: boundscheck=False, wraparound=False, cdivision=True
"""Disjoint ridge regressions: the fold, the scores and the two vectors made of them.

State of an arm: A = l2 I + sum x x', b = sum r x, and two things derived from them but carried along: the inverse
factor S (upper triangular, A^-1 = S S') and m = A^-1 b. Why S and not L: a score needs y = S'x, which is a sum of
rows of S, so it vectorises without changing the order of additions; a triangular solve with L does not.
S follows a rank-1 update in O(d^2) (Carlson 1973, the Potter square root filter: S <- S C^-T with C C' = I + w w',
w = S'x) and is rebuilt from A every REBUILD updates, or when S S'x stops solving A s = x.

Only + - * / and sqrt in a fixed order: the same rows give the same bytes on every x86-64. That is why the rebuild
is written out: OpenBLAS picks kernels by CPU, and its Cholesky differed in the last bits between Sandybridge and
Haswell on the same matrix.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdlib cimport free, malloc

from banditcore.kernels.gaussian cimport GAUSSIAN_SCRATCH, best_of_gaussians
from banditcore.kernels.sampling cimport share_and_floor

cnp.import_array()

cdef enum:
    REBUILD = 4096
    FEW = 8  # rows up to which giving the GIL away costs more than it gains

cdef double TOLERANCE = 1e-10


cdef inline double dot(Py_ssize_t d, const double* x, const double* y) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0.0
    for i in range(d):
        total += x[i] * y[i]
    return total


cdef void transposed_times(Py_ssize_t d, const double* S, const double* x, double* y) noexcept nogil:
    """y = S'x for upper triangular S with zeros below; four rows at a time, none where x is 0."""
    cdef Py_ssize_t i = 0, j
    cdef double a, b, c, e
    cdef const double* row
    for j in range(d):
        y[j] = 0.0
    while i + 4 <= d:
        a, b, c, e = x[i], x[i + 1], x[i + 2], x[i + 3]
        if a != 0.0 or b != 0.0 or c != 0.0 or e != 0.0:
            row = S + i * d
            for j in range(i, d):
                y[j] += (a * row[j] + b * row[d + j]) + (c * row[2 * d + j] + e * row[3 * d + j])
        i += 4
    while i < d:
        a = x[i]
        for j in range(i, d):
            y[j] += a * S[i * d + j]
        i += 1


cdef void times(Py_ssize_t d, const double* S, const double* y, double* s) noexcept nogil:
    """s = S y for upper triangular S."""
    cdef Py_ssize_t i
    for i in range(d):
        s[i] = dot(d - i, S + i * d + i, y + i)


cdef void absorb(Py_ssize_t d, double* S, const double* w, double* keep, double* give) noexcept nogil:
    """S <- S C^-T where C C' = I + w w'; keep, give: d doubles of scratch each."""
    cdef Py_ssize_t i, j
    cdef double before = 1.0, after, carried, old
    for j in range(d):
        after = before + w[j] * w[j]
        keep[j] = sqrt(before / after)
        give[j] = w[j] / sqrt(before * after)
        before = after
    for i in range(d):
        carried = 0.0
        for j in range(i, d):
            old = S[i * d + j]
            S[i * d + j] = keep[j] * old - give[j] * carried
            carried += old * w[j]


cdef bint rebuild(Py_ssize_t d, const double* A, double* S, double* L) noexcept nogil:
    """S <- inverse transposed Cholesky factor of A; False, S untouched, where A is numerically singular."""
    cdef Py_ssize_t i, j
    cdef double value
    for i in range(d):
        for j in range(i + 1):
            value = A[i * d + j] - dot(j, L + i * d, L + j * d)
            if i == j:
                if not value > 0.0:
                    return False
                L[i * d + i] = sqrt(value)
            else:
                L[i * d + j] = value / L[j * d + j]
    for j in range(d):
        S[j * d + j] = 1.0 / L[j * d + j]
        for i in range(j + 1, d):
            S[j * d + i] = -dot(i - j, L + i * d + j, S + j * d + j) / L[i * d + i]
    return True


cdef double backward_error(Py_ssize_t d, const double* A, const double* S, const double* x,
                           double* y, double* s, double* image) noexcept nogil:
    """||A s - x|| / (trace(A) ||s|| + ||x||) for s = S S'x: how well S still inverts A, at O(d^2)."""
    cdef Py_ssize_t i, j
    cdef double trace = 0.0, miss = 0.0, length = sqrt(dot(d, x, x))
    transposed_times(d, S, x, y)
    times(d, S, y, s)
    for j in range(d):
        image[j] = -x[j]
    for i in range(d):
        trace += A[i * d + i]
        for j in range(d):  # A is symmetric: rows serve as columns
            image[j] += s[i] * A[i * d + j]
    miss = sqrt(dot(d, image, image))
    return miss / (trace * sqrt(dot(d, s, s)) + length) if length > 0.0 else 0.0


cdef class LinearArms:
    """The arrays of K arms with pointers to them, so that one decision touches no Python object."""

    cdef readonly cnp.ndarray A, b, S, m, n, sum_r, sum_r2, rss, age
    cdef Py_ssize_t arms, d
    cdef double *pA
    cdef double *pb
    cdef double *pS
    cdef double *pm

    def __init__(self, Py_ssize_t n_arms, Py_ssize_t n_features, double l2):
        """All arms at the prior: A = l2 I, nothing seen."""
        self.arms, self.d = n_arms, n_features
        eye = np.broadcast_to(np.eye(n_features), (n_arms, n_features, n_features))
        self.A, self.S = l2 * eye, (1.0 / np.sqrt(l2)) * eye
        self.b, self.m = np.zeros((n_arms, n_features)), np.zeros((n_arms, n_features))
        self.sum_r, self.sum_r2, self.rss = np.zeros(n_arms), np.zeros(n_arms), np.zeros(n_arms)
        self.n, self.age = np.zeros(n_arms, dtype=np.int64), np.zeros(n_arms, dtype=np.int64)
        self.pA, self.pb = <double*>cnp.PyArray_DATA(self.A), <double*>cnp.PyArray_DATA(self.b)
        self.pS, self.pm = <double*>cnp.PyArray_DATA(self.S), <double*>cnp.PyArray_DATA(self.m)

    cdef void learn_row(self, Py_ssize_t k, const double* x, double r, double* scratch) noexcept nogil:
        cdef Py_ssize_t i, j, d = self.d
        cdef double *A = self.pA + k * d * d
        cdef double *S = self.pS + k * d * d
        cdef double *b = self.pb + k * d
        cdef double *m = self.pm + k * d
        cdef double *w = scratch
        cdef cnp.int64_t *age = <cnp.int64_t*>cnp.PyArray_DATA(self.age) + k
        cdef double error = r - dot(d, m, x)
        transposed_times(d, S, x, w)
        # e^2 / (1 + x'A^-1 x), summed, is the ridge residual sum of squares without its cancellation
        (<double*>cnp.PyArray_DATA(self.rss))[k] += error * error / (1.0 + dot(d, w, w))
        (<double*>cnp.PyArray_DATA(self.sum_r))[k] += r
        (<double*>cnp.PyArray_DATA(self.sum_r2))[k] += r * r
        (<cnp.int64_t*>cnp.PyArray_DATA(self.n))[k] += 1
        for i in range(d):
            b[i] += r * x[i]
            if x[i] != 0.0:
                for j in range(d):
                    A[i * d + j] += x[i] * x[j]
        absorb(d, S, w, scratch + d, scratch + 2 * d)
        age[0] += 1
        if age[0] >= REBUILD or backward_error(d, A, S, x, w, scratch + d, scratch + 2 * d) > TOLERANCE:
            rebuild(d, A, S, scratch + 3 * d)
            age[0] = 0
        transposed_times(d, S, b, w)
        times(d, S, w, m)

    def learn(self, cnp.ndarray contexts, cnp.ndarray arms, cnp.ndarray rewards):
        """Folds n rows in order: contexts (n, d) or (n, K, d), arms (n,) int64, rewards (n,)."""
        cdef Py_ssize_t i, n = cnp.PyArray_DIM(arms, 0), d = self.d
        cdef Py_ssize_t per_arm = d if cnp.PyArray_NDIM(contexts) == 3 else 0
        cdef Py_ssize_t per_row = d * self.arms if per_arm else d
        cdef const double* x = <const double*>cnp.PyArray_DATA(contexts)
        cdef const double* r = <const double*>cnp.PyArray_DATA(rewards)
        cdef const cnp.int64_t* arm = <const cnp.int64_t*>cnp.PyArray_DATA(arms)
        cdef double* scratch = <double*>malloc((d * d + 3 * d) * sizeof(double))
        if scratch == NULL:
            raise MemoryError
        with nogil:
            for i in range(n):
                self.learn_row(arm[i], x + i * per_row + arm[i] * per_arm, r[i], scratch)
        free(scratch)

    cdef inline double mean(self, Py_ssize_t k, const double* x) noexcept nogil:
        return dot(self.d, self.pm + k * self.d, x)

    cdef inline double variance(self, Py_ssize_t k, const double* x, double* y) noexcept nogil:
        """x'A^-1 x = ||S'x||^2, never negative."""
        transposed_times(self.d, self.pS + k * self.d * self.d, x, y)
        return dot(self.d, y, y)

    cdef inline double index(self, Py_ssize_t k, const double* x, double alpha, double* y) noexcept nogil:
        if alpha == 0.0:
            return self.mean(k, x)
        return self.mean(k, x) + alpha * sqrt(self.variance(k, x, y))

    cdef void linucb_row(self, const double* x, Py_ssize_t per_arm, const unsigned char* mask, double alpha,
                         double floor, double* p, double* y) noexcept nogil:
        cdef Py_ssize_t k, ties = 0
        cdef double best = -INFINITY
        for k in range(self.arms):
            p[k] = self.index(k, x + k * per_arm, alpha, y) if mask == NULL or mask[k] else -INFINITY
            if p[k] > best:
                best, ties = p[k], 0
            ties += p[k] == best
        for k in range(self.arms):
            p[k] = 1.0 / ties if p[k] == best else 0.0
        share_and_floor(self.arms, mask, floor, p)

    cdef double thompson_row(self, const double* x, Py_ssize_t per_arm, const unsigned char* mask, double variance,
                             double floor, double* p, double* scratch) noexcept nogil:
        """Only the eligible arms enter the integral, packed to the front."""
        cdef Py_ssize_t k, packed = 0
        cdef double certificate
        cdef double* mu = scratch
        cdef double* sd = mu + self.arms
        cdef double* y = sd + self.arms
        cdef double* best = y + self.d
        for k in range(self.arms):
            if mask == NULL or mask[k]:
                mu[packed] = self.mean(k, x + k * per_arm)
                sd[packed] = sqrt(variance * self.variance(k, x + k * per_arm, y))
                packed += 1
        certificate = best_of_gaussians(packed, mu, sd, best, best + self.arms)
        packed = 0
        for k in range(self.arms):
            p[k] = 0.0
            if mask == NULL or mask[k]:
                p[k] = best[packed]
                packed += 1
        share_and_floor(self.arms, mask, floor, p)
        return certificate

    def indices(self, cnp.ndarray contexts, double alpha, cnp.ndarray out):
        """out (n, K) <- m.x + alpha sqrt(x'A^-1 x); alpha 0 gives the posterior means."""
        cdef Rows rows = lay_rows(contexts, None, self.arms, self.d)
        cdef double* p = <double*>cnp.PyArray_DATA(out)
        cdef Py_ssize_t i, k
        cdef double* y = <double*>malloc(self.d * sizeof(double))
        if y == NULL:
            raise MemoryError
        with nogil:
            for i in range(rows.n):
                for k in range(self.arms):
                    p[i * self.arms + k] = self.index(k, rows.x + i * rows.step + k * rows.per_arm, alpha, y)
        free(y)

    def linucb(self, cnp.ndarray contexts, mask, double alpha, double floor, cnp.ndarray out):
        """out (n, K) <- LinUCB's vector (Li et al., arXiv:1003.0146, algorithm 1), ties shared, floored."""
        cdef Rows rows = lay_rows(contexts, mask, self.arms, self.d)
        cdef double* p = <double*>cnp.PyArray_DATA(out)
        cdef double* y = <double*>malloc(self.d * sizeof(double))
        if y == NULL:
            raise MemoryError
        if rows.n <= FEW:
            self.linucb_rows(rows, alpha, floor, p, y)
        else:
            with nogil:
                self.linucb_rows(rows, alpha, floor, p, y)
        free(y)

    cdef void linucb_rows(self, Rows rows, double alpha, double floor, double* p, double* y) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(rows.n):
            self.linucb_row(rows.x + i * rows.step, rows.per_arm, rows.mask, alpha, floor, p + i * self.arms, y)
            rows.mask += rows.mask_step

    def thompson(self, cnp.ndarray contexts, mask, double variance, double floor, cnp.ndarray out,
                 cnp.ndarray certificates=None):
        """out (n, K) <- P(argmax) of N(m.x, variance x'A^-1 x), floored; certificates (n,) if wanted."""
        cdef Rows rows = lay_rows(contexts, mask, self.arms, self.d)
        cdef double* p = <double*>cnp.PyArray_DATA(out)
        cdef double* kept = NULL if certificates is None else <double*>cnp.PyArray_DATA(certificates)
        cdef double* scratch = <double*>malloc((self.d + (GAUSSIAN_SCRATCH + 3) * self.arms) * sizeof(double))
        cdef double certificate
        cdef Py_ssize_t i
        if scratch == NULL:
            raise MemoryError
        with nogil:
            for i in range(rows.n):
                certificate = self.thompson_row(rows.x + i * rows.step, rows.per_arm, rows.mask, variance, floor,
                                                p + i * self.arms, scratch)
                if kept != NULL:
                    kept[i] = certificate
                rows.mask += rows.mask_step
        free(scratch)

    def noise_variance(self, double shape, double scale):
        """(scale + RSS / 2) / (shape + N / 2) over all arms; 1 where nothing was missed yet (see `LinearTS`)."""
        cdef Py_ssize_t k
        cdef const double* rss = <const double*>cnp.PyArray_DATA(self.rss)
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        for k in range(self.arms):
            scale += 0.5 * rss[k]
            shape += 0.5 * n[k]
        return scale / shape if scale > 0.0 else 1.0


cdef struct Rows:
    # where row i, arm k lies: x + i * step + k * per_arm; its mask row moves by mask_step (0: one for all)
    Py_ssize_t n, step, per_arm, mask_step
    const double* x
    const unsigned char* mask


cdef Rows lay_rows(cnp.ndarray contexts, object mask, Py_ssize_t arms, Py_ssize_t d):
    cdef Rows rows
    rows.n = cnp.PyArray_DIM(contexts, 0)
    rows.per_arm = d if cnp.PyArray_NDIM(contexts) == 3 else 0
    rows.step = d * arms if rows.per_arm else d
    rows.x = <const double*>cnp.PyArray_DATA(contexts)
    rows.mask, rows.mask_step = NULL, 0
    if mask is not None:
        rows.mask = <const unsigned char*>cnp.PyArray_DATA(<cnp.ndarray>mask)
        rows.mask_step = arms if cnp.PyArray_NDIM(<cnp.ndarray>mask) == 2 else 0
    return rows
