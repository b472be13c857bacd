# cython: boundscheck=False, wraparound=False, cdivision=True
"""Disjoint Gaussian posteriors over weights: the fold, the scores, and LinUCB's vector made of them.

State of an arm: A = l2 I + sum w x x', b = l2 m0 + sum w r x, and two things derived from them but carried along: the
inverse factor S (upper triangular, A^-1 = S S') and m = A^-1 b. Why S and not L: a score needs y = S'x, which is a sum
of rows of S, so it vectorises without changing the order of additions; a triangular solve with L does not.
S follows a rank-1 update in O(d^2) (Carlson 1973, the Potter square root filter: S <- S C^-T with C C' = I + w w',
w = S'x) and is rebuilt from A every REBUILD updates, or when S S'x stops solving A s = x.

Only + - * / and sqrt in a fixed order: the same rows give the same bytes everywhere. That is why the rebuild is
written out: OpenBLAS picks kernels by CPU, and its Cholesky differed in the last bits between Sandybridge and
Haswell on the same matrix. The loops are in linear_loops.c, where the compiler widens them.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdlib cimport free, malloc

from banditcore.kernels.sampling cimport share_and_floor, share_best

cnp.import_array()

cdef extern from "linear_loops.h" nogil:
    enum: TILE
    double wide_sigmoid(double z)
    double wide_dot(Py_ssize_t n, const double* x, const double* y)
    void wide_transposed_times(Py_ssize_t d, const double* S, const double* x, double* y)
    void wide_times(Py_ssize_t d, const double* S, const double* y, double* s)
    void wide_absorb(Py_ssize_t d, double* S, const double* w, double* keep, double* give)
    void wide_add_outer(Py_ssize_t d, double* A, double weight, const double* x)
    void wide_symmetric_times(Py_ssize_t d, const double* A, const double* x, double* s)
    void wide_score(Py_ssize_t arms, Py_ssize_t d, const double* m, const double* S, const double* x,
                    Py_ssize_t per_arm, const unsigned char* mask, double* mean, double* form, double* y)
    void wide_tile_means(Py_ssize_t d, const double* m, const double* columns, double* mean)
    void wide_tile_forms(Py_ssize_t d, const double* S, const double* columns, double* form)

cdef enum:
    FEW = 8  # rows up to which giving the GIL away costs more than it gains
    PRUNE_FROM = 24  # arms from which bounding the forms costs less than computing them

cdef double TOLERANCE = 1e-10
cdef double PROBIT = 0.39269908169872414  # pi / 8
cdef double SLACK = 1.0 + 1e-9  # over what rounding can take from a bound


cdef double dot(Py_ssize_t n, const double* x, const double* y) noexcept nogil:
    return wide_dot(n, x, y)


cdef void transposed_times(Py_ssize_t d, const double* S, const double* x, double* y) noexcept nogil:
    wide_transposed_times(d, S, x, y)


cdef void times(Py_ssize_t d, const double* S, const double* y, double* s) noexcept nogil:
    wide_times(d, S, y, s)


cdef void absorb(Py_ssize_t d, double* S, const double* w, double* keep, double* give) noexcept nogil:
    wide_absorb(d, S, w, keep, give)


cdef bint rebuild(Py_ssize_t d, const double* A, double* S, double* L) noexcept nogil:
    """S <- inverse transposed Cholesky factor of A; False, S untouched, where A is numerically singular."""
    cdef Py_ssize_t i, j
    cdef double value
    for i in range(d):
        for j in range(i + 1):
            value = A[i * d + j] - wide_dot(j, L + i * d, L + j * d)
            if i == j:
                if not value > 0.0:
                    return False
                L[i * d + i] = sqrt(value)
            else:
                L[i * d + j] = value / L[j * d + j]
    for j in range(d):
        S[j * d + j] = 1.0 / L[j * d + j]
        for i in range(j + 1, d):
            S[j * d + i] = -wide_dot(i - j, L + i * d + j, S + j * d + j) / L[i * d + i]
    return True


cdef double backward_error(Py_ssize_t d, const double* A, const double* S, const double* x,
                           double* y, double* s, double* image) noexcept nogil:
    """||A s - x|| / (trace(A) ||s|| + ||x||) for s = S S'x: how well S still inverts A, at O(d^2)."""
    cdef Py_ssize_t i
    cdef double trace = 0.0, length = sqrt(wide_dot(d, x, x))
    wide_transposed_times(d, S, x, y)
    wide_times(d, S, y, s)
    wide_symmetric_times(d, A, s, image)
    for i in range(d):
        trace += A[i * d + i]
        image[i] -= x[i]
    return sqrt(wide_dot(d, image, image)) / (trace * sqrt(wide_dot(d, s, s)) + length) if length > 0.0 else 0.0


