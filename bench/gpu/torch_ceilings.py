#!/usr/bin/env python3
"""What the machine gives at most, through PyTorch: a copy, and products of large square matrices.

  torch_ceilings.py                        on the GPU; one line of JSON
  torch_ceilings.py --device cpu --numbers 100000 --size 256

copy_gb_per_second counts bytes read and bytes written; the products are of random numbers, for
zeros are faster. Median of ten timings, warm. Needs torch from PyPI.
"""

import argparse
import json
import statistics
import sys
import time


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu, default cuda")
    parser.add_argument("--numbers", type=int, default=1 << 30, help="copied; f32")
    parser.add_argument("--size", type=int, default=8192, help="of the matrices")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("there is no torch in this Python; install it, or give another --python")
    on_gpu = options.device != "cpu"
    if on_gpu and not torch.cuda.is_available():
        sys.exit("torch finds no GPU; look at nvidia-smi, or give --device cpu")

    def seconds(work):
        """Of one call, of five that are given to the device together."""
        wait = (lambda: torch.cuda.synchronize(options.device)) if on_gpu else (lambda: None)
        times = []
        for _ in range(options.repeats + 2):
            wait()
            start = time.perf_counter()
            for _ in range(5):
                work()
            wait()
            times.append((time.perf_counter() - start) / 5)
        return statistics.median(times[2:])

    result = {"torch": torch.__version__}
    if on_gpu:
        result["device"] = torch.cuda.get_device_name(options.device)
        result["cuda"], result["cudnn"] = torch.version.cuda, torch.backends.cudnn.version()

    source = torch.randn(options.numbers, device=options.device)
    target = torch.empty_like(source)
    result["copy_gb_per_second"] = 8e-9 * options.numbers / seconds(lambda: target.copy_(source))
    del source, target

    a, b = (torch.randn(options.size, options.size, device=options.device) for _ in range(2))
    for name, precision, dtype in [
        ("f32", "highest", torch.float32),
        ("tf32", "high", torch.float32),
        ("bf16", "highest", torch.bfloat16),
    ]:
        torch.set_float32_matmul_precision(precision)
        x, y = a.to(dtype), b.to(dtype)
        result[f"{name}_tflops"] = 2e-12 * options.size**3 / seconds(lambda: x @ y)
    result["size"] = options.size
    print(json.dumps(result))


if __name__ == "__main__":
    main()
