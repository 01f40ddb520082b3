#!/usr/bin/env python3
"""Training by several processes, as a user starts it.

    runs.py APP MPIRUN [KILLS]      the app, built with MPI, the mpirun of that MPI, and how often each
                                    rank is killed, each time at another moment (1)

A run on two processes is that on two ranks of one process, byte by byte; it survives a signal, a full
disk and the death of either process; what cannot be is refused in a sentence. The exit code is 1 where one of
that is not so.
"""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common import APP, ENVIRONMENT, MPIRUN, RUN, checkpoint, expect, status

KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 1
SECONDS = 60  # no call takes so long, if it ends


def processes(count, *words):
    return [MPIRUN, "-n", str(count), APP, *words]


def call(words, **variables):
    return subprocess.run(
        words, env={**ENVIRONMENT, **variables}, capture_output=True, text=True, timeout=SECONDS
    )


def started(run, *words):
    """Training under mpirun that has made some steps."""
    program = subprocess.Popen(
        processes(2, "train", "--out", str(run), *RUN, *words),
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    metrics, end = run / "metrics.jsonl", time.monotonic() + SECONDS
    while not metrics.exists() or len(metrics.read_text().splitlines()) < 5:
        expect(program.poll() is None and time.monotonic() < end, "no steps were made")
        time.sleep(0.01)
    return program


def ranks_of(run):
    """The processes of a run, rank 0 first."""
    found = {}
    for process in pathlib.Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            variables = dict(v.split(b"=", 1) for v in (process / "environ").read_bytes().split(b"\0") if b"=" in v)
        except (OSError, ValueError):
            continue
        if words[0] == os.fsencode(APP) and os.fsencode(str(run)) in words:
            rank = variables.get(b"OMPI_COMM_WORLD_RANK", variables.get(b"PMI_RANK"))
            found[int(rank)] = int(process.name)
    return [found[rank] for rank in sorted(found)]


def goes_on(run):
    done = status(run)["step"] if (run / "status.json").exists() else 0
    result = call(processes(2, "train", "--resume", str(run), "--quiet", "--max-steps", str(done + 8)))
    expect(result.returncode == 0, result.stdout, result.stderr)
    expect(status(run)["step"] >= done, "the run did not go on")


with tempfile.TemporaryDirectory() as folder:
    box = pathlib.Path(folder)

    threads, both = box / "threads", box / "processes"
    expect(call([APP, "train", "--out", str(threads), *RUN, "--epochs", "4", "--ranks", "2"]).returncode == 0)
    result = call(processes(2, "train", "--out", str(both), *RUN, "--epochs", "4"))
    expect(result.returncode == 0, result.stdout, result.stderr)
    expect(result.stdout.count("encoder ") == 1, "more than one rank speaks", result.stdout)
    expect(checkpoint(both) == checkpoint(threads), "processes and threads end differently")
    result = call([APP, "train", "--resume", str(both), "--quiet", "--max-steps", "16", "--ranks", "4"])
    expect(result.returncode == 0, "threads cannot go on", result.stderr)
    goes_on(both)  # although the run remembers --ranks

    run = box / "stopped"
    program = started(run, "--epochs", "4000")
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=SECONDS)
    expect(program.returncode != 0 and status(run)["state"] == "interrupted", status(run))
    goes_on(run)

    moments, slowest = random.Random(1), 0.0
    for number in range(2 * KILLS):
        rank, run = number % 2, box / f"killed-{number}"
        program = started(run, "--epochs", "4000")
        time.sleep(moments.uniform(0, 0.5))
        found = ranks_of(run)
        expect(len(found) == 2, "ranks that were found:", found)
        os.kill(found[rank], signal.SIGKILL)
        began = time.monotonic()
        program.communicate(timeout=30)  # never a hang
        slowest = max(slowest, time.monotonic() - began)
        expect(program.returncode != 0, "a killed rank is a success")
        expect(not ranks_of(run), "processes are left")
        goes_on(run)
    print(f"{2 * KILLS} ranks killed, all over after at most {slowest:.1f} s")

    for passage in 5, 20, 60:  # rank 0 alone writes
        run = box / f"full-{passage}"
        result = call(
            processes(2, "train", "--out", str(run), *RUN, "--epochs", "4"), TRIPTYCH_FAILPOINT=f"write#{passage}:ENOSPC"
        )
        expect(result.returncode == 74 and "free some disk space" in result.stderr, result.returncode, result.stderr)
        expect(not ranks_of(run), "processes are left")
        if (run / "config.toml").exists():
            goes_on(run)
        else:
            expect(call(processes(2, "train", "--out", str(run), *RUN, "--max-steps", "8", "--overwrite")).returncode == 0)

    for words, code, sentence in (
        (["train", "--out", str(box / "none"), *RUN, "--ranks", "2"], 2, "cannot do --ranks 2"),
        (["train", "--out", str(box / "none"), *RUN, "--backend", "reference"], 2, "cannot do --backend reference; leave that out"),
        (["eval", str(threads)], 2, "start it without mpirun or srun"),
    ):
        result = call(processes(2, *words))
        expect(result.returncode == code, words, result.returncode, result.stderr)
        expect(sentence in result.stderr, sentence, result.stderr)
        expect(not (box / "none").exists(), "something was written")
    # One rank that fails alone.
    words = ["train", "--out", str(box / "none"), *RUN]
    result = call([*processes(1, *words), ":", "-n", "1", APP, *words, "--lr", "0.3"])
    expect(result.returncode == 2 and "rank 1 has other options than rank 0" in result.stderr, result.stderr)
    goes_on(box / "none")
    shutil.rmtree(box / "none")
    result = call(processes(3, "train", "--out", str(box / "none"), *RUN))
    expect(result.returncode == 2 and "ranks: 3 (from OMPI_COMM_WORLD_SIZE) cannot share a batch of 16" in result.stderr, result.stderr)

    alone = dict(ENVIRONMENT, OMPI_COMM_WORLD_SIZE="2", OMPI_COMM_WORLD_RANK="0")
    words = [APP, "train", "--out", str(box / "alone"), *RUN, "--epochs", "1"]
    for more, code in (([], 2), (["--launcher", "none"], 0)):
        result = subprocess.run(words + more, env=alone, capture_output=True, text=True, timeout=SECONDS)
        expect(result.returncode == code, more, result.returncode, result.stderr)
print("processes train as they should")