cdef double largest_eigenvalue(Py_ssize_t d, const double* S, double* M, double* N) noexcept nogil:
    """An upper bound of the largest eigenvalue of S S', tight within d^(1/16): trace(M^8)^(1/8) for M = S'S."""
    cdef Py_ssize_t i, j, k
    cdef double size = 0.0
    for i in range(d):
        for j in range(d):
            M[i * d + j] = 0.0
    for k in range(d):
        size += wide_dot(d - k, S + k * d + k, S + k * d + k)
    if not size > 0.0:
        return 0.0
    for k in range(d):
        wide_add_outer(d, M, 1.0 / size, S + k * d)
    square(d, M, N)
    square(d, N, M)
    return SLACK * size * sqrt(sqrt(sqrt(wide_dot(d * d, M, M))))


cdef void square(Py_ssize_t d, const double* M, double* N) noexcept nogil:
    """N = M M for symmetric M."""
    cdef Py_ssize_t i, j
    for i in range(d):
        for j in range(d):
            N[i * d + j] = wide_dot(d, M + i * d, M + j * d)


cdef class LinearArms:
    """The arrays of K arms with pointers to them, so that one decision touches no Python object."""

    cdef readonly cnp.ndarray A, b, S, m, l2, m0, n, weight, sum_r, sum_r2, rss, age, reach, width, due
    cdef readonly Py_ssize_t arms, d
    cdef double *pA
    cdef double *pb
    cdef double *pS
    cdef double *pm
    cdef double *pwidth
    cdef double *preach

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
        cdef double error = r - wide_dot(d, self.pm + k * d, x)
        wide_transposed_times(d, S, x, w)
        if weight != 1.0:
            for i in range(d):
                w[i] *= root
        # w e^2 / (1 + w x'A^-1 x), summed, is the ridge residual sum of squares without its cancellation
        (<double*>cnp.PyArray_DATA(self.rss))[k] += weight * error * error / (1.0 + wide_dot(d, w, w))
        for i in range(d):
            b[i] += weight * r * x[i]
        wide_add_outer(d, A, weight, x)
        wide_absorb(d, S, w, scratch + d, scratch + 2 * d)
        age[0] += 1
        if age[0] >= REBUILD or backward_error(d, A, S, x, w, scratch + d, scratch + 2 * d) > TOLERANCE:
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
        wide_transposed_times(d, self.pS + k * d * d, self.pb + k * d, w)
        wide_times(d, self.pS + k * d * d, w, self.pm + k * d)

    cdef void bound(self, Py_ssize_t k, double* scratch) noexcept nogil:
        """reach >= the largest eigenvalue of A^-1, width_i >= sqrt((A^-1)_ii); they stay bounds while A grows."""
        cdef Py_ssize_t i, d = self.d
        cdef const double* S = self.pS + k * d * d
        for i in range(d):
            self.pwidth[k * d + i] = SLACK * sqrt(wide_dot(d - i, S + i * d + i, S + i * d + i))
        self.preach[k] = largest_eigenvalue(d, S, scratch, scratch + d * d)

    cdef double* workspace(self) except NULL:
        cdef double* scratch = <double*>malloc((2 * self.d * self.d + 3 * self.d) * sizeof(double))
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
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        cdef double* scratch = self.workspace()
        cdef Py_ssize_t i
        with nogil:
            for i in range(rows.n):
                if mature > 0 and n[arm[i]] == 0:
                    self.inherit_mean(arm[i], mature, scratch)
                self.learn_row(arm[i], rows.x + i * rows.step + arm[i] * rows.per_arm, r[i], 1.0, scratch)
                self.count(arm[i], r[i], scratch)
        free(scratch)

    def learn_clicks(self, cnp.ndarray contexts, cnp.ndarray arms, cnp.ndarray rewards, double offset,
                     Py_ssize_t mature=0):
        """`learn` for P(reward) = sigmoid(offset + x'theta): assumed-density filtering, one row at a time.

        The step of the probit-moment match (z = offset + x'm, v = x'A^-1 x, kappa = (1 + pi v / 8)^-1/2,
        p = wide_sigmoid(kappa z), g = kappa^2 p (1 - p); m += kappa (r - p) A^-1 x, A^-1 -= g A^-1 x x'A^-1) is a ridge
        step with weight g / (1 - g v) and the reward that moves m as far; g v < 0.64, so A stays positive definite.
        """
        cdef Rows rows = lay_rows(contexts, None, self.arms, self.d)
        cdef const double* r = <const double*>cnp.PyArray_DATA(rewards)
        cdef const cnp.int64_t* arm = <const cnp.int64_t*>cnp.PyArray_DATA(arms)
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        cdef const double* x
        cdef double* scratch = self.workspace()
        cdef double z, v, kappa, p, g, weight
        cdef Py_ssize_t i
        with nogil:
            for i in range(rows.n):
                if mature > 0 and n[arm[i]] == 0:
                    self.inherit_mean(arm[i], mature, scratch)
                x = rows.x + i * rows.step + arm[i] * rows.per_arm
                wide_score(1, self.d, self.pm + arm[i] * self.d, self.pS + arm[i] * self.d * self.d, x, 0, NULL,
                           &z, &v, scratch)
                kappa = 1.0 / sqrt(1.0 + PROBIT * v)
                p = wide_sigmoid(kappa * (offset + z))
                g = kappa * kappa * p * (1.0 - p)
                weight = g / (1.0 - g * v)
                if weight > 1e-290:  # else the row was certain, and says nothing
                    self.learn_row(arm[i], x, z + kappa * (r[i] - p) * (1.0 + weight * v) / weight, weight, scratch)
                self.count(arm[i], r[i], scratch)
        free(scratch)

    cdef bint inherit_mean(self, Py_ssize_t k, Py_ssize_t mature, double* scratch) noexcept nogil:
        """m0 <- (sum A)^-1 sum b over mature arms, their precision-weighted mean; False where there are none."""
        cdef Py_ssize_t i, j, d = self.d, lenders = 0
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        cdef double l2 = (<double*>cnp.PyArray_DATA(self.l2))[k]
        cdef double* m0 = <double*>cnp.PyArray_DATA(self.m0) + k * d
        cdef double* total = scratch + 3 * d
        cdef double* b = self.pb + k * d
        cdef double* S = self.pS + k * d * d
        for i in range(d):
            b[i] = 0.0
        for i in range(d * d):
            total[i] = 0.0
        for j in range(self.arms):
            if j == k or n[j] < mature:
                continue
            lenders += 1
            for i in range(d * d):
                total[i] += self.pA[j * d * d + i]
            for i in range(d):
                b[i] += self.pb[j * d + i]
        if lenders > 0 and rebuild(d, total, S, total + d * d):
            self.solve(k, scratch)
        for i in range(d):
            m0[i] = self.pm[k * d + i]
            b[i] = l2 * m0[i]
        for i in range(d):
            for j in range(d):
                S[i * d + j] = 1.0 / sqrt(l2) if i == j else 0.0
        return lenders > 0

    def inherit(self, Py_ssize_t mature):
        """Arms that were never seen take the mean of the mature ones, for serving; `learn` does the same by itself."""
        cdef double* scratch = self.workspace()
        cdef const cnp.int64_t* n = <const cnp.int64_t*>cnp.PyArray_DATA(self.n)
        cdef Py_ssize_t k
        for k in range(self.arms):
            if n[k] == 0:
                self.inherit_mean(k, mature, scratch)
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
        for i in range(d):
            change[i] = m[i]
        for i in range(d):
            self.pb[k * d + i] = g * self.pb[k * d + i] + added * m0[i]
        # A itself is needed once more, so the faded one is made in the workspace first
        for i in range(d * d):
            scratch[3 * d + i] = g * A[i]
        for i in range(d):
            scratch[3 * d + i * d + i] += added
        rebuild(d, scratch + 3 * d, self.pS + k * d * d, scratch + 3 * d + d * d)
        self.solve(k, scratch)
        for i in range(d):
            change[i] = m[i] - change[i]
            strayed += (m[i] - m0[i]) * (m[i] - m0[i])
        wide_symmetric_times(d, A, change, image)
        rss[0] = max(0.0, g * (rss[0] + wide_dot(d, change, image)) + added * strayed)
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
            rebuild(self.d, self.pA + k * self.d * self.d, self.pS + k * self.d * self.d, scratch + 3 * self.d)
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
        cdef double* scratch = <double*>malloc((self.d * (TILE + 1) + 2 * TILE) * sizeof(double))
        if scratch == NULL:
            raise MemoryError
        if rows.n <= FEW:
            self.score_rows(rows, scale, means, sds, scratch)
        else:
            with nogil:
                self.score_rows(rows, scale, means, sds, scratch)
        free(scratch)

    cdef void score_rows(self, Rows rows, double scale, double* mean, double* form, double* scratch) noexcept nogil:
        """Contexts that all arms share are scored TILE at a time, as matrix products; the bytes are the same."""
        cdef Py_ssize_t i = 0, j
        if rows.per_arm == 0:
            while i + TILE <= rows.n:
                self.score_tile(rows.x + i * rows.step, mean + i * self.arms,
                                NULL if form == NULL else form + i * self.arms, scratch)
                i += TILE
        while i < rows.n:
            wide_score(self.arms, self.d, self.pm, self.pS, rows.x + i * rows.step, rows.per_arm, NULL,
                       mean + i * self.arms, NULL if form == NULL else form + i * self.arms, scratch)
            i += 1
        if form != NULL:
            for j in range(rows.n * self.arms):
                form[j] = scale * sqrt(form[j])

    cdef void score_tile(self, const double* x, double* mean, double* form, double* scratch) noexcept nogil:
        cdef Py_ssize_t k, i, row, d = self.d
        cdef double* columns = scratch + 2 * TILE
        for row in range(TILE):
            for i in range(d):
                columns[i * TILE + row] = x[row * d + i]
        for k in range(self.arms):
            wide_tile_means(d, self.pm + k * d, columns, scratch)
            for row in range(TILE):
                mean[row * self.arms + k] = scratch[row]
            if form != NULL:
                wide_tile_forms(d, self.pS + k * d * d, columns, scratch + TILE)
                for row in range(TILE):
                    form[row * self.arms + k] = scratch[TILE + row]

    def linucb(self, cnp.ndarray contexts, mask, double alpha, double floor, cnp.ndarray out):
        """out (n, K) <- floored vector of the highest m.x + alpha sqrt(x'A^-1 x); mask as in `Policy`."""
        cdef Rows rows = lay_rows(contexts, mask, self.arms, self.d)
        cdef double* p = <double*>cnp.PyArray_DATA(out)
        cdef double* scratch = <double*>malloc(
            (self.d * (TILE + 1) + 2 * TILE + self.arms * (TILE + 1)) * sizeof(double))
        if scratch == NULL:
            raise MemoryError
        if rows.n <= FEW:
            self.linucb_rows(rows, alpha, floor, p, scratch)
        else:
            with nogil:
                self.linucb_rows(rows, alpha, floor, p, scratch)
        free(scratch)

    cdef void linucb_rows(self, Rows rows, double alpha, double floor, double* p, double* scratch) noexcept nogil:
        cdef Py_ssize_t i = 0, row, K = self.arms
        cdef bint few = K < PRUNE_FROM and alpha > 0.0, all_forms
        cdef double* forms = scratch + self.d * (TILE + 1) + 2 * TILE
        if rows.per_arm == 0:
            while i + TILE <= rows.n:
                self.score_tile(rows.x + i * rows.step, p + i * K, forms if few else NULL, scratch)
                all_forms = few
                if not few and alpha > 0.0 and 4 * self.contenders(rows, i, alpha, p + i * K, scratch) > K:
                    # Bounds leave too many to score one by one.
                    all_forms = True
                    self.score_tile(rows.x + i * rows.step, p + i * K, forms, scratch)
                for row in range(TILE):
                    self.linucb_row(rows, i + row, alpha, floor, p + (i + row) * K,
                                    forms + row * K if all_forms else NULL, scratch)
                i += TILE
        while i < rows.n:
            wide_score(K, self.d, self.pm, self.pS, rows.x + i * rows.step, rows.per_arm, mask_of(rows, i), p + i * K,
                       forms if few else NULL, scratch)
            self.linucb_row(rows, i, alpha, floor, p + i * K, forms if few else NULL, scratch)
            i += 1

    cdef Py_ssize_t contenders(self, Rows rows, Py_ssize_t i, double alpha, const double* means,
                               double* scratch) noexcept nogil:
        """Arms of row i whose bound reaches the index of the likeliest: about as many as would have to be scored."""
        cdef Py_ssize_t k, first = 0, found = 0
        cdef const unsigned char* mask = mask_of(rows, i)
        cdef const double* x = rows.x + i * rows.step
        cdef double best = -INFINITY, bound, length = wide_dot(self.d, x, x)
        for k in range(self.arms):
            bound = means[k] + alpha * sqrt(self.preach[k] * length)
            if bound > best and (mask == NULL or mask[k]):
                best, first = bound, k
        best = self.index(first, x, alpha, means[first], scratch)
        for k in range(self.arms):
            if means[k] + alpha * sqrt(self.preach[k] * length) >= best and (mask == NULL or mask[k]):
                found += 1
        return found

    cdef void linucb_row(self, Rows rows, Py_ssize_t i, double alpha, double floor, double* p, const double* forms,
                         double* scratch) noexcept nogil:
        """From the means in p and the forms, or NULL to compute only those that can matter, to the vector in p."""
        cdef Py_ssize_t k, K = self.arms
        cdef const unsigned char* mask = mask_of(rows, i)
        for k in range(K):
            if mask != NULL and not mask[k]:
                p[k] = -INFINITY
        if alpha > 0.0 and forms != NULL:
            for k in range(K):
                p[k] += alpha * sqrt(forms[k])
        elif alpha > 0.0:
            self.prune(rows.x + i * rows.step, rows.per_arm, alpha, p, scratch)
        share_best(K, p)
        share_and_floor(K, mask, floor, p)

    cdef void prune(self, const double* x, Py_ssize_t per_arm, double alpha, double* p, double* scratch) noexcept nogil:
        """p holds means; where an upper bound reaches the best index it becomes the index, elsewhere -inf."""
        cdef Py_ssize_t k, first = 0, d = self.d
        cdef double best = -INFINITY, bound, length = wide_dot(d, x, x)
        cdef double* means = scratch + self.d * (TILE + 1) + 2 * TILE + self.arms * TILE
        for k in range(self.arms):
            means[k] = p[k]
            if per_arm:
                length = wide_dot(d, x + k * per_arm, x + k * per_arm)
            p[k] = means[k] + alpha * (SLACK * sqrt(self.preach[k] * length))
            if p[k] > best:
                best, first = p[k], k
        best = self.index(first, x + first * per_arm, alpha, means[first], scratch)
        for k in range(self.arms):
            if p[k] >= best:
                bound = means[k] + alpha * (SLACK * widest(d, self.pwidth + k * d, x + k * per_arm))
                p[k] = self.index(k, x + k * per_arm, alpha, means[k], scratch) if bound >= best else -INFINITY
                best = max(best, p[k])
            else:
                p[k] = -INFINITY

    cdef inline double index(self, Py_ssize_t k, const double* x, double alpha, double mean,
                             double* y) noexcept nogil:
        wide_transposed_times(self.d, self.pS + k * self.d * self.d, x, y)
        return mean + alpha * sqrt(wide_dot(self.d, y, y))

    def noise_variance(self, double shape, double scale):
        """(scale + RSS / 2) / (shape + N / 2) over all arms; 1 where nothing was missed yet (see `LinearTS`)."""
        cdef Py_ssize_t k
        cdef const double* rss = <const double*>cnp.PyArray_DATA(self.rss)
        cdef const double* weight = <const double*>cnp.PyArray_DATA(self.weight)
        for k in range(self.arms):
            scale += 0.5 * rss[k]
            shape += 0.5 * weight[k]
        return scale / shape if scale > 0.0 else 1.0


