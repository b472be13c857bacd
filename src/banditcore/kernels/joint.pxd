from libc.stdint cimport uint64_t

cdef enum:
    LANES = 16  # as in joint_loops.c


cdef struct Winners:
    # of one block of draws: the highest score, the first arm with it, the number of arms with it
    double best[LANES]
    double winner[LANES]
    double ties[LANES]


cdef struct Draws:
    # the packed eligible arms of one row, and scratch for one block of pairs
    Py_ssize_t arms, d
    Py_ssize_t* arm
    double* mean
    double* W
    double* wins     # over draws: the arm's shares
    double* squares  # over pairs: the square of its two shares together
    double* off
    double* z
    double* q
    double* root
    Py_ssize_t* at
    uint64_t* words
    Winners plus
    Winners minus


cdef size_t room(Py_ssize_t arms, Py_ssize_t d) noexcept nogil
cdef void lay_out(Draws* draws, Py_ssize_t arms, Py_ssize_t d, double* memory) noexcept nogil
cdef double joint_row(Draws* draws, Py_ssize_t arms, const double* features, const double* m, const double* S,
                      double scale, const unsigned char* mask, uint64_t seed, Py_ssize_t pairs, double floor,
                      double* p) noexcept nogil
