#!/usr/bin/env python3
"""How many instructions a training step executes, beside a recorded baseline.

  bench/instructions.py BENCH_STEP              count, and compare with instructions.json
  bench/instructions.py BENCH_STEP --record     count, and make that the baseline

BENCH_STEP is built for processors without AVX-512, which valgrind does not know: with the preset repro, or with
TRIPTYCH_INSTRUCTION_SETS (the presets portable and clang). valgrind's counts do not depend on the machine or on what
else it does, so that a change of 1 % is a change of the program; how long an instruction takes they do not say. A step
is the second one: the difference of runs of two steps and of one. Baselines are kept by compiler, flags and kernels: a build
that has none yet is counted and not compared. A count more than --tolerance above the baseline ends the program with 1,
after the functions that executed most.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BASELINE = pathlib.Path(__file__).resolve().parent / "instructions.json"
SMALL = "--blocks 1,1,1,1 --image-size 16 --head 64,64,64 --predictor-hidden 32 --queue 256 --threads 1 --warmup 0"
CASES = {
    "MNCL, width 16, batch 4": f"--what mncl --width 16 --batch 4 {SMALL}",
    "encoder training, width 64, batch 2": f"--what train --width 64 --batch 2 {SMALL}",
}
ENVIRONMENT = {**os.environ, "TRIPTYCH_ISA": "avx2"}


def counted(program, words, profile):
    """Instructions of a whole run; `profile` keeps which functions executed them."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", program, *words.split()]
    try:
        run = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("instructions: there is no valgrind; install it")
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not collected:
        sys.exit(f"instructions: {' '.join(map(str, command))} failed:\n{run.stderr[-2000:]}")
    return int(collected.group(1))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bench_step")
    parser.add_argument("--tolerance", type=float, default=0.02, help="default 0.02: a fiftieth more")
    parser.add_argument("--record", action="store_true", help="write the baseline")
    options = parser.parse_args()

    info = json.loads(subprocess.check_output([options.bench_step, "--info"], env=ENVIRONMENT, text=True))
    build = f"{info['compiler']} {info['flags']}, {info['kernels']}"
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    before = known.get(build, {})
    print(build + ("" if before else "; no baseline"))

    found, more = {}, False
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder, "profile")
        for name, words in CASES.items():
            with concurrent.futures.ThreadPoolExecutor() as pool:
                runs = [pool.submit(counted, options.bench_step, f"{words} --steps {n}", f"{profile}{n}") for n in (1, 2)]
            first, both = (run.result() for run in runs)
            found[name] = both - first
            change = found[name] / before[name] - 1 if name in before else None
            print(f"{name:36} {found[name] / 1e6:10,.1f} M  {'new' if change is None else f'{change:+.2%}'}", flush=True)
            if change is not None and change > options.tolerance:
                more = True
                listing = subprocess.check_output(["callgrind_annotate", f"{profile}2"], text=True)
                print("\n".join(line[:160] for line in listing.splitlines() if "%)" in line)[:3000])
    if options.record:
        BASELINE.write_text(json.dumps({**known, build: found}, indent=1, sort_keys=True) + "\n")
    elif more:
        sys.exit("instructions: more than the baseline; find out why, or --record the new count")


main()
