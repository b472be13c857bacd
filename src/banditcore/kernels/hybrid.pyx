# cython: boundscheck=False, wraparound=False, cdivision=True
"""Ridge regressions with a common part: reward of arm a = z'beta + x'theta_a, prior l2 on beta and on every theta_a.

The system of all coefficients is a block arrow: A_a (d, d) = l2 I + sum x x' on the diagonal, B_a (d, q) = sum x z'
in the border, Z (q, q) = l2 I + sum z z' in the corner. Eliminating the thetas leaves A0 beta = b0 with
A0 = Z - sum_a B_a' A_a^-1 B_a (Li et al., arXiv:1003.0146, algorithm 2, which computes it so, one term out and in
at every row). Carried along instead, with A_a^-1 = S_a S_a', m_a = A_a^-1 b_a, W_a = A_a^-1 B_a, A0^-1 = S0 S0':
of a row, u = z - W_a'x is what the arm's own columns cannot say about z, e = r - m_a'x, v = x' A_a^-1 x, and

    A0 += u u' / (1 + v)      b0 += u e / (1 + v)      W_a += A_a^-1 x u' / (1 + v)      m_a += A_a^-1 x e / (1 + v).

Every term of A0 is a square, so nothing large is ever subtracted from it, and a row costs O(d^2 + d q + q^2).
A row's score is u'beta + m_a'x with variance x' A_a^-1 x + u' A0^-1 u.

Factors, order of operations and the reasons for both are those of `linear.pyx`.
"""

cimport numpy as cnp
import numpy as np

from libc.math cimport sqrt
from libc.stdlib cimport free, malloc

from banditcore.kernels.factors cimport REBUILD, TOLERANCE, absorb, dot, factor, rebuild, times, transposed_times

cnp.import_array()

cdef double NOISE = 1e-13  # what rounding leaves of a sum that should have cancelled, over the sum


cdef void add_outer(Py_ssize_t rows, Py_ssize_t columns, const double* x, const double* y, double* M) noexcept nogil:
    """M += x y'."""
    cdef Py_ssize_t i, j
    cdef double a
    cdef double* row
    for i in range(rows):
        a = x[i]
        if a != 0.0:
            row = M + i * columns
            for j in range(columns):
                row[j] += a * y[j]


cdef void add_scaled(Py_ssize_t d, double a, const double* x, double* y) noexcept nogil:
    """y += a x."""
    cdef Py_ssize_t j
    for j in range(d):
        y[j] += a * x[j]


cdef void left_over(Py_ssize_t d, Py_ssize_t q, const double* W, const double* x, const double* z,
                    double* u) noexcept nogil:
    """u = z - W'x for W (d, q); four rows at a time, none where x is 0."""
    cdef Py_ssize_t i = 0, j
    cdef double a, b, c, e
    cdef const double* row
    for j in range(q):
        u[j] = z[j]
    while i + 4 <= d:
        a, b, c, e = x[i], x[i + 1], x[i + 2], x[i + 3]
        if a != 0.0 or b != 0.0 or c != 0.0 or e != 0.0:
            row = W + i * q
            for j in range(q):
                u[j] -= (a * row[j] + b * row[q + j]) + (c * row[2 * q + j] + e * row[3 * q + j])
        i += 4
    while i < d:
        add_scaled(q, -x[i], W + i * q, u)
        i += 1


cdef bint missed(Py_ssize_t d, const double* A, const double* s, const double* x, double* image) noexcept nogil:
    """Is s too bad a solution of A s = x: ||A s - x|| > TOLERANCE (trace(A) ||s|| + ||x||)?"""
    cdef Py_ssize_t i
    cdef double trace = 0.0
    for i in range(d):
        image[i] = -x[i]
    for i in range(d):  # A is symmetric: rows serve as columns
        trace += A[i * d + i]
        add_scaled(d, s[i], A + i * d, image)
    return sqrt(dot(d, image, image)) > TOLERANCE * (trace * sqrt(dot(d, s, s)) + sqrt(dot(d, x, x)))


cdef void divide(Py_ssize_t d, double a, double* x) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(d):
        x[j] /= a


