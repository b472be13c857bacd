cdef enum:
    GAUSSIAN_SCRATCH = 27  # doubles an arm: two rows of 8, 4 numbers, and 7 to start the rows on a cache line

cdef double best_of_gaussians(Py_ssize_t arms, const double* mu, const double* sd, double* p,
                              double* scratch) noexcept nogil
cdef double vector_row(Py_ssize_t arms, const double* mean, const double* sd, const unsigned char* mask, double floor,
                       double* p, double* scratch) noexcept nogil
