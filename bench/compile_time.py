#!/usr/bin/env python3
"""How long it takes to compile the library's headers, beside a recorded baseline.

  bench/compile_time.py                 measure, and compare with compile_time.json
  bench/compile_time.py --record        measure, and make that the baseline

The umbrella header and programs that users copy are compiled as a user of triptych::compiled and one of
triptych::triptych would, and the least processor time of --rounds compilations counts. Machines differ,
so what is compared is a ratio: the seconds of a source over those of <Eigen/Core> alone in the same round. A ratio more than --tolerance above the
baseline ends the program with 1. Needs a compiler ($CXX, or c++) and Eigen (--eigen).
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
UNIT = "Eigen/Core alone"


def program_of(page):
    """The first program that a page of docs/ shows."""
    text = (HERE.parent / "docs" / page).read_text()
    return text.split("```cpp run\n", 1)[1].split("```", 1)[0]


UMBRELLA = "#include <triptych/triptych.hpp>\n"
COMPILED = "-DTRIPTYCH_COMPILED"
# name: text, flags
SOURCES = {
    UNIT: ("#include <Eigen/Core>\n", ["-O0"]),
    "triptych.hpp, compiled": (UMBRELLA, ["-O0", COMPILED]),
    "docs/own_method.md, compiled": (program_of("own_method.md"), ["-O2", COMPILED]),
    "docs/own_policies.md, compiled": (program_of("own_policies.md"), ["-O2", COMPILED]),
    "triptych.hpp, header-only": (UMBRELLA, ["-O0"]),
    "docs/own_method.md, header-only": (program_of("own_method.md"), ["-O2"]),
}


def seconds(command):
    """Processor seconds of a command, the compiler's own programs included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--eigen", default="/usr/include/eigen3", help="the folder of Eigen/Core")
    parser.add_argument("--tolerance", type=float, default=0.2, help="default 0.2: a fifth more")
    parser.add_argument("--compiled", action="store_true", help="of triptych::compiled alone: sooner done")
    parser.add_argument("--record", action="store_true", help="write the baseline")
    options = parser.parse_args()

    compiler = os.environ.get("CXX", "c++")
    command = [compiler, "-std=c++20", f"-I{HERE.parent / 'include'}", "-isystem", options.eigen]
    sources = {
        name: source
        for name, source in SOURCES.items()
        if not (options.compiled and name.endswith("header-only"))
    }
    found = {name: [] for name in sources}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        for _ in range(options.rounds):
            for name, (text, flags) in sources.items():
                (path / "source.cpp").write_text(text)
                object_file = ["-c", str(path / "source.cpp"), "-o", str(path / "source.o")]
                found[name].append(seconds([*command, *flags, *object_file]))

    least = {name: min(times) for name, times in found.items()}
    ratios = {
        name: statistics.median(t / unit for t, unit in zip(times, found[UNIT]))
        for name, times in found.items()
    }
    version = subprocess.check_output([compiler, "--version"], text=True).splitlines()[0]
    baseline_file = HERE / "compile_time.json"
    if options.record:
        record = {"compiler": version, "seconds": least, "ratios": ratios}
        rounded = json.loads(json.dumps(record), parse_float=lambda n: round(float(n), 2))
        baseline_file.write_text(json.dumps(rounded, indent=1) + "\n")
    baseline = json.loads(baseline_file.read_text())
    print(f"{version}; baseline: {baseline['compiler']}")
    slower = False
    for name, ratio in ratios.items():
        before = baseline["ratios"].get(name)
        change = "new" if before is None else f"{ratio / before - 1:+.0%}"
        slower |= before is not None and ratio > before * (1 + options.tolerance)
        print(f"{name:36} {least[name]:6.2f} s  {ratio:6.2f} x  {change}")
    if slower:
        sys.exit("compile_time: slower than the baseline; find out why, or --record the new one")


main()
