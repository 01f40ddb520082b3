#!/usr/bin/env python3
"""PyTorch's own speed on a GPU: one step of the whole method, or of encoder training.

  torch_step.py --rung bf16-nhwc-graph --batch 256     median and spread of --steps bursts
  torch_step.py --rung tf32 --batch 256 --serve        a burst per line "step" on stdin
  torch_step.py --list                                 the ladder

../torch_peer.py says what a step is. A rung is a precision and what is switched on beside it:

  f32, tf32, bf16   bf16 is automatic mixed precision; master weights and statistics stay f32
  nhwc              channels_last
  grouped           the views of a network in one pass, BatchNorm still by view
  compile           torch.compile
  graph             the whole step as one CUDA graph

--device cpu runs the rungs without compile and graph, to try the program. Needs torch from PyPI.
"""

import argparse
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import torch_peer  # noqa: E402: it lies one folder up

PRECISIONS = ["f32", "tf32", "bf16"]
SWITCHES = ["nhwc", "grouped", "compile", "graph"]
LADDER = [
    "f32",
    "tf32",
    "tf32-nhwc",
    "tf32-nhwc-grouped-compile-graph",
    "bf16",
    "bf16-nhwc",
    "bf16-nhwc-grouped",
    "bf16-nhwc-grouped-compile",
    "bf16-nhwc-graph",
    "bf16-nhwc-compile-graph",
    "bf16-nhwc-grouped-compile-graph",
]


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    torch_peer.add_options(parser)
    parser.add_argument("--rung", default=LADDER[-1], help=f"default {LADDER[-1]}")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu, default cuda")
    parser.add_argument("--list", action="store_true", help="print the ladder and exit")
    options = parser.parse_args()
    options.precision, *switches = options.rung.split("-")
    if options.precision not in PRECISIONS or not set(switches) <= set(SWITCHES):
        parser.error(
            f"'{options.rung}' is no rung; give {'|'.join(PRECISIONS)}, then any of "
            f"{', '.join(SWITCHES)}, joined by hyphens"
        )
    options.on = {name: name in switches for name in SWITCHES}
    return options


def device_of(torch, options):
    """The device's name for torch; ends the program with a sentence if there is none."""
    if options.device == "cpu":
        if options.on["compile"] or options.on["graph"]:
            sys.exit("compile and graph need a GPU; give --device cuda or another --rung")
        return "cpu"
    if not torch.cuda.is_available():
        sys.exit("torch finds no GPU; look at nvidia-smi, or give --device cpu")
    if options.device != "cuda":
        torch.cuda.set_device(torch.device(options.device))
    return "cuda"


def captured(torch, step):
    """The step as one CUDA graph. What is made at a first step, buffers and compiled code, must
    exist before."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(4):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def main():
    options = parse()
    if options.list:
        print("\n".join(LADDER))
        return
    try:
        import torch
    except ImportError:
        sys.exit("there is no torch in this Python; install it, or give another --python")
    device = device_of(torch, options)
    about = {"torch": torch.__version__, "rung": options.rung}
    if device == "cuda":
        about["device"] = torch.cuda.get_device_name()
        about["cuda"], about["cudnn"] = torch.version.cuda, torch.backends.cudnn.version()
    if options.info:
        print(json.dumps(about))
        return

    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = options.precision != "f32"
    torch.set_float32_matmul_precision("highest" if options.precision == "f32" else "high")
    how = torch_peer.manner(
        device=device,
        nhwc=options.on["nhwc"],
        bf16=options.precision == "bf16",
        grouped=options.on["grouped"],
        compile=options.on["compile"],
    )
    step = torch_peer.prepare(options, how)
    if options.on["graph"]:
        step = captured(torch, step)
    seconds = torch_peer.measure(
        step, options, torch.cuda.synchronize if device == "cuda" else lambda: None
    )
    if seconds:
        line = f"torch {about['torch']}, {options.rung}, {about.get('device', 'cpu')}: "
        print(line + torch_peer.summary(seconds, options))
        if device == "cuda":
            print(f"peak {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB of the GPU's memory")


if __name__ == "__main__":
    main()
