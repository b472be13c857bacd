# What compiled loops return in place of an arm, or of 0.
cpdef enum:
    FAILED = -1  # what was called knows why: it is in its `raised`
    BAD_CONTEXT = -2
    BAD_MEANS = -3
    NO_ARM = -4
    BETTER_THAN_BEST = -5
    BAD_OUTCOME = -6
    BAD_DELAY = -7
    BAD_UNIT = -8
    NO_MEMORY = -9
    REMEMBERS = -10
    LOOKED = -11  # nothing is played, and the loop goes on
    BAD_VECTOR = -12  # of a policy; what else is bad is of a world
