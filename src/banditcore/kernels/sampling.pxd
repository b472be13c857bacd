cdef void share_and_floor(Py_ssize_t count, const unsigned char* mask, double floor, double* p) noexcept nogil
cdef void share_best(Py_ssize_t count, double* p) noexcept nogil
