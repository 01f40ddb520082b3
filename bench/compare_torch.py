#!/usr/bin/env python3
"""Our step beside PyTorch's, interleaved: ours, torch, ours, torch, ... in one run on one machine.

  compare_torch.py build/release/bench/bench_step --what mncl --batch 64 --width 64 --threads 2
  compare_torch.py build/gpu/bench/bench_step --device cuda --conv-engine gemm,cudnn --batch 256 \\
      --burst 10 --rung bf16-nhwc-graph

All programs serve steps (protocol: see torch_peer.py) and only one works at a time, so that a busy
or throttled machine hits all alike; what counts is the ratio of each round, torch's seconds over
ours: above 1 we are faster. Options of the work go to all. `others` is the share of the processor
that other programs took during the round: trust rounds where it is near zero.

On the CPU the peer is torch_step.py; on a GPU, or with --rung, it is gpu/torch_step.py. Several
algorithms, engines or precisions, separated by commas, take turns.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import torch_peer  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


class no_answer(Exception):
    pass


class server:
    """A program that runs a burst of steps for every line "step" and answers with the seconds of
    one."""

    def __init__(self, command):
        self.errors = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
            )
        except OSError as e:
            raise no_answer(f"{command[0]}: {e.strerror}") from None

    def step(self):
        line = ""
        try:
            self.process.stdin.write("step\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            return float(line)
        except (ValueError, OSError):
            self.process.kill()
            self.process.wait()
            self.errors.seek(0)
            said = [text.strip() for text in [*self.errors, line] if text.strip()]
            raise no_answer(said[-1] if said else "it ended without a word; run it by hand")

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


def one_round(servers):
    start, machine = time.perf_counter(), machine_seconds()
    own = sum(one.processor_seconds() for one in servers.values())
    seconds = {name: one.step() for name, one in servers.items()}
    wall, machine = time.perf_counter() - start, machine_seconds() - machine
    own = sum(one.processor_seconds() for one in servers.values()) - own
    others = max(0.0, machine - own) / (wall * os.cpu_count())
    return {"seconds": seconds, "others": others}


def started(commands, warmup):
    """The programs that answer, and the last words of those that do not."""
    servers, silent = {}, {}
    for name, command in commands.items():
        try:
            one = server(command)
            for _ in range(warmup):
                one.step()
            servers[name] = one
        except no_answer as said:
            silent[name] = str(said)
            print(f"{name} does not run: {said}", flush=True)
    return servers, silent


def summary(rounds, name, batch):
    seconds = [one["seconds"][name] for one in rounds]
    result = {
        "seconds": statistics.median(seconds),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "images_per_second": batch / statistics.median(seconds),
    }
    if name != "torch" and "torch" in rounds[0]["seconds"]:
        ratios = [one["seconds"]["torch"] / one["seconds"][name] for one in rounds]
        result |= {
            "ratio_median": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
    return result


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ours", help="our benchmark program")
    for name, (default, text) in torch_peer.WORK.items():
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=f"{text}, default {default}"
        )
    parser.add_argument("--burst", type=int, default=1, help="steps that are timed together")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N, default cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="on the CPU")
    parser.add_argument("--convolution", default="fast", help="our algorithms on the CPU")
    parser.add_argument("--precision", default="tf32", help="ours on a GPU: f32, tf32, bf16")
    parser.add_argument("--conv-engine", default="auto", help="ours on a GPU: auto, gemm, cudnn")
    parser.add_argument("--rung", help="torch's manner: a rung of gpu/torch_step.py's ladder")
    parser.add_argument("--pairs", type=int, default=7, help="rounds, default 7")
    parser.add_argument("--warmup", type=int, default=2, help="bursts of each before them")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all numbers")
    options = parser.parse_args()
    options.on_cpu = options.device == "cpu"
    if options.pairs < 1 or options.warmup < 1:
        parser.error("give --pairs and --warmup of at least 1")
    return options


def commands_of(options):
    """What is run, by name: ours, then torch."""
    work = []
    for name in [*torch_peer.WORK, "burst"]:
        work += [f"--{name}", str(getattr(options, name.replace("-", "_")))]
    threads = ["--threads", str(options.threads)]
    device = ["--device", options.device]
    if options.on_cpu:
        ours = {name: [*threads, "--convolution", name] for name in options.convolution.split(",")}
    else:
        ours = {
            f"{engine}, {precision}": [*device, "--conv-engine", engine, "--precision", precision]
            for engine in options.conv_engine.split(",")
            for precision in options.precision.split(",")
        }
    commands = {name: [options.ours, *work, *how, "--serve"] for name, how in ours.items()}
    if options.on_cpu and not options.rung:
        peer = [options.python, str(HERE / "torch_step.py"), *work, *threads]
    else:
        peer = [options.python, str(HERE / "gpu" / "torch_step.py"), *work, *device]
        peer += ["--rung", options.rung] if options.rung else []
    commands["torch"] = [*peer, "--serve"]
    return commands


def versions(peer):
    """What the peer says of itself."""
    try:
        asked = subprocess.run([*peer[:-1], "--info"], stdout=subprocess.PIPE, text=True)
    except OSError:  # said when it is to work
        return {}
    return json.loads(asked.stdout) if asked.returncode == 0 else {}


def main():
    options = parse()
    commands = commands_of(options)
    about = {"processor": processor(), "kernel": platform.release(), "device": options.device}
    about |= {name: getattr(options, name.replace("-", "_")) for name in torch_peer.WORK}
    about |= {"threads": options.threads} if options.on_cpu else {}
    about["peer"] = versions(commands["torch"])
    said = ", ".join(str(value) for value in about["peer"].values())
    print(
        f"{about['processor']}, {options.threads} threads; torch {said}\n"
        f"{options.what}, width {options.width}, batch {options.batch}, "
        f"{options.image_size} pixels; ours: {'; '.join(list(commands)[:-1])}",
        flush=True,
    )

    servers, silent = started(commands, options.warmup)
    rounds = []
    for i in range(options.pairs if servers else 0):
        try:
            rounds.append(one_round(servers))
        except no_answer as said:
            sys.exit(f"one of {'; '.join(servers)} ended in round {i + 1}: {said}")
        seconds = rounds[-1]["seconds"]
        line = "; ".join(f"{name} {value:.4f} s" for name, value in seconds.items())
        print(f"round {i + 1}: {line}; others {100 * rounds[-1]['others']:.0f} %", flush=True)
    for one in servers.values():
        one.close()

    results = {name: summary(rounds, name, options.batch) for name in servers}
    for name, r in results.items():
        line = f"{name}: {r['images_per_second']:.1f} images/s"
        if "ratio_median" in r:
            line += (
                f"; ratio to torch: median {r['ratio_median']:.3f}, {r['ratio_min']:.3f} to "
                f"{r['ratio_max']:.3f}, {len(rounds)} rounds"
            )
        print(line)
    if options.json:
        numbers = about | {"results": results, "silent": silent, "rounds": rounds}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")
    sys.exit(0 if len(servers) == len(commands) else 1)


if __name__ == "__main__":
    main()
