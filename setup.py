"""The list of compiled extensions; everything else is in pyproject.toml."""

from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

# No contraction into fused multiply-add: the same log must give the same bytes on every x86-64.
FLAGS = ["-O3", "-ffp-contract=off"]

extensions = [
    Extension(
        f"banditcore.kernels.{source.stem}",
        [source.as_posix()],
        include_dirs=[numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=FLAGS,
    )
    for source in sorted(Path("src/banditcore/kernels").glob("*.pyx"))
]

setup(ext_modules=cythonize(extensions, build_dir="build/cython", language_level=3))
