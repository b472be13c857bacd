ctypedef void (*Law)(const double* law, double low, double width, const double* node, int count,
                     double* density, double* below) noexcept nogil
"""Fills, for one arm, density and distribution function at low + width * node[0..count-1]."""

cdef struct Field:
    # K independent one-dimensional laws, and the memory to integrate over them
    Py_ssize_t arms
    Law law
    const double* shape    # (K, 3) parameters, as `law` reads them
    const double* top      # (K,) above it the arm's tail is negligible
    const double* scale    # (K,) width over which the law is smooth
    double lower           # nothing below counts: F is negligible there, or a point mass sits on it
    double* scratch        # SCRATCH doubles an arm

cdef enum:
    SCRATCH = 33

cdef void panels(const Field* field, double coarse, double* p) noexcept nogil
cdef double settle(Py_ssize_t arms, double* p) noexcept nogil
