"""The list of compiled extensions; everything else is in pyproject.toml."""

from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = Path("src/banditcore/kernels")
# No contraction into fused multiply-add: the same log must give the same bytes on every machine. Nobody reads the
# traps of floating point; without them a choice between two numbers in a loop needs no branch, and the loop widens. Nor
# does anybody read errno: without it a root is an instruction, not a call for what is negative.
FLAGS = ["-O3", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno", "-Wno-psabi"]


def sources(module: Path) -> list[str]:
    """A module, and the loops it has written in C for the compiler to widen (see wide.h)."""
    loops = module.with_name(f"{module.stem}_loops.c")
    return [module.as_posix(), *([loops.as_posix()] if loops.exists() else [])]


extensions = [
    Extension(
        f"banditcore.kernels.{module.stem}",
        sources(module),
        include_dirs=[numpy.get_include(), KERNELS.as_posix()],
        depends=[header.as_posix() for header in KERNELS.glob("*.h")],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=FLAGS,
    )
    for module in sorted(KERNELS.glob("*.pyx"))
]

setup(ext_modules=cythonize(extensions, build_dir="build/cython", language_level=3))
