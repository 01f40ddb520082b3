#!/usr/bin/env python3
"""PyTorch's own speed on the CPU: one step of the whole method, or of encoder training.

  torch_step.py --what mncl --batch 64 --width 64 --threads 2     median and spread of --steps steps
  torch_step.py --what mncl ... --serve                           one step per line "step" on stdin

`mncl` is the `paper` variant in full: three views through the online network (each its own
BatchNorm batch), two through the momentum network, the patches of two through the stop-gradient
one, look-up in the queue and enqueueing, both losses with all six local embeddings, SGD with
momentum and weight decay, EMA. `train` is the encoder with a linear head and cross-entropy.
Images are fixed random numbers: no loading, no augmentation. The peer gets what makes it fastest:
channels_last, fused SGD, no gradient where none is needed, and tcmalloc (Debian:
libtcmalloc-minimal4), for which the script runs itself again with LD_PRELOAD. `--autocast bf16`
lets torch multiply in bfloat16, forward and backward.

Served protocol: every line "step" on stdin runs one step and answers with its seconds, one number
on a line; end of input ends the program. Needs torch, from PyPI or Debian's python3-torch.
"""

import argparse
import copy
import glob
import itertools
import json
import os
import resource
import statistics
import sys
import time


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--what", choices=["mncl", "train"], default="mncl")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage")
    parser.add_argument("--blocks", default="2,2,2,2", help="residual blocks of each stage")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--head", default="2048,2048,2048", help="layers of the projector")
    parser.add_argument("--predictor-hidden", type=int, default=512)
    parser.add_argument("--queue", type=int, default=16384)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--format", choices=["nhwc", "nchw"], default="nhwc")
    parser.add_argument("--steps", type=int, default=7, help="timed steps")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them")
    parser.add_argument("--serve", action="store_true", help="a step per line on stdin")
    parser.add_argument("--info", action="store_true", help="print versions as JSON and exit")
    parser.add_argument("--autocast", choices=["none", "bf16"], default="none", help="arithmetic")
    return parser.parse_args()


def prefer_tcmalloc():
    """glibc returns large blocks to the kernel at every step, which costs PyTorch a quarter."""
    found = glob.glob("/usr/lib/*/libtcmalloc_minimal.so.4")
    if found and "LD_PRELOAD" not in os.environ:
        os.environ["LD_PRELOAD"] = found[0]
        # tcmalloc speaks up at every large allocation; these are wanted.
        os.environ["TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD"] = str(1 << 40)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def allocator():
    with open("/proc/self/maps") as maps:
        mapped = maps.read()
    return next((name for name in ("tcmalloc", "jemalloc", "mimalloc") if name in mapped), "glibc")


options = parse()
prefer_tcmalloc()
os.environ["OMP_NUM_THREADS"] = str(options.threads)
# OpenMP waits by spinning, without end in sight when other programs hold the cores: on a busy
# machine a step took 20 times as long. So spin briefly, then sleep.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import torch  # noqa: E402: the allocator and the thread count must be set before
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

arithmetic = torch.autocast("cpu", torch.bfloat16, enabled=options.autocast == "bf16")
layout = torch.channels_last if options.format == "nhwc" else torch.contiguous_format


class block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)).add_(self.shortcut(x)), inplace=True)


def encoder(width, blocks):
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
    inputs = width
    for stage, count in enumerate(blocks):
        for i in range(count):
            layers.append(block(inputs, width << stage, 2 if stage > 0 and i == 0 else 1))
            inputs = width << stage
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers), inputs


def projector(inputs, sizes):
    layers = []
    for outputs in sizes:
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(True)]
        inputs = outputs
    return nn.Sequential(*layers[:-1])


def predictor(features, hidden):
    first, last = nn.Linear(features, hidden), nn.Linear(hidden, features)
    return nn.Sequential(first, nn.BatchNorm1d(hidden), nn.ReLU(True), last)


def sgd(*modules):
    weights = [w for module in modules for w in module.parameters()]
    fastest = {"fused": True} if torch.__version__ >= "2.5" else {"foreach": True}
    return torch.optim.SGD(weights, lr=0.01, momentum=0.9, weight_decay=1e-4, **fastest)


