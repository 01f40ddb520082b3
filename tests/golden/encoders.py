#!/usr/bin/env python3
"""Features of encoders of torchvision and timm, whose weights a formula gives to C++ too.

  encoders.py generate     # data/encoders.safetensors, data/encoder_names.json
  encoders.py check        # computes them again; exit 1 if a number differs by more than 1e-10

encoders.safetensors holds `<case>/features` (2, D), float64, in the cases of CASES: the globally
averaged output of layer4 of two images, in evaluation mode, double precision. The imagenet stem is
the model's own, the cifar stem a 3x3 convolution with stride 1 and padding 1 and no max-pool.

The numbers u_0, u_1, ... in [0, 1) of a tensor come from its name in torchvision's state dict:
seed = FNV-1a, 64 bits, of the name; u_k = (number k of splitmix64 from that seed >> 11) / 2^53.
They fill it in row-major order, rounded to float32 at the end:

  convolution (O, I, kh, kw)   (2u - 1) * sqrt(6 / (I * kh * kw))
  BatchNorm                    weight 0.5 + 0.5u; bias, running_mean 0.2 * (2u - 1);
                               running_var 0.5 + u
  "image" (2, 3, H, W)         2 * (2u - 1), normalized already; 64 pixels for the imagenet stem,
                               32 for the cifar stem

encoder_names.json maps the names of each model's state dict to their shapes, in its order. Needs
torch, torchvision, timm and safetensors from PyPI.
"""

import argparse
import json
import math
import pathlib
import sys

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

DATA = pathlib.Path(__file__).parent / "data"
TOLERANCE = 1e-10  # relative to the largest feature

CASES = {
    f"{library}_{name}_{stem}": (library, name, stem)
    for library, name, stem in (
        ("torchvision", "resnet18", "imagenet"),
        ("torchvision", "resnet18", "cifar"),
        ("torchvision", "resnet50", "imagenet"),
        ("torchvision", "resnet50", "cifar"),
        ("timm", "resnet34", "imagenet"),
        ("timm", "resnet18", "cifar"),
    )
}
NAMED = ("resnet18", "resnet34", "resnet50")


def fnv1a(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return h


def uniform(name, shape):
    """u_0, u_1, ... of a name, row-major; uint64 wraps as in C++."""
    z = np.uint64(fnv1a(name)) + np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(
        0x9E3779B97F4A7C15
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = (z ^ (z >> np.uint64(31))) >> np.uint64(11)
    return z.astype(np.float64).reshape(shape) * 2.0**-53


def values(name, shape):
    u = uniform(name, shape)
    if name == "image":
        v = 2 * (2 * u - 1)
    elif len(shape) == 4:
        v = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    else:
        kind = name.rsplit(".", 1)[1]
        v = {
            "weight": 0.5 + 0.5 * u,
            "bias": 0.2 * (2 * u - 1),
            "running_mean": 0.2 * (2 * u - 1),
            "running_var": 0.5 + u,
        }[kind]
    return torch.from_numpy(v.astype(np.float32)).double()


def encoder(library, name, stem):
    """The library's model without its classifier."""
    if library == "timm":
        model = timm.create_model(name, num_classes=0)
    else:
        model = getattr(torchvision.models, name)(weights=None)
        model.fc = torch.nn.Identity()
    if stem == "cifar":
        model.conv1 = torch.nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
        model.maxpool = torch.nn.Identity()
    model = model.double().eval()
    state = model.state_dict()
    for key, tensor in state.items():
        if not key.endswith("num_batches_tracked"):
            tensor.copy_(values(key, tuple(tensor.shape)))
    return model


@torch.no_grad()
def features(library, name, stem):
    size = 64 if stem == "imagenet" else 32
    return encoder(library, name, stem)(values("image", (2, 3, size, size)))


def names():
    """The state dicts' names and shapes."""
    models = {n: getattr(torchvision.models, n)(weights=None) for n in NAMED}
    return {
        n: {key: list(t.shape) for key, t in model.state_dict().items()}
        for n, model in models.items()
    }


def test_numbers():
    """Published numbers of both generators, and single numbers against one written out."""
    assert fnv1a("") == 0xCBF29CE484222325 and fnv1a("foobar") == 0x85944171F73967E8
    state, mask, plain = fnv1a("image"), 2**64 - 1, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        plain.append(((z ^ (z >> 31)) >> 11) / 2**53)
    assert uniform("image", (3,)).tolist() == plain


def compute():
    test_numbers()
    computed = {f"{case}/features": features(*of) for case, of in CASES.items()}
    for case, f in computed.items():
        # Neither dead nor blown up: many features are above zero, none is far above.
        assert f.isfinite().all() and 0.01 < f.mean() < 100 and (f > 0).double().mean() > 0.5, case
        print(f"{case}: {tuple(f.shape)}, mean {f.mean():.4f}, largest {f.max():.4f}")
    return computed


def generate(folder):
    path = folder / "encoders.safetensors"
    save_file(compute(), path)
    path.chmod(0o644)
    lines = [
        f'"{model}": {{\n' + ",\n".join(f'"{k}": {s}' for k, s in shapes.items()) + "\n}"
        for model, shapes in names().items()
    ]
    (folder / "encoder_names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{path}: {path.stat().st_size} bytes")


def check(folder):
    kept, computed = load_file(folder / "encoders.safetensors"), compute()
    same = kept.keys() == computed.keys()
    same &= json.loads((folder / "encoder_names.json").read_text()) == names()
    for case in kept.keys() & computed.keys():
        difference = ((kept[case] - computed[case]).abs().max() / kept[case].abs().max()).item()
        print(f"{case}: differs by {difference:.1e}")
        same &= difference <= TOLERANCE
    return same


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("generate", "check"))
    if parser.parse_args().command == "generate":
        generate(DATA)
    elif not check(DATA):
        sys.exit("encoders.py: the data and the libraries do not agree")
