"""Runs a command on a build of the extension with sanitizers.

    python tools/sanitize.py address,undefined python -m pytest -m "not slow"
    python tools/sanitize.py thread python -m pytest tests/test_parallel.py

Builds for this processor into build/sanitize-<names>, beside a copy of the Python package that the
command finds first, and gives the interpreter, which is not built with sanitizers, their libraries
and settings. Needs GCC, and pybind11 and Eigen as for any build; the first build takes minutes.
The first report ends a process with exit code 66; the reports of all of them, which stand in
build/sanitize-<names>/reports, are printed in the end, and are the exit code then. Options of your
own in ASAN_OPTIONS, UBSAN_OPTIONS or TSAN_OPTIONS win.

Address: the memory pool marks what lies beyond each block's bytes, and blocks that wait, as out of
bounds, and Python takes its memory from the C library, so that each piece has its own bounds.
Leaks of a whole process are not looked for: the interpreter keeps what it has until it ends.
Thread: races are looked for in what is compiled here and what it calls.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTED = 66  # the exit code of a process with a report
SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'tsan.supp'}:die_after_fork=0",
}


def build(names: str, compiler: str) -> Path:
    """Brings the build up to date; the folder in which Python finds the package."""
    folder = ROOT / "build" / f"sanitize-{names.replace(',', '-')}"
    place = folder / "python"
    if not (folder / "build.ninja").exists():
        pybind11 = [sys.executable, "-m", "pybind11", "--cmakedir"]
        cmakedir = subprocess.run(pybind11, check=True, capture_output=True, text=True).stdout
        options = {
            "CYGNET_ISA": os.environ.get("CYGNET_ISA", "native"),
            "CYGNET_SANITIZE": names,
            "CMAKE_CXX_COMPILER": compiler,
            "Python_EXECUTABLE": sys.executable,
            "pybind11_DIR": cmakedir.strip(),
        }
        defines = [f"-D{name}={value}" for name, value in options.items()]
        command = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *defines]
        subprocess.run(command, check=True, stdout=sys.stderr)
    subprocess.run(["cmake", "--build", str(folder)], check=True, stdout=sys.stderr)
    shutil.rmtree(place, ignore_errors=True)
    unwanted = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "python" / "cygnet", place / "cygnet", ignore=unwanted)
    install = ["cmake", "--install", str(folder), "--prefix", str(place)]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return place


def libraries(names: str, compiler: str) -> list[str]:
    """What has to be in the process from its start: the sanitizer's library and the one of C++."""
    wanted = ["libstdc++.so"]
    for name, library in (("address", "libasan.so"), ("thread", "libtsan.so")):
        if name in names.split(","):
            wanted.insert(0, library)
    find = [[compiler, f"-print-file-name={library}"] for library in wanted]
    return [
        subprocess.run(each, check=True, capture_output=True, text=True).stdout.strip()
        for each in find
    ]


def main() -> int:
    if len(sys.argv) < 3 or not set(sys.argv[1].split(",")) <= {"address", "undefined", "thread"}:
        print(__doc__)
        return 2
    names, command = sys.argv[1], sys.argv[2:]
    compiler = os.environ.get("CXX", "g++")
    place = build(names, compiler)
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(place), environment.get("PYTHONPATH", "")])
    )
    environment["LD_PRELOAD"] = " ".join(libraries(names, compiler))
    if "address" in names:
        environment["PYTHONMALLOC"] = "malloc"
    # Reports of undefined behaviour go to the standard error, which pytest would keep to itself.
    environment["PYTEST_ADDOPTS"] = "--capture=sys " + environment.get("PYTEST_ADDOPTS", "")
    reports = place.parent / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    for name, value in SETTINGS.items():
        common = f"halt_on_error=1:exitcode={REPORTED}:log_path={reports / 'report'}"
        environment[name] = ":".join(filter(None, [value, common, environment.get(name, "")]))
    check = "import cygnet._core as core; print(core.native.build_info().get('sanitize'))"
    found = subprocess.run(
        [sys.executable, "-c", check], env=environment, capture_output=True, text=True
    )
    if found.stdout.strip() != names:
        print(f"Python does not find the build in {place}: {found.stdout}{found.stderr}")
        return 2
    if command[0] == "python":
        command[0] = sys.executable
    code = subprocess.run(command, env=environment).returncode
    for report in sorted(reports.iterdir()):
        print(report, report.read_text(errors="replace"), sep="\n")
        code = REPORTED
    return code


if __name__ == "__main__":
    sys.exit(main())
