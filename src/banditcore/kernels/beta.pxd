cdef enum:
    BETA_SCRATCH = 38  # doubles a law
    LOOK_FOR_EQUALS_FROM = 32  # arms; below, looking costs more than it finds

cdef double best_of_betas(Py_ssize_t laws, const double* a, const double* b, const double* equals, Py_ssize_t arms,
                          double* p, double* scratch) noexcept nogil
