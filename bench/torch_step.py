#!/usr/bin/env python3
"""PyTorch's own speed on the CPU: one step of the whole method, or of encoder training.

  torch_step.py --what mncl --batch 64 --width 64 --threads 2     median and spread of --steps steps
  torch_step.py --what mncl ... --serve                           one step per line "step" on stdin

torch_peer.py says what a step is. The peer gets what makes it fastest: channels_last, fused SGD, no
gradient where none is needed, and tcmalloc (Debian: libtcmalloc-minimal4), for which the script
runs itself again with LD_PRELOAD. Needs torch from PyPI.
"""

import argparse
import glob
import json
import os
import resource
import sys

import torch_peer


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    torch_peer.add_options(parser)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--format", choices=["nhwc", "nchw"], default="nhwc")
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


def main():
    options = parse()
    prefer_tcmalloc()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch  # only now: the allocator and the thread count must be set before

    about = {"torch": torch.__version__, "allocator": allocator(), "format": options.format}
    if options.info:
        print(json.dumps(about))
        return
    torch.set_num_threads(options.threads)
    step = torch_peer.prepare(options, torch_peer.manner(nhwc=options.format == "nhwc"))
    seconds = torch_peer.measure(step, options)
    if seconds:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"torch {about['torch']}, {about['allocator']}, {about['format']}, threads "
            f"{options.threads}: {torch_peer.summary(seconds, options)}, peak {peak:.0f} MiB"
        )


if __name__ == "__main__":
    main()
