# cython: boundscheck=False, wraparound=False, cdivision=True
"""Disjoint Gaussian posteriors over weights: the fold, the scores, and LinUCB's vector made of them.

State of an arm: A = l2 I + sum w x x', b = l2 m0 + sum w r x, and two things derived from them but carried along: the
inverse factor S (upper triangular, A^-1 = S S') and m = A^-1 b. Why S and not L: a score needs y = S'x, which is a sum
of rows of S, so it vectorises without changing the order of additions; a triangular solve with L does not.
S follows a rank-1 update in O(d^2) (Carlson 1973, the Potter square root filter: S <- S C^-T with C C' = I + w w',
w = S'x) and is rebuilt from A every REBUILD updates, or when S S'x stops solving A s = x.

Only + - * / and sqrt in a fixed order: the same rows give the same bytes everywhere. That is why the rebuild is
written out: OpenBLAS picks kernels by CPU, and its Cholesky differed in the last bits between Sandybridge and
Haswell on the same matrix. Loops are in C files beside, where the compiler widens
them.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdlib cimport free, malloc

from banditcore.kernels.factors cimport (
    REBUILD,
    TOLERANCE,
    absorb,
    add_outer,
    backward_error,
    dot,
    factor,
    largest_eigenvalue,
    rebuild,
    symmetric_times,
    times,
    transposed_times,
)

cnp.import_array()

cdef extern from "linear_loops.h" nogil:
    double wide_sigmoid(double z)
    void wide_score(Py_ssize_t arms, Py_ssize_t d, const double* m, const double* S, const double* x,
                    Py_ssize_t per_arm, const unsigned char* mask, double* mean, double* form, double* y)
    void wide_tile_means(Py_ssize_t d, const double* m, const double* columns, double* mean)
    void wide_tile_forms(Py_ssize_t d, const double* S, const double* columns, double* form)

cdef double PROBIT = 0.39269908169872414  # pi / 8
cdef double SLACK = 1.0 + 1e-9  # over what rounding can take from a bound


cdef class LinearArms:
    """The arrays of K arms with pointers to them, so that one decision touches no Python object."""

    def __init__(self, Py_ssize_t n_arms, Py_ssize_t n_features, double l2):
        """All arms at the prior: A = l2 I, mean 0, nothing seen."""
        self.arms, self.d = n_arms, n_features
        eye = np.broadcast_to(np.eye(n_features), (n_arms, n_features, n_features))
        self.A, self.S = l2 * eye, (1.0 / np.sqrt(l2)) * eye
        self.b, self.m = np.zeros((n_arms, n_features)), np.zeros((n_arms, n_features))
        self.l2, self.m0 = np.full(n_arms, l2), np.zeros((n_arms, n_features))
        self.weight, self.sum_r, self.sum_r2, self.rss = (np.zeros(n_arms) for _ in range(4))
        self.n, self.age = np.zeros(n_arms, dtype=np.int64), np.zeros(n_arms, dtype=np.int64)
        self.reach, self.width = np.full(n_arms, SLACK / l2), np.full((n_arms, n_features), SLACK / np.sqrt(l2))
        self.due = np.full(n_arms, n_features, dtype=np.int64)
        self.pA, self.pb = <double*>cnp.PyArray_DATA(self.A), <double*>cnp.PyArray_DATA(self.b)
        self.pS, self.pm = <double*>cnp.PyArray_DATA(self.S), <double*>cnp.PyArray_DATA(self.m)
        self.preach, self.pwidth = <double*>cnp.PyArray_DATA(self.reach), <double*>cnp.PyArray_DATA(self.width)

    # The fold

    cdef void learn_row(self, Py_ssize_t k, const double* x, double r, double weight, double* scratch) noexcept nogil:
        """One observation r = x'theta + noise of variance 1 / weight."""
        cdef Py_ssize_t i, d = self.d
        cdef double *A = self.pA + k * d * d
        cdef double *S = self.pS + k * d * d
        cdef double *b = self.pb + k * d
        cdef double *w = scratch
        cdef double root = sqrt(weight)
        cdef cnp.int64_t *age = <cnp.int64_t*>cnp.PyArray_DATA(self.age) + k
        cdef double error = r - dot(d, self.pm + k * d, x)
        transposed_times(d, S, x, w)
        if weight != 1.0:
            for i in range(d):
                w[i] *= root
        # w e^2 / (1 + w x'A^-1 x), summed, is the ridge residual sum of squares without its cancellation
        (<double*>cnp.PyArray_DATA(self.rss))[k] += weight * error * error / (1.0 + dot(d, w, w))
        for i in range(d):
            b[i] += weight * r * x[i]
        add_outer(d, A, weight, x)
        absorb(d, S, w, scratch + d, scratch + 2 * d)
        age[0] += 1
        if age[0] >= REBUILD or backward_error(d, A, S, x, b, self.pm + k * d, scratch) > TOLERANCE:
            rebuild(d, A, S, scratch + 3 * d)
            age[0] = 0
            self.solve(k, w)

    cdef void count(self, Py_ssize_t k, double r, double* scratch) noexcept nogil:
        """Counts one observation, and bounds the arm's forms anew each time it has grown by a quarter."""
        cdef cnp.int64_t *n = <cnp.int64_t*>cnp.PyArray_DATA(self.n) + k
        cdef cnp.int64_t *due = <cnp.int64_t*>cnp.PyArray_DATA(self.due) + k
        (<double*>cnp.PyArray_DATA(self.sum_r))[k] += r
        (<double*>cnp.PyArray_DATA(self.sum_r2))[k] += r * r
        (<double*>cnp.PyArray_DATA(self.weight))[k] += 1.0
        n[0] += 1
        if self.arms >= PRUNE_FROM and n[0] >= due[0]:
            self.bound(k, scratch)
            due[0] = n[0] + n[0] // 4 + 1

    cdef void solve(self, Py_ssize_t k, double* w) noexcept nogil:
        cdef Py_ssize_t d = self.d
        transposed_times(d, self.pS + k * d * d, self.pb + k * d, w)
        times(d, self.pS + k * d * d, w, self.pm + k * d)

    cdef void bound(self, Py_ssize_t k, double* scratch) noexcept nogil:
        """reach >= the largest eigenvalue of A^-1, width_i >= sqrt((A^-1)_ii); they stay bounds while A grows."""
        cdef Py_ssize_t i, d = self.d
        cdef const double* S = self.pS + k * d * d
        for i in range(d):
            self.pwidth[k * d + i] = SLACK * sqrt(dot(d - i, S + i * d + i, S + i * d + i))
        self.preach[k] = SLACK * largest_eigenvalue(d, S, scratch, scratch + d * d)

    cdef Py_ssize_t room_to_learn(self) noexcept nogil:
        """Doubles of scratch for all that changes an arm."""
        return 3 * self.d * self.d + 4 * self.d

    cdef double* workspace(self) except NULL:
        cdef double* scratch = <double*>malloc(self.room_to_learn() * sizeof(double))
        if scratch == NULL:
            raise MemoryError
        return scratch

    def learn(self, cnp.ndarray contexts, cnp.ndarray arms, cnp.ndarray rewards, Py_ssize_t mature=0):
        """Folds n rows in order: contexts (n, d) or (n, K, d), arms (n,) int64, rewards (n,).

        mature > 0: an arm seen for the first time starts from the mean of the arms with that many rows.
        """
        cdef Rows rows = lay_rows(contexts, None, self.arms, self.d)
        cdef const double* r = <const double*>cnp.PyArray_DATA(rewards)
        cdef const cnp.int64_t* arm = <const cnp.int64_t*>cnp.PyArray_DATA(arms)
        cdef double* scratch = self.workspace()
        cdef Py_ssize_t i
        with nogil:
            for i in range(rows.n):
                self.fold(arm[i], rows.x + i * rows.step + arm[i] * rows.per_arm, r[i], mature, scratch)
        free(scratch)

    cdef void fold(self, Py_ssize_t k, const double* x, double r, Py_ssize_t mature, double* scratch) noexcept nogil:
        self.first_row(k, mature, scratch)
        self.learn_row(k, x, r, 1.0, scratch)
        self.count(k, r, scratch)

    def learn_clicks(self, cnp.ndarray contexts, cnp.ndarray arms, cnp.ndarray rewards, double offset,
                     Py_ssize_t mature=0):
        """`learn` for P(reward) = sigmoid(offset + x'theta): assumed-density filtering, one row at a time.

        The step of the probit-moment match (z = offset + x'm, v = x'A^-1 x, kappa = (1 + pi v / 8)^-1/2,
        p = sigmoid(kappa z), g = kappa^2 p (1 - p); m += kappa (r - p) A^-1 x, A^-1 -= g A^-1 x x'A^-1) is a ridge
        step with weight g / (1 - g v) and the reward that moves m as far; g v < 0.64, so A stays positive definite.
        """
        cdef Rows rows = lay_rows(contexts, None, self.arms, self.d)
        cdef const double* r = <const double*>cnp.PyArray_DATA(rewards)
        cdef const cnp.int64_t* arm = <const cnp.int64_t*>cnp.PyArray_DATA(arms)
        cdef double* scratch = self.workspace()
        cdef Py_ssize_t i
        with nogil:
            for i in range(rows.n):
                self.fold_click(arm[i], rows.x + i * rows.step + arm[i] * rows.per_arm, r[i], offset, mature, scratch)
        free(scratch)

    cdef void fold_click(self, Py_ssize_t k, const double* x, double r, double offset, Py_ssize_t mature,
                         double* scratch) noexcept nogil:
        cdef double z, v, kappa, p, g, weight
        self.first_row(k, mature, scratch)
        wide_score(1, self.d, self.pm + k * self.d, self.pS + k * self.d * self.d, x, 0, NULL, &z, &v, scratch)
        kappa = 1.0 / sqrt(1.0 + PROBIT * v)
        p = wide_sigmoid(kappa * (offset + z))
        g = kappa * kappa * p * (1.0 - p)
        weight = g / (1.0 - g * v)
        if weight > 1e-290:  # else the row was certain, and says nothing
            self.learn_row(k, x, z + kappa * (r - p) * (1.0 + weight * v) / weight, weight, scratch)
        self.count(k, r, scratch)

    cdef void pool(self, Py_ssize_t mature, double* mean, double* scratch) noexcept nogil:
        """mean <- (sum A)^-1 sum b over mature arms, their precision-weighted mean; 0 where there are none."""
        cdef Py_ssize_t i, j, d = self.d
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        cdef double* b = scratch
        cdef double* y = b + d
        cdef double* A = y + d
        cdef double* S = A + d * d
        cdef bint any_mature = False
        for i in range(d):
            mean[i] = b[i] = 0.0
        for i in range(2 * d * d):
            A[i] = 0.0
        for j in range(self.arms):
            if n[j] < mature:
                continue
            any_mature = True
            for i in range(d * d):
                A[i] += self.pA[j * d * d + i]
            for i in range(d):
                b[i] += self.pb[j * d + i]
        if any_mature:
            factor(d, A, (<double*>cnp.PyArray_DATA(self.l2))[0], S, S + d * d)
            transposed_times(d, S, b, y)
            times(d, S, y, mean)

    cdef void start_from(self, Py_ssize_t k, const double* mean) noexcept nogil:
        """Prior mean of an arm that was never seen; its S is at the prior."""
        cdef Py_ssize_t i, d = self.d
        cdef double l2 = (<double*>cnp.PyArray_DATA(self.l2))[k]
        for i in range(d):
            (<double*>cnp.PyArray_DATA(self.m0))[k * d + i] = mean[i]
            self.pm[k * d + i] = mean[i]
            self.pb[k * d + i] = l2 * mean[i]

    cdef void first_row(self, Py_ssize_t k, Py_ssize_t mature, double* scratch) noexcept nogil:
        """What an arm starts from, if this is its first row."""
        if mature > 0 and (<const cnp.int64_t*>cnp.PyArray_DATA(self.n))[k] == 0:
            self.pool(mature, scratch, scratch + self.d)
            self.start_from(k, scratch)

    def inherit(self, Py_ssize_t mature):
        """Arms that were never seen take the mean of the mature ones, for serving; `learn` does the same by itself."""
        cdef double* scratch = self.workspace()
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        cdef Py_ssize_t k
        self.pool(mature, scratch, scratch + self.d)
        for k in range(self.arms):
            if n[k] == 0:
                self.start_from(k, scratch)
        free(scratch)

    def reprior(self, double g, double l2):
        """A <- g (A - l2_old I) + l2 I and likewise b: what was seen fades by g in [0, 1], the prior is put back.

        The residual sum follows without a difference of large numbers: with m' the new mean it is
        g (rss + (m' - m)'A (m' - m)) + (l2 - g l2_old) ||m' - m0||^2.
        """
        cdef double* scratch = self.workspace()
        cdef Py_ssize_t k
        for k in range(self.arms):
            self.reprior_arm(k, g, l2, scratch)
        free(scratch)
        self.bounds()

    cdef void start_over(self, Py_ssize_t k, double l2) noexcept nogil:
        """The prior of an arm that was never seen, whatever it has been lent: what it is served with leaves no trace."""
        cdef Py_ssize_t i, j, d = self.d
        (<double*>cnp.PyArray_DATA(self.l2))[k] = l2
        for i in range(d):
            self.pb[k * d + i] = l2 * self.pm[k * d + i]
            for j in range(d):
                self.pA[(k * d + i) * d + j] = l2 if i == j else 0.0
                self.pS[(k * d + i) * d + j] = 1.0 / sqrt(l2) if i == j else 0.0

    cdef void reprior_arm(self, Py_ssize_t k, double g, double l2, double* scratch) noexcept nogil:
        cdef Py_ssize_t i, d = self.d
        cdef double *A = self.pA + k * d * d
        cdef double *m = self.pm + k * d
        cdef const double* m0 = <const double*>cnp.PyArray_DATA(self.m0) + k * d
        cdef double* before = <double*>cnp.PyArray_DATA(self.l2) + k
        cdef double* rss = <double*>cnp.PyArray_DATA(self.rss) + k
        cdef double* change = scratch + d
        cdef double* image = scratch + 2 * d
        cdef double added = l2 - g * before[0], strayed = 0.0
        if (<const cnp.int64_t*>cnp.PyArray_DATA(self.n))[k] == 0:
            self.start_over(k, l2)
            return
        for i in range(d):
            change[i] = m[i]
        for i in range(d):
            self.pb[k * d + i] = g * self.pb[k * d + i] + added * m0[i]
        # A itself is needed once more, so the faded one is made in the workspace first
        for i in range(d * d):
            scratch[3 * d + i] = g * A[i]
        for i in range(d):
            scratch[3 * d + i * d + i] += added
        factor(d, scratch + 3 * d, l2, self.pS + k * d * d, scratch + 3 * d + d * d)
        self.solve(k, scratch)
        for i in range(d):
            change[i] = m[i] - change[i]
            strayed += (m[i] - m0[i]) * (m[i] - m0[i])
        symmetric_times(d, A, change, image)
        rss[0] = max(0.0, g * (rss[0] + dot(d, change, image)) + added * strayed)
        for i in range(d * d):
            A[i] = scratch[3 * d + i]
        (<double*>cnp.PyArray_DATA(self.weight))[k] *= g
        (<double*>cnp.PyArray_DATA(self.sum_r))[k] *= g
        (<double*>cnp.PyArray_DATA(self.sum_r2))[k] *= g
        (<cnp.int64_t*>cnp.PyArray_DATA(self.age))[k] = 0
        before[0] = l2

    def refactor(self):
        """S and m of all arms from A and b, after those were written to."""
        cdef double* scratch = self.workspace()
        cdef Py_ssize_t k
        for k in range(self.arms):
            factor(self.d, self.pA + k * self.d * self.d, (<double*>cnp.PyArray_DATA(self.l2))[k],
                   self.pS + k * self.d * self.d, scratch + 3 * self.d)
            self.solve(k, scratch)
            (<cnp.int64_t*>cnp.PyArray_DATA(self.age))[k] = 0
        free(scratch)
        self.bounds()

    def bounds(self):
        """Bounds of all arms anew, after S was written to; they steer how much is computed, never what comes out."""
        if self.arms < PRUNE_FROM:
            return
        cdef double* scratch = self.workspace()
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        cdef cnp.int64_t* due = <cnp.int64_t*>cnp.PyArray_DATA(self.due)
        cdef Py_ssize_t k
        for k in range(self.arms):
            self.bound(k, scratch)
            due[k] = max(self.d, n[k] + n[k] // 4 + 1)
        free(scratch)

    # The scores

    def moments(self, cnp.ndarray contexts, double scale, cnp.ndarray mean, cnp.ndarray sd):
        """mean (n, K) <- m.x and, unless None, sd (n, K) <- scale sqrt(x'A^-1 x)."""
        cdef Rows rows = lay_rows(contexts, None, self.arms, self.d)
        cdef double* means = <double*>cnp.PyArray_DATA(mean)
        cdef double* sds = NULL if sd is None else <double*>cnp.PyArray_DATA(sd)
        cdef double* scratch = <double*>malloc(self.room_to_score() * sizeof(double))
        if scratch == NULL:
            raise MemoryError
        if rows.n <= FEW:
            self.score_rows(rows, scale, means, sds, scratch)
        else:
            with nogil:
                self.score_rows(rows, scale, means, sds, scratch)
        free(scratch)

    cdef void score_rows(self, Rows rows, double scale, double* mean, double* form, double* scratch) noexcept nogil:
        """Contexts that all arms share are scored in tiles, as matrix products; the bytes are the same."""
        cdef Py_ssize_t i = 0, j, tiles = tiles_at(rows, 0)
        while tiles > 0:
            self.score_tiles(rows.x + i * rows.step, tiles, mean + i * self.arms,
                             NULL if form == NULL else form + i * self.arms, scratch)
            i += tiles * TILE
            tiles = tiles_at(rows, i)
        while i < rows.n:
            self.score_row(rows, i, mean + i * self.arms, NULL if form == NULL else form + i * self.arms, scratch)
            i += 1
        if form != NULL:
            for j in range(rows.n * self.arms):
                form[j] = scale * sqrt(form[j])

    cdef void score_row(self, Rows rows, Py_ssize_t i, double* mean, double* form, double* scratch) noexcept nogil:
        wide_score(self.arms, self.d, self.pm, self.pS, rows.x + i * rows.step, rows.per_arm,
                   rows.mask + i * rows.mask_step if rows.mask != NULL else NULL, mean, form, scratch)

    cdef Py_ssize_t room_to_score(self) noexcept nogil:
        """Doubles of scratch for `score_tiles` and `score_row`."""
        return TILE * (1 + TILES * self.d)

    cdef void score_tiles(self, const double* x, Py_ssize_t tiles, double* mean, double* form,
                          double* scratch) noexcept nogil:
        """`tiles` times TILE rows, arm by arm: an arm's S is fetched once for all of them."""
        cdef Py_ssize_t k, i, row, tile, d = self.d
        cdef double* columns = scratch + TILE
        for tile in range(tiles):
            for row in range(TILE):
                for i in range(d):
                    columns[(tile * d + i) * TILE + row] = x[(tile * TILE + row) * d + i]
        for k in range(self.arms):
            for tile in range(tiles):
                wide_tile_means(d, self.pm + k * d, columns + tile * d * TILE, scratch)
                for row in range(TILE):
                    mean[(tile * TILE + row) * self.arms + k] = scratch[row]
                if form == NULL:
                    continue
                wide_tile_forms(d, self.pS + k * d * d, columns + tile * d * TILE, scratch)
                for row in range(TILE):
                    form[(tile * TILE + row) * self.arms + k] = scratch[row]

    def noise_variance(self, double shape, double scale):
        """(scale + RSS / 2) / (shape + N / 2) over all arms; 1 where nothing was missed yet (see `LinearTS`)."""
        return self.noise(shape, scale)

    cdef double noise(self, double shape, double scale) noexcept nogil:
        cdef Py_ssize_t k
        cdef const double* rss = <const double*>cnp.PyArray_DATA(self.rss)
        cdef const double* weight = <const double*>cnp.PyArray_DATA(self.weight)
        for k in range(self.arms):
            scale += 0.5 * rss[k]
            shape += 0.5 * weight[k]
        return scale / shape if scale > 0.0 and shape > 0.0 else 1.0


def squash(cnp.ndarray mean, cnp.ndarray sd, double offset):
    """mean <- E sigmoid(offset + N(mean, sd^2)) under the probit approximation, in place; arrays of equal shape."""
    cdef double* z = <double*>cnp.PyArray_DATA(mean)
    cdef const double* s = <const double*>cnp.PyArray_DATA(sd)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(mean)):
        z[i] = squashed(z[i], s[i], offset)


cdef double squashed(double z, double sd, double offset) noexcept nogil:
    return wide_sigmoid((offset + z) / sqrt(1.0 + PROBIT * sd * sd))


cdef Py_ssize_t tiles_at(Rows rows, Py_ssize_t i) noexcept nogil:
    """Tiles to score together from row i on: none where arms have contexts of their own, or too few rows are left."""
    return min((rows.n - i) // TILE, <Py_ssize_t>TILES) if rows.per_arm == 0 else 0


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
