cimport numpy as cnp

cdef enum:
    TILE = 8  # contexts that are scored together, in one vector register
    TILES = 8  # tiles that an arm's S is fetched once for
    FEW = 8  # rows up to which giving the GIL away costs more than it gains
    PRUNE_FROM = 24  # arms from which bounding the forms costs less than computing them

cdef double SLACK  # over what rounding can take from a bound

cdef struct Rows:
    # where row i, arm k lies: x + i * step + k * per_arm; its mask row moves by mask_step (0: one for all)
    Py_ssize_t n, step, per_arm, mask_step
    const double* x
    const unsigned char* mask


cdef Py_ssize_t tiles_at(Rows rows, Py_ssize_t i) noexcept nogil
cdef double squashed(double z, double sd, double offset) noexcept nogil
cdef Rows lay_rows(cnp.ndarray contexts, object mask, Py_ssize_t arms, Py_ssize_t d)


cdef class LinearArms:
    cdef readonly cnp.ndarray A, b, S, m, l2, m0, n, weight, sum_r, sum_r2, rss, age, reach, width, due
    cdef readonly Py_ssize_t arms, d
    cdef double *pA
    cdef double *pb
    cdef double *pS
    cdef double *pm
    cdef double *pwidth
    cdef double *preach

    cdef void learn_row(self, Py_ssize_t k, const double* x, double r, double weight, double* scratch) noexcept nogil
    cdef void count(self, Py_ssize_t k, double r, double* scratch) noexcept nogil
    cdef void fold(self, Py_ssize_t k, const double* x, double r, Py_ssize_t mature, double* scratch) noexcept nogil
    cdef void fold_click(self, Py_ssize_t k, const double* x, double r, double offset, Py_ssize_t mature,
                         double* scratch) noexcept nogil
    cdef double noise(self, double shape, double scale) noexcept nogil
    cdef void solve(self, Py_ssize_t k, double* w) noexcept nogil
    cdef void bound(self, Py_ssize_t k, double* scratch) noexcept nogil
    cdef double* workspace(self) except NULL
    cdef Py_ssize_t room_to_learn(self) noexcept nogil
    cdef void pool(self, Py_ssize_t mature, double* mean, double* scratch) noexcept nogil
    cdef void start_from(self, Py_ssize_t k, const double* mean) noexcept nogil
    cdef void first_row(self, Py_ssize_t k, Py_ssize_t mature, double* scratch) noexcept nogil
    cdef void start_over(self, Py_ssize_t k, double l2) noexcept nogil
    cdef void reprior_arm(self, Py_ssize_t k, double g, double l2, double* scratch) noexcept nogil
    cdef void score_rows(self, Rows rows, double scale, double* mean, double* form, double* scratch) noexcept nogil
    cdef Py_ssize_t room_to_score(self) noexcept nogil
    cdef void score_tiles(self, const double* x, Py_ssize_t tiles, double* mean, double* form,
                          double* scratch) noexcept nogil
    cdef void score_row(self, Rows rows, Py_ssize_t i, double* mean, double* form, double* scratch) noexcept nogil
