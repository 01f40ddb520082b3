#!/usr/bin/env python3
"""What a step of MNCL on several ranks takes, predicted from its parts and measured.

  bench/ranks.py APP BENCH_COLLECTIVES [--ranks 2] [--batch 64] [--width 16] [--rounds 3]

The model of docs/scale.md: a step of R ranks takes as long as a step of N / R images on one of R processors that all do one,
and the collective operations: so many gathers times their latency, their bytes over a bandwidth, the sum of the gradients
likewise. Latencies and bandwidths come from BENCH_COLLECTIVES, the first part from R runs at once with that batch;
messages and bytes are counted (tests/method/rank_messages.cpp holds the count). Ranks are threads of one process, each
with one thread. On a machine with at least R quiet processors; generated images.
"""

import argparse
import json
import pathlib
import re
import statistics
import struct
import subprocess
import tempfile

STEPS, INTERVAL = 80, 10


def train(app, out, batch, width, more):
    return [
        app, "train", "--data", "procedural", "--procedural-train", "2048", "--procedural-test", "16", "--width", str(width),
        "--blocks", "1,1,1,1", "--head", "256,256,256", "--predictor-hidden", "128", "--queue", "4096", "--batch", str(batch),
        "--threads", "1", "--device", "cpu", "--epochs", "100", "--max-steps", str(STEPS), "--log-every", str(INTERVAL),
        "--checkpoint-every", "100", "--quiet", "--overwrite", "--out", str(out), *more,
    ]  # fmt: skip


def seconds_of_a_step(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    times = [(r["step"], r["wall_s"]) for r in rows]
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(times[1:], times[2:]))


def shapes(checkpoint):
    """The tensors of the online network: name and shape."""
    with open(checkpoint / "model.safetensors", "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return {n.removeprefix("online."): t["shape"] for n, t in header.items() if n.startswith("online.")}


def said(tensors, batch, ranks, combinations=6, real=4):
    """Gathers of a rank in a step of MNCL, its bytes in them, and the numbers that are summed."""
    n = batch // ranks
    norms = {n: s[0] for n, s in tensors.items() if n.endswith(".weight") and len(s) == 1}
    features = [s for n, s in tensors.items() if n.startswith("projector.") and len(s) == 2][-1][0]
    gathers, numbers = 0, 0
    for part, passes in (("encoder.", 4), ("projector.", 4), ("predictor.", 2)):
        channels = [c for name, c in norms.items() if name.startswith(part)]
        gathers += passes * len(channels)
        views = 24 * 3 + 16 * 3 + (24 * 2 * 2 if passes == 4 else 0)
        numbers += views * sum(channels)
    for groups in (1, 1, combinations, combinations):
        gathers += groups + 2
        numbers += real * (groups * n * features + 3 * groups * batch)
    gathers += 1
    numbers += real * n * features
    weights = 0
    for name, shape in tensors.items():
        if "running_" in name or "num_batches" in name:
            continue
        product = 1
        for extent in shape:
            product *= extent
        weights += product
    return gathers, numbers, weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("app")
    parser.add_argument("collectives")
    for name, value in (("ranks", 2), ("batch", 64), ("width", 16), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    o = parser.parse_args()

    parts, wholes, links = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        box = pathlib.Path(folder)
        for _ in range(o.rounds):
            text = subprocess.check_output([o.collectives, str(o.ranks)], text=True)
            links.append([(float(a) / 1e6, float(b) * 1e9) for a, b in re.findall(r"latency ([\d.]+) us, ([\d.]+) GB", text)])
            runs = [box / f"part-{r}" for r in range(o.ranks)]
            at_once = [subprocess.Popen(train(o.app, run, o.batch // o.ranks, o.width, [])) for run in runs]
            if any(one.wait() != 0 for one in at_once):
                raise SystemExit("a run failed")
            parts.append(max(seconds_of_a_step(run) for run in runs))
            whole = box / "whole"
            subprocess.run(train(o.app, whole, o.batch, o.width, ["--ranks", str(o.ranks)]), check=True)
            wholes.append(seconds_of_a_step(whole))
        gathers, numbers, weights = said(shapes(whole / "checkpoints" / "latest"), o.batch, o.ranks)

    (latency, bandwidth), (sum_latency, sum_bandwidth) = (
        tuple(statistics.median(link[i][j] for link in links) for j in (0, 1)) for i in (0, 1)
    )
    part, whole = statistics.median(parts), statistics.median(wholes)
    talk = gathers * latency + numbers / bandwidth + 2 * sum_latency + 4 * weights / sum_bandwidth
    predicted = part + talk
    print(f"gather: {latency * 1e6:.1f} us, {bandwidth / 1e9:.2f} GB/s; sum: {sum_latency * 1e6:.1f} us, {sum_bandwidth / 1e9:.2f} GB/s")
    print(f"a step: {gathers} gathers of {numbers:,} bytes, a sum of {weights:,} numbers: {talk * 1e3:.2f} ms")
    print(f"the part of a rank: {part * 1e3:.1f} ms ({min(parts) * 1e3:.1f} to {max(parts) * 1e3:.1f})")
    print(f"predicted {predicted * 1e3:.1f} ms, measured {whole * 1e3:.1f} ms ({min(wholes) * 1e3:.1f} to {max(wholes) * 1e3:.1f}): {whole / predicted - 1:+.1%}")


main()
