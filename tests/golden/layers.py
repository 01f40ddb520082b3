#!/usr/bin/env python3
"""Single layers and losses in plain PyTorch, double precision, with outputs and gradients.

Writes data/layers.safetensors: `<case>/<tensor>` in PyTorch's layouts. The gradients are those of
the sum of output * grad_output (layers) or of the loss itself (losses). Needs torch and safetensors
from PyPI.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from steps import info_nce, negative_cosine, nt_xent

generator = torch.Generator().manual_seed(7)
tensors, cases = {}, {}


def draw(*shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def record(case, function, inputs, **parameters):
    """Run `function` on copies of `inputs`; keep inputs, output and the gradient of each input."""
    leaves = {n: t.clone().requires_grad_() for n, t in inputs.items()}
    output = function(**leaves)
    grad_output = draw(*output.shape) if output.shape else torch.ones_like(output)
    gradients = torch.autograd.grad(output, list(leaves.values()), grad_output, allow_unused=True)
    kept = dict(inputs) | {"output": output.detach()}
    kept |= {"grad_output": grad_output} if output.shape else {}
    kept |= {f"grad_{n}": g for n, g in zip(leaves, gradients) if g is not None}
    tensors.update({f"{case}/{n}": t.contiguous() for n, t in kept.items()})
    cases[case] = parameters


def conv(case, size, inputs, outputs, kernel, stride, padding):
    def apply(input, weight):
        return F.conv2d(input, weight, stride=stride, padding=padding)

    operands = {"input": draw(2, inputs, *size), "weight": draw(outputs, inputs, kernel, kernel)}
    record(case, apply, operands, kernel=kernel, stride=stride, padding=padding)


def batch_norm(case, groups, shape):
    """Each group of rows is a batch of its own; running statistics move group by group."""
    features = shape[1]
    mean, var = draw(features), draw(features).square() + 0.5
    running = {"running_mean": mean.clone(), "running_var": var.clone()}

    def apply(input, weight, bias):
        parts = [
            F.batch_norm(part, mean, var, weight, bias, training=True, momentum=0.1, eps=1e-5)
            for part in input.chunk(groups)
        ]
        return torch.cat(parts)

    operands = {"input": 3 + 2 * draw(*shape), "weight": draw(features), "bias": draw(features)}
    record(case, apply, operands, groups=groups, momentum=0.1, eps=1e-5)
    for when, values in (
        ("before", running),
        ("after", {"running_mean": mean, "running_var": var}),
    ):
        tensors.update({f"{case}/{n}_{when}": t.clone() for n, t in values.items()})


conv("conv3x3_s1", (5, 7), 3, 4, kernel=3, stride=1, padding=1)
conv("conv3x3_s2", (5, 7), 3, 4, kernel=3, stride=2, padding=1)
conv("conv3x3_s2_even", (4, 6), 3, 4, kernel=3, stride=2, padding=1)
conv("conv3x3_s2_one_pixel", (1, 1), 2, 3, kernel=3, stride=2, padding=1)
conv("conv1x1_s2", (5, 7), 3, 4, kernel=1, stride=2, padding=0)
conv("conv7x7_s2", (9, 11), 3, 2, kernel=7, stride=2, padding=3)
batch_norm("batch_norm", groups=2, shape=(6, 3, 2, 3))
batch_norm("batch_norm_rows", groups=3, shape=(12, 5))
record(
    "max_pool",
    lambda input: F.max_pool2d(input, 3, 2, 1),
    {"input": draw(2, 3, 7, 5)},
    kernel=3,
    stride=2,
    padding=1,
)
record("average_pool", lambda input: input.mean((2, 3)), {"input": draw(2, 3, 5, 3)})
record("relu", lambda input: input.relu(), {"input": draw(3, 5).round()})
record("linear", F.linear, {"input": draw(5, 7), "weight": draw(3, 7), "bias": draw(3)})

for anchor in ("target", "prediction"):
    record(
        f"info_nce_{anchor}",
        lambda k, p: info_nce(k, p, 0.3, anchor),
        {"k": draw(3 * 5, 7), "p": draw(5, 7)},
        groups=3,
        temperature=0.3,
        anchor=anchor,
    )
record(
    "nt_xent",
    lambda k, p: nt_xent(k.detach(), p, 0.3),
    {"k": draw(5, 7), "p": draw(5, 7)},
    temperature=0.3,
)
record("negative_cosine", negative_cosine, {"k": draw(5, 7), "p": draw(5, 7)})

# Closed forms: equal logits give ln N, and 2N anchors each with 2N-1 candidates give ln(2N - 1).
same = torch.ones(8, 4, dtype=torch.float64)
assert math.isclose(info_nce(same, same, 1.0).item(), math.log(8))
assert math.isclose(nt_xent(same, same, 1.0).item(), math.log(15))

if __name__ == "__main__":
    path = pathlib.Path(__file__).parent / "data" / "layers.safetensors"
    save_file(tensors, path, metadata={"cases": json.dumps(cases)})
    path.chmod(0o644)
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size} bytes")
