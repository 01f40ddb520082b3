#!/usr/bin/env python3
"""Our step beside PyTorch's, interleaved: ours, torch, ours, torch, ... in one run on one machine.

  compare_torch.py build/release/bench/bench_step --what mncl --batch 64 --width 64 --threads 2

Both programs serve steps (protocol: see torch_step.py) and only one works at a time, so that a busy
or throttled machine hits both alike; what counts is the ratio of each pair, torch's seconds over
ours: above 1 we are faster. The options given here go to both. `others` is the share of the
machine that other programs took during the pair: trust pairs where it is near zero.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

SHARED = {
    "what": "mncl",
    "batch": "64",
    "width": "64",
    "blocks": "2,2,2,2",
    "image-size": "32",
    "head": "2048,2048,2048",
    "predictor-hidden": "512",
    "queue": "16384",
    "threads": str(os.cpu_count()),
}


class server:
    """A program that runs one step for every line "step" and answers with its seconds."""

    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def step(self):
        try:
            self.process.stdin.write("step\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline())
        except (ValueError, BrokenPipeError):
            raise SystemExit(f"{' '.join(self.command)}: no answer to a step; run it by hand")

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def machine_seconds():
    """Processor seconds that the whole machine has spent working."""
    ticks = [int(n) for n in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, waiting = ticks[3], ticks[4]
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def one_pair(ours, torch):
    start, machine = time.perf_counter(), machine_seconds()
    own = ours.processor_seconds() + torch.processor_seconds()
    seconds = {"ours": ours.step(), "torch": torch.step()}
    wall, machine = time.perf_counter() - start, machine_seconds() - machine
    own = ours.processor_seconds() + torch.processor_seconds() - own
    others = max(0.0, machine - own) / (wall * os.cpu_count())
    return seconds | {"ratio": seconds["torch"] / seconds["ours"], "others": others}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ours", help="our benchmark program")
    for name, default in SHARED.items():
        parser.add_argument(f"--{name}", default=default, help=f"for both, default {default}")
    parser.add_argument("--convolution", default="fast", help="our algorithm, default fast")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--warmup", type=int, default=2, help="steps of each before the pairs")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--autocast", default="none", help="torch's: none (default) or bf16")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all numbers")
    options = parser.parse_args()

    shared = {name: getattr(options, name.replace("-", "_")) for name in SHARED}
    arguments = [word for name, value in shared.items() for word in (f"--{name}", value)]
    script = [options.python, str(pathlib.Path(__file__).with_name("torch_step.py"))]
    script += ["--autocast", options.autocast]
    peer = json.loads(subprocess.check_output([*script, "--info"], text=True))
    about = {"processor": processor(), "kernel": platform.release(), "peer": peer} | shared
    about["convolution"] = options.convolution
    print(
        f"{about['processor']}, {shared['threads']} threads; torch {peer['torch']}, "
        f"{peer['allocator']}, {peer['format']}, autocast {options.autocast}\n"
        f"{shared['what']}, width {shared['width']}, batch {shared['batch']}, "
        f"{shared['image-size']} pixels, convolution {options.convolution}"
    )

    ours = server([options.ours, *arguments, "--convolution", options.convolution, "--serve"])
    torch = server([*script, *arguments, "--serve"])
    for _ in range(options.warmup):
        ours.step()
        torch.step()
    pairs = []
    for i in range(options.pairs):
        pairs.append(one_pair(ours, torch))
        print(
            f"pair {i + 1}: ours {pairs[i]['ours']:.4f} s, torch {pairs[i]['torch']:.4f} s, "
            f"ratio {pairs[i]['ratio']:.3f}, others {100 * pairs[i]['others']:.0f} %",
            flush=True,
        )
    ours.close()
    torch.close()

    ratios = [pair["ratio"] for pair in pairs]
    images = {
        who: int(shared["batch"]) / statistics.median(pair[who] for pair in pairs)
        for who in ("ours", "torch")
    }
    summary = {
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "images_per_second": images,
    }
    print(
        f"images/s: ours {images['ours']:.1f}, torch {images['torch']:.1f}; ratio: median "
        f"{summary['ratio_median']:.3f}, {min(ratios):.3f} to {max(ratios):.3f}, "
        f"{len(pairs)} pairs"
    )
    if options.json:
        options.json.write_text(json.dumps(about | summary | {"pairs": pairs}, indent=1) + "\n")


main()
