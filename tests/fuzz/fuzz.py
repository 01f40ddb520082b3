#!/usr/bin/env python3
"""Runs the fuzz targets of a build, and says what was executed and found.

    fuzz.py BUILD [--seconds 20 | --hours N | --runs N] [--jobs 2] [--seed N] [--out DIR] [--only TARGET,...]

BUILD is a folder built with the preset `asan` or `fuzz`. Each target begins with its seeds, the past finds in
regressions/, and what an earlier call has left in DIR/corpus (default: BUILD/fuzz). An input may take
10 seconds and 2 GiB. --hours is for all targets together. Finds lie in DIR/finds/<target>; `fuzz_TARGET FILE` repeats one. The exit code is 1
where there is a find.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
LONGEST = {"cifar": 8192, "stl10": 65536, "png": 8192, "jpeg": 8192, "webp": 8192}  # bytes of an input; else 4096


def fuzz(program, target, options, seeds):
    corpus, finds = options.out / "corpus" / target, options.out / "finds" / target
    corpus.mkdir(parents=True, exist_ok=True)
    finds.mkdir(parents=True, exist_ok=True)
    limit = f"-runs={options.runs}" if options.runs else f"-max_total_time={options.seconds}"
    words = [program, limit, f"-seed={options.seed}", "-timeout=10", "-rss_limit_mb=2048",
             "-print_final_stats=1", "-close_fd_mask=1", f"-max_len={LONGEST.get(target, 4096)}", f"-artifact_prefix={finds}/", corpus,
             *(d for d in (seeds / target, HERE / "regressions" / target) if d.is_dir())]
    begun = time.monotonic()
    # Where memory was allocated takes longer to note than many an input; who repeats a find sees it.
    sanitizer = {"ASAN_OPTIONS": "malloc_context_size=2", **os.environ}
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, errors="replace", env=sanitizer)
    number = lambda pattern: int((re.findall(pattern, done.stderr) or [0])[-1])
    executed = number(r"stat::number_of_executed_units:\s*(\d+)") or number(r"#(\d+)\s")
    row = (target, executed, executed / (time.monotonic() - begun), number(r"cov: (\d+)"),
           len(os.listdir(corpus)), number(r"stat::peak_rss_mb:\s*(\d+)"))
    return row, done.returncode, done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--hours", type=float, help="for all targets, instead of seconds for each")
    parser.add_argument("--runs", type=int, help="inputs for each target, instead of a time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0, help="of random numbers; 0: another one each time")
    parser.add_argument("--only", type=lambda names: names.split(","))
    options = parser.parse_args()
    options.out = options.out or options.build / "fuzz"
    programs = {p.name.removeprefix("fuzz_"): p.resolve() for p in (options.build / "tests/fuzz").glob("fuzz_*")}
    seeds = options.out / "seeds"
    subprocess.run([programs.pop("seeds"), seeds], check=True)
    targets = sorted(programs if options.only is None else set(programs) & set(options.only))
    if not targets:
        sys.exit("no such target; there are " + ", ".join(sorted(programs)))
    if options.hours:
        options.seconds = int(options.hours * 3600 * options.jobs / len(targets))

    print("| target | executions | per second | edges | corpus | peak MiB |\n|---|---|---|---|---|---|", flush=True)
    failed, total = [], 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        started = [pool.submit(fuzz, programs[t], t, options, seeds) for t in targets]
        for one in concurrent.futures.as_completed(started):
            row, code, text = one.result()
            print("| {} | {:,} | {:,.0f} | {:,} | {:,} | {:,} |".format(*row), flush=True)
            total += row[1]
            if code != 0 or row[1] == 0:
                failed.append(row[0])
                print(text[-6000:], file=sys.stderr)
    print(f"\n{total:,} executions, {len(failed)} finds" + "".join(f" {t}" for t in failed))
    return 1 if failed else 0


sys.exit(main())
