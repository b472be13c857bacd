cdef void share_and_floor(Py_ssize_t count, const unsigned char* mask, double floor, double* p) noexcept nogil