cdef void forward(Py_ssize_t d, Py_ssize_t q, const double* L, double* Y) noexcept nogil:
    """Y <- L^-1 Y for Y (d, q)."""
    cdef Py_ssize_t i, j
    for i in range(d):
        for j in range(i):
            add_scaled(q, -L[i * d + j], Y + j * q, Y + i * q)
        divide(q, L[i * d + i], Y + i * q)


cdef void backward(Py_ssize_t d, Py_ssize_t q, const double* L, double* Y) noexcept nogil:
    """Y <- L^-T Y for Y (d, q)."""
    cdef Py_ssize_t i, j
    for i in range(d - 1, -1, -1):
        for j in range(i + 1, d):
            add_scaled(q, -L[j * d + i], Y + j * q, Y + i * q)
        divide(q, L[i * d + i], Y + i * q)


cdef class HybridArms:
    """The arrays of K arms and of what they share."""

    def __init__(self, Py_ssize_t n_arms, Py_ssize_t n_features, Py_ssize_t n_shared, double l2):
        """The prior; the first n_shared columns are z and the others x, or z = x = the row where n_shared is 0."""
        cdef Py_ssize_t d = n_features - n_shared, q = n_shared if n_shared else n_features
        self.arms, self.columns, self.own, self.d, self.q, self.l2 = n_arms, n_features, n_shared, d, q, l2
        eye = np.broadcast_to(np.eye(d), (n_arms, d, d))
        self.A, self.S = l2 * eye, (1.0 / np.sqrt(l2)) * eye
        self.b, self.m = np.zeros((n_arms, d)), np.zeros((n_arms, d))
        self.B, self.W = np.zeros((n_arms, d, q)), np.zeros((n_arms, d, q))
        self.weight, self.rss = np.zeros(n_arms), np.zeros(n_arms)
        self.sum_r, self.sum_r2 = np.zeros(n_arms), np.zeros(n_arms)
        self.n, self.age = np.zeros(n_arms, dtype=np.int64), np.zeros(n_arms, dtype=np.int64)
        self.Z, self.A0, self.S0 = l2 * np.eye(q), l2 * np.eye(q), (1.0 / np.sqrt(l2)) * np.eye(q)
        self.bz, self.b0, self.beta = np.zeros(q), np.zeros(q), np.zeros(q)
        self.age0 = np.zeros((), dtype=np.int64)
        self.pA, self.pb = <double*>cnp.PyArray_DATA(self.A), <double*>cnp.PyArray_DATA(self.b)
        self.pS, self.pm = <double*>cnp.PyArray_DATA(self.S), <double*>cnp.PyArray_DATA(self.m)
        self.pB, self.pW = <double*>cnp.PyArray_DATA(self.B), <double*>cnp.PyArray_DATA(self.W)
        self.pZ, self.pbz = <double*>cnp.PyArray_DATA(self.Z), <double*>cnp.PyArray_DATA(self.bz)
        self.pA0, self.pb0 = <double*>cnp.PyArray_DATA(self.A0), <double*>cnp.PyArray_DATA(self.b0)
        self.pS0, self.pbeta = <double*>cnp.PyArray_DATA(self.S0), <double*>cnp.PyArray_DATA(self.beta)

    cdef Py_ssize_t room(self) noexcept nogil:
        """Doubles of scratch: six vectors and a matrix of the larger of the two sizes."""
        cdef Py_ssize_t size = max(self.d, self.q)
        return size * size + 6 * size

    cdef double* scratch(self) except NULL:
        cdef double* memory = <double*>malloc(self.room() * sizeof(double))
        if memory == NULL:
            raise MemoryError
        return memory

    cdef void renew_arm(self, Py_ssize_t k, double* L) noexcept nogil:
        """S, m and W of an arm from A, b and B; nothing where A is numerically singular."""
        cdef Py_ssize_t d = self.d, q = self.q
        cdef double* m = self.pm + k * d
        cdef double* W = self.pW + k * d * q
        (<cnp.int64_t*>cnp.PyArray_DATA(self.age))[k] = 0
        if rebuild(d, self.pA + k * d * d, self.pS + k * d * d, L):
            self.set_out(k)
            forward(d, 1, L, m)
            backward(d, 1, L, m)
            forward(d, q, L, W)
            backward(d, q, L, W)

    cdef void set_out(self, Py_ssize_t k) noexcept nogil:
        """m <- b, W <- B, to be solved in place."""
        cdef Py_ssize_t j, d = self.d, q = self.q
        for j in range(d):
            self.pm[k * d + j] = self.pb[k * d + j]
        for j in range(d * q):
            self.pW[k * d * q + j] = self.pB[k * d * q + j]

    cdef void solve_shared(self, double* w) noexcept nogil:
        """beta = S0 S0' b0."""
        transposed_times(self.q, self.pS0, self.pb0, w)
        times(self.q, self.pS0, w, self.pbeta)

    cdef void learn_row(self, Py_ssize_t k, const double* z, double r, double* scratch) noexcept nogil:
        cdef Py_ssize_t d = self.d, q = self.q, size = max(d, q)
        cdef const double* x = z + self.own
        cdef double *A = self.pA + k * d * d
        cdef double *S = self.pS + k * d * d
        cdef double *m = self.pm + k * d
        cdef double *W = self.pW + k * d * q
        cdef double *y = scratch              # S'x
        cdef double *g = y + size             # A^-1 x
        cdef double *u = g + size
        cdef double *w = u + size             # S0'u
        cdef double *spare = w + size         # two vectors
        cdef double *L = spare + 2 * size
        cdef cnp.int64_t *age = <cnp.int64_t*>cnp.PyArray_DATA(self.age) + k
        cdef cnp.int64_t *age0 = <cnp.int64_t*>cnp.PyArray_DATA(self.age0)
        cdef double error, grown, root, own, full
        # the factors are probed before they are used: what a bad one gave A0 could not be taken back
        transposed_times(d, S, x, y)
        times(d, S, y, g)
        if missed(d, A, g, x, spare):
            self.renew_arm(k, L)
            transposed_times(d, S, x, y)
            times(d, S, y, g)
        left_over(d, q, W, x, z, u)
        transposed_times(q, self.pS0, u, w)
        times(q, self.pS0, w, spare)
        if missed(q, self.pA0, spare, u, spare + size):
            rebuild(q, self.pA0, self.pS0, L)
            age0[0] = 0
            self.solve_shared(spare)
            transposed_times(q, self.pS0, u, w)

        own = dot(d, m, x)
        error = r - own
        full = r - (dot(q, self.pbeta, u) + own)
        grown = 1.0 + dot(d, y, y)
        root = sqrt(grown)
        # e^2 / (1 + variance), summed, is the residual sum of squares of the whole system without its cancellation
        (<double*>cnp.PyArray_DATA(self.rss))[k] += full * full / (grown + dot(q, w, w))
        (<double*>cnp.PyArray_DATA(self.sum_r))[k] += r
        (<double*>cnp.PyArray_DATA(self.sum_r2))[k] += r * r
        (<double*>cnp.PyArray_DATA(self.weight))[k] += 1.0
        (<cnp.int64_t*>cnp.PyArray_DATA(self.n))[k] += 1
        add_outer(d, d, x, x, A)
        add_outer(d, q, x, z, self.pB + k * d * q)
        add_scaled(d, r, x, self.pb + k * d)
        add_outer(q, q, z, z, self.pZ)
        add_scaled(q, r, z, self.pbz)

        divide(d, grown, g)
        add_outer(d, q, g, u, W)
        add_scaled(d, error, g, m)
        absorb(d, S, y, spare, spare + size)
        divide(q, root, u)
        divide(q, root, w)
        add_outer(q, q, u, u, self.pA0)
        add_scaled(q, error / root, u, self.pb0)
        absorb(q, self.pS0, w, spare, spare + size)

        age[0] += 1
        if age[0] >= REBUILD:
            self.renew_arm(k, L)
        age0[0] += 1
        if age0[0] >= REBUILD:
            rebuild(q, self.pA0, self.pS0, L)
            age0[0] = 0
        self.solve_shared(spare)

    def learn(self, cnp.ndarray contexts, cnp.ndarray arms, cnp.ndarray rewards):
        """Folds n rows in order: contexts (n, D) or (n, K, D), arms (n,) int64, rewards (n,)."""
        cdef Py_ssize_t i, n = cnp.PyArray_DIM(arms, 0)
        cdef Py_ssize_t per_arm = self.columns if cnp.PyArray_NDIM(contexts) == 3 else 0
        cdef Py_ssize_t per_row = self.columns * self.arms if per_arm else self.columns
        cdef const double* row = <const double*>cnp.PyArray_DATA(contexts)
        cdef const double* r = <const double*>cnp.PyArray_DATA(rewards)
        cdef const cnp.int64_t* arm = <const cnp.int64_t*>cnp.PyArray_DATA(arms)
        cdef double* scratch = self.scratch()
        with nogil:
            for i in range(n):
                self.learn_row(arm[i], row + i * per_row + arm[i] * per_arm, r[i], scratch)
        free(scratch)

    def moments(self, cnp.ndarray contexts, cnp.ndarray mean, cnp.ndarray sd=None):
        """mean (n, K) <- u'beta + m.x and, if wanted, sd (n, K) <- sqrt(x' A^-1 x + u' A0^-1 u)."""
        cdef Py_ssize_t i, k, n = cnp.PyArray_DIM(contexts, 0)
        cdef Py_ssize_t per_arm = self.columns if cnp.PyArray_NDIM(contexts) == 3 else 0
        cdef Py_ssize_t per_row = self.columns * self.arms if per_arm else self.columns
        cdef const double* rows = <const double*>cnp.PyArray_DATA(contexts)
        cdef double* centre = <double*>cnp.PyArray_DATA(mean)
        cdef double* spread = NULL if sd is None else <double*>cnp.PyArray_DATA(sd)
        cdef double* scratch = self.scratch()
        with nogil:
            for k in range(self.arms):  # arms outside: an arm's matrices stay in the cache for all rows
                for i in range(n):
                    self.score(k, rows + i * per_row + k * per_arm, centre + i * self.arms + k,
                               NULL if spread == NULL else spread + i * self.arms + k, scratch)
        free(scratch)

    cdef void score(self, Py_ssize_t k, const double* z, double* mean, double* sd, double* u) noexcept nogil:
        cdef Py_ssize_t d = self.d, q = self.q
        cdef double* y = u + q
        cdef double* w = y + d
        left_over(d, q, self.pW + k * d * q, z + self.own, z, u)
        mean[0] = dot(q, self.pbeta, u) + dot(d, self.pm + k * d, z + self.own)
        if sd != NULL:
            transposed_times(d, self.pS + k * d * d, z + self.own, y)
            transposed_times(q, self.pS0, u, w)
            sd[0] = sqrt(dot(d, y, y) + dot(q, w, w))

    def decay(self, double g):
        """Forgets: every sum of rows times g, every prior back at its full l2, then `refresh`."""
        for sums in (self.b, self.B, self.bz, self.weight, self.sum_r, self.sum_r2, self.rss):
            sums *= g
        for matrix, size in ((self.A, self.d), (self.Z, self.q)):
            matrix *= g
            matrix += (1.0 - g) * self.l2 * np.eye(size)
        self.refresh()

    def refresh(self):
        """Everything derived, from A, b, B, Z and bz; no prior in A and Z may be weaker than l2 I."""
        cdef double* scratch = self.scratch()
        with nogil:
            self.derive(scratch)
        free(scratch)

    cdef void derive(self, double* scratch) noexcept nogil:
        cdef Py_ssize_t i, j, k, d = self.d, q = self.q
        cdef bint tied = self.own == 0 and self.is_tied()
        cdef double *y = scratch
        cdef double *L = scratch + 6 * max(d, q)
        cdef double *m
        cdef double *W
        for j in range(q):
            self.pb0[j] = 0.0 if tied else self.pbz[j]
        for j in range(q * q):
            self.pA0[j] = 0.0 if tied else self.pZ[j]
        for j in range(0 if tied else q):
            self.pA0[j * q + j] -= self.l2
        for k in range(self.arms):
            m, W = self.pm + k * d, self.pW + k * d * q
            factor(d, self.pA + k * d * d, self.l2, self.pS + k * d * d, L)
            self.set_out(k)
            forward(d, 1, L, m)
            if tied:
                backward(d, 1, L, m)
                self.add_tied(k)
            else:
                forward(d, q, L, W)
                for i in range(d):
                    for j in range(q):
                        y[j] = -W[i * q + j]
                    add_outer(q, q, y, W + i * q, self.pA0)
                    add_scaled(q, m[i], y, self.pb0)
                backward(d, 1, L, m)
                backward(d, q, L, W)
            (<cnp.int64_t*>cnp.PyArray_DATA(self.age))[k] = 0
        for j in range(q):
            y[j] = NOISE * (self.l2 if tied else self.pZ[j * q + j])
        self.settle_shared(y, L)

    cdef void settle_shared(self, double* noise, double* L) noexcept nogil:
        """A0 = l2 I + G, S0 and beta from G, which lies in A0: a sum of squares up to `noise` on its diagonal.

        G is factored without the directions in which it is only noise, and l2 I + L L' is inverted by absorbing one
        column of L after the other, so that A0^-1 never exceeds I / l2. The Cholesky factor of Z - sum B' A^-1 B as it
        stands breaks that bound, or does not exist, once the rounding of Z outgrows l2.
        """
        cdef Py_ssize_t i, j, q = self.q, size = max(self.d, q)
        cdef double* column = noise + size
        cdef double* w = column + size
        cdef double value
        for i in range(q):
            for j in range(i + 1):
                value = self.pA0[i * q + j] - dot(j, L + i * q, L + j * q)
                if i == j:
                    L[i * q + i] = sqrt(value) if value > noise[i] else 0.0
                else:
                    L[i * q + j] = value / L[j * q + j] if L[j * q + j] > 0.0 else 0.0
        for i in range(q):
            for j in range(i + 1):
                value = dot(j + 1, L + i * q, L + j * q)
                self.pA0[i * q + j] = self.pA0[j * q + i] = value + self.l2 if i == j else value
                self.pS0[i * q + j] = self.pS0[j * q + i] = 1.0 / sqrt(self.l2) if i == j else 0.0
        for j in range(q):
            if L[j * q + j] > 0.0:
                for i in range(q):
                    column[i] = L[i * q + j] if i >= j else 0.0
                transposed_times(q, self.pS0, column, w)
                absorb(q, self.pS0, w, w + size, w + 2 * size)
        (<cnp.int64_t*>cnp.PyArray_DATA(self.age0))[0] = 0
        self.solve_shared(w)

    cdef bint is_tied(self) noexcept nogil:
        """z = x, and the sums agree but for rounding: B_a = A_a - l2 I, Z - l2 I = sum_a B_a, bz = sum_a b_a.

        They do after `learn`, `decay` and merges, and not where a prior of its own was written over one of them.
        """
        cdef Py_ssize_t i, j, k, at, d = self.d
        cdef double gap, corner, energy = 0.0, slack = TOLERANCE * TOLERANCE
        for k in range(self.arms):
            energy += (<const double*>cnp.PyArray_DATA(self.sum_r2))[k]
        for i in range(d):
            gap = self.pbz[i]
            for k in range(self.arms):
                gap -= self.pb[k * d + i]
            if gap * gap > slack * self.pZ[i * d + i] * energy:  # Cauchy-Schwarz bounds what was summed
                return False
            for j in range(d):
                corner = self.pZ[i * d + j] - (self.l2 if i == j else 0.0)
                for k in range(self.arms):
                    at = k * d * d
                    corner -= self.pB[at + i * d + j]
                    gap = self.pA[at + i * d + j] - self.pB[at + i * d + j] - (self.l2 if i == j else 0.0)
                    if gap * gap > slack * self.pA[at + i * d + i] * self.pA[at + j * d + j]:
                        return False
                if corner * corner > slack * self.pZ[i * d + i] * self.pZ[j * d + j]:
                    return False
        return True

    cdef void add_tied(self, Py_ssize_t k) noexcept nogil:
        """W = I - l2 A^-1, A0 += l2 W, b0 += l2 m: the same by algebra where z = x, with nothing large to cancel.

        Z and the sum of B'A^-1 B grow with the squared rows, their difference never beyond l2 (1 + K) I.
        """
        cdef Py_ssize_t i, j, last, d = self.d
        cdef const double* S = self.pS + k * d * d
        cdef double* W = self.pW + k * d * d
        for i in range(d):
            for j in range(d):
                last = max(i, j)
                W[i * d + j] = (1.0 if i == j else 0.0) - self.l2 * dot(d - last, S + i * d + last, S + j * d + last)
        add_scaled(d * d, self.l2, W, self.pA0)
        add_scaled(d, self.l2, self.pm + k * d, self.pb0)
