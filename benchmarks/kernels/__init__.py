"""How fast the kernels are: beside NumPy twins (`cases`), a kept baseline (`check`), the machine's limits (`limits`).

One thread everywhere: BLAS would otherwise use as many as it finds, and a ratio would depend on the number of cores.
The variables only work before NumPy is loaded, so they are set here, and in the Makefile for pytest.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")
