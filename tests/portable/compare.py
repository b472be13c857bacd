"""`make portable`: the same digests on every x86-64 level, by two compilers, and on arm64, or it fails.

The package is built by gcc, by gcc without its wide loops, by clang, and for arm64. Other CPUs are those of QEMU's user
mode: Nehalem has no AVX and no fused multiply-add, Haswell both but no AVX-512, which this machine may have. On arm64
Debian's Python runs the whole package too, on NumPy and SciPy wheels for it. Only the vectors of `beta_ts` may differ:
SciPy's special functions make them. Builds and downloads are kept in build/portable.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "portable"
DIGESTS = Path(__file__).with_name("digests.py")
TOOLS = {
    "qemu-x86_64": "qemu-user",
    "clang": "clang",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ARM = WORK / "arm64-debian"
ARM_SITE = WORK / "arm64-wheels"
COMPILERS = {
    "gcc": {"CC": "gcc"},
    "baseline": {"CC": "gcc", "CFLAGS": "-DBANDITCORE_BASELINE"},
    "clang": {"CC": "clang", "LDSHARED": "clang -shared"},
    "arm64": {
        "CC": "aarch64-linux-gnu-gcc",
        "LDSHARED": "aarch64-linux-gnu-gcc -shared",
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{VERSION.replace('.', '')}-aarch64-linux-gnu.so",
    },
}
# What runs where: the build, and the Python with what it runs in. The first is what the others are held to.
MACHINES = {
    "this machine": ("gcc", [sys.executable]),
    "Haswell": ("gcc", ["qemu-x86_64", "-cpu", "Haswell", sys.executable]),
    "Nehalem": ("gcc", ["qemu-x86_64", "-cpu", "Nehalem", sys.executable]),
    "without wide loops": ("baseline", [sys.executable]),
    "by clang": ("clang", [sys.executable]),
    "arm64": ("arm64", ["qemu-aarch64", "-L", str(ARM), f"{ARM}/usr/bin/python{VERSION}"]),
}


def call(log: str, *command: str | Path, **env: str) -> str:
    """Output of the command; its errors are kept in a log and shown if it fails."""
    path = WORK / f"{log}.log"
    with path.open("w") as errors:
        found = subprocess.run(
            command, cwd=ROOT, env=os.environ | env, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
        )
    if found.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{found.stdout[-2000:]}{path.read_text()[-2000:]}")
    return found.stdout


def install_tools() -> None:
    missing = [packages for tool, packages in TOOLS.items() if not shutil.which(tool)]
    if missing and os.geteuid() != 0:
        sys.exit(f"make portable: first run `apt-get install {' '.join(missing)}` as root.")
    if missing:
        call("install", "apt-get", "update")
        call("install", "apt-get", "install", "-y", "--no-install-recommends", *" ".join(missing).split())
    call("install", *PIP, *PROJECT["build-system"]["requires"])


def build(name: str) -> None:
    tree = WORK / name
    where = ("--build-base", WORK / f"{name}-base", "--build-lib", tree)
    call(f"build-{name}", sys.executable, "setup.py", "--quiet", "build", *where, **COMPILERS[name])


def fetch_arm() -> None:
    """An arm64 Python beside this one, and the wheels: nothing is installed on this machine."""
    if not ARM.exists():
        state = WORK / "arm64-apt"
        (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (state / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        settings = {
            "APT::Architecture": "arm64",
            "APT::Architectures": "arm64",
            "APT::Sandbox::User": "",
            "Dir::State::Lists": state / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": state,
            "Debug::NoLocking": "1",
        }
        apt = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in settings.items())]
        call("arm64-apt", *apt, "update")
        wanted = (f"python{VERSION}-minimal", f"libpython{VERSION}-stdlib", "libstdc++6")
        call("arm64-apt", *apt, "install", "-y", "--no-install-recommends", "--download-only", *wanted)
        unpacked = WORK / "arm64-unpacked"
        for package in (state / "archives").glob("*.deb"):
            call("arm64-apt", "dpkg", "-x", package, unpacked)
        unpacked.rename(ARM)
    if not ARM_SITE.exists():
        platforms = [f"--platform=manylinux_2_{glibc}_aarch64" for glibc in (17, 27, 28, 34)]
        wheels = ("--only-binary=:all:", f"--python-version={VERSION}", *platforms, "--target", WORK / "arm64-pip")
        call("arm64-wheels", *PIP, *wheels, *PROJECT["project"]["dependencies"])
        (WORK / "arm64-pip").rename(ARM_SITE)


def digests(machine: str) -> dict[str, str]:
    name, python = MACHINES[machine]
    tree = WORK / name
    path = f"{tree}:{ARM_SITE}" if name == "arm64" else str(tree)
    log = f"run-{machine.replace(' ', '-')}"
    found = call(log, *python, DIGESTS, str(tree), PYTHONPATH=path, OPENBLAS_NUM_THREADS="1")
    return dict(line.rsplit(" ", 1) for line in found.splitlines())


def may_differ(label: str) -> bool:
    return label.startswith("beta_ts") and label.endswith("vectors")


def main() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    install_tools()
    build("gcc")  # first: it makes the C files for all
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        prepared: list[Callable[[], None]] = [fetch_arm, *(lambda name=name: build(name) for name in COMPILERS)]
        for done in [pool.submit(work) for work in prepared]:
            done.result()
        found = dict(zip(MACHINES, pool.map(digests, MACHINES), strict=True))
    expected = found.pop("this machine")
    failed = False
    for machine, theirs in found.items():
        differ = [label for label in expected | theirs if expected.get(label) != theirs.get(label)]
        wrong = [label for label in differ if not may_differ(label)]
        failed |= bool(wrong)
        print(f"{machine}: {len(expected) - len(differ)} of {len(expected)} digests equal", end="")
        print(f"; differ: {'; '.join(differ)}" if differ else "", "FAILED" if wrong else "")
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