def squash(cnp.ndarray mean, cnp.ndarray sd, double offset):
    """mean <- E sigmoid(offset + N(mean, sd^2)) under the probit approximation, in place; arrays of equal shape."""
    cdef double* z = <double*>cnp.PyArray_DATA(mean)
    cdef const double* s = <const double*>cnp.PyArray_DATA(sd)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(mean)):
        z[i] = wide_sigmoid((offset + z[i]) / sqrt(1.0 + PROBIT * s[i] * s[i]))


cdef double widest(Py_ssize_t d, const double* width, const double* x) noexcept nogil:
    """sum |x_i| sqrt((A^-1)_ii) >= sqrt(x'A^-1 x) by Cauchy and Schwarz; a close bound where x is sparse."""
    cdef Py_ssize_t i
    cdef double total = 0.0
    for i in range(d):
        total += fabs(x[i]) * width[i]
    return total


cdef struct Rows:
    # where row i, arm k lies: x + i * step + k * per_arm; its mask row moves by mask_step (0: one for all)
    Py_ssize_t n, step, per_arm, mask_step
    const double* x
    const unsigned char* mask


cdef inline const unsigned char* mask_of(Rows rows, Py_ssize_t i) noexcept nogil:
    return rows.mask + i * rows.mask_step if rows.mask != NULL else NULL


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