def images():
    size = options.image_size
    return torch.randn(options.batch, 3, size, size).to(memory_format=layout)


def info_nce(k, p, temperature):
    """k (s*N, P) constant, p (N, P): mean over s*N rows, the diagonal of each group the label."""
    logits = F.normalize(k) @ F.normalize(p).T / temperature
    return F.cross_entropy(logits, torch.arange(len(p)).repeat(len(k) // len(p)))


def prepare_train():
    encode, features = encoder(options.width, [int(n) for n in options.blocks.split(",")])
    model = nn.Sequential(encode, nn.Linear(features, 10)).to(memory_format=layout)
    optimiser = sgd(model)
    x, labels = images(), torch.randint(10, (options.batch,))

    def step():
        optimiser.zero_grad()
        with arithmetic:
            loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimiser.step()

    return step


def prepare_mncl():
    temperature, weight, momentum_m = 1.0, 6.0, 0.99
    head = [int(n) for n in options.head.split(",")]
    encode, features = encoder(options.width, [int(n) for n in options.blocks.split(",")])
    online = nn.Sequential(encode, projector(features, head)).to(memory_format=layout)
    predict = predictor(head[-1], options.predictor_hidden)
    momentum = copy.deepcopy(online).requires_grad_(False)
    # The stop-gradient network: the online weights themselves, running statistics of its own.
    local = copy.deepcopy(online).requires_grad_(False)
    for mine, theirs in zip(local.parameters(), online.parameters()):
        mine.data = theirs.data
    optimiser = sgd(online, predict)
    queue, cursor = F.normalize(torch.randn(options.queue, head[-1])), 0
    views = [images() for _ in range(3)]
    pairs = list(itertools.combinations(range(4), 2))
    targets, sources = list(momentum.parameters()), list(online.parameters())

    def local_embeddings(x):
        h = options.image_size // 2
        patches = [x[:, :, r : r + h, c : c + h] for r in (0, h) for c in (0, h)]
        encoded = local[0](torch.cat(patches).contiguous(memory_format=layout))
        encoded = encoded.view(4, options.batch, features)
        return local[1](torch.cat([(encoded[i] + encoded[j]) / 2 for i, j in pairs]))

    def step():
        nonlocal cursor
        optimiser.zero_grad()
        with torch.no_grad(), arithmetic:
            c1, c3 = local_embeddings(views[0]), local_embeddings(views[2])
            z = [F.normalize(momentum(x)) for x in views[:2]]
            neighbour = [queue[(t @ queue.T).argmax(1)] for t in z]
        with arithmetic:
            p1, p2, p3 = (predict(online(x)) for x in views)
            loss_m = info_nce(neighbour[0], p2, temperature)
            loss_m += info_nce(neighbour[1], p1, temperature)
            loss_s = info_nce(c1, p3, temperature) + info_nce(c3, p1, temperature)
        (0.5 * loss_s + 0.5 * weight * loss_m).backward()
        optimiser.step()
        with torch.no_grad():
            for target, source in zip(targets, sources):
                target.lerp_(source, 1 - momentum_m)
            rows = (cursor + torch.arange(options.batch)) % options.queue
            queue[rows] = z[0].to(queue.dtype)
            cursor = (cursor + options.batch) % options.queue

    return step


def timed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main():
    about = {"torch": torch.__version__, "allocator": allocator(), "format": options.format}
    about["autocast"] = options.autocast
    if options.info:
        print(json.dumps(about))
        return
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    step = prepare_mncl() if options.what == "mncl" else prepare_train()
    if options.serve:
        for line in sys.stdin:
            if line.strip() == "step":
                print(f"{timed(step):.6f}", flush=True)
        return
    for _ in range(options.warmup):
        step()
    seconds = [timed(step) for _ in range(options.steps)]
    median = statistics.median(seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"torch {about['torch']}, {about['allocator']}, {about['format']}, autocast "
        f"{options.autocast}: {options.what}, "
        f"width {options.width}, batch {options.batch}, threads {options.threads}\n"
        f"{median:.4f} s a step (min {min(seconds):.4f}, max {max(seconds):.4f}, "
        f"{options.steps} steps), {options.batch / median:.1f} images/s, peak {peak:.0f} MiB"
    )


main()
