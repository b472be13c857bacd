cdef void share_and_floor(Py_ssize_t count, const unsigned char* mask, double floor, double* p) noexcept nogil
cdef void share_best(Py_ssize_t count, double* p) noexcept nogil
cdef void best_row(Py_ssize_t count, const double* score, const unsigned char* mask, double floor,
                   double* p) noexcept nogil
cdef void gap_row(Py_ssize_t count, const double* score, const unsigned char* mask, double gamma, double floor,
                  double* p) noexcept nogil
cdef Py_ssize_t pick(Py_ssize_t count, const double* p, double u) noexcept nogil
