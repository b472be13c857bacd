cdef enum:
    GAUSSIAN_SCRATCH = 38  # doubles an arm

cdef double best_of_gaussians(Py_ssize_t arms, const double* mu, const double* sd, double* p,
                              double* scratch) noexcept nogil
