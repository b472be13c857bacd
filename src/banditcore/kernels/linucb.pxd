from banditcore.kernels.linear cimport LinearArms, Rows

cdef void linucb_rows(LinearArms arms, Rows rows, double alpha, double floor, double* p, double* scratch) noexcept nogil
