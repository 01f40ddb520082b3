#!/usr/bin/env python3
"""Three steps of fine-tuning in plain PyTorch, double: modules, loss and optimizer are torch's.

Writes data/finetune_step.safetensors: `before/` and `after/` with the weights and running
statistics of encoder and head and the optimizer's `momentum_buffer.`, `images/<step>`
(N, 3, H, W), `labels/<step>` (N), `losses` (3), and what the state after them makes of plain
images: `plain/pixels` (N, H, W, 3) from 0 to 255, normalized by `plain/mean` and
`plain/deviation` of pixels from 0 to 1, `plain/labels`, `plain/loss` and `plain/hits`.
Hyper-parameters under the metadata key `config`. Needs torch and safetensors from PyPI.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

CONFIG = {
    "width": 2,
    "classes": 3,
    "batch": 6,
    "image-size": 16,
    "steps": 5,
    "taken": 3,
    "backbone-rate": 0.05,
    "head-rate": 0.4,
    "momentum": 0.9,
    "weight-decay": 0.01,
}


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class Encoder(nn.Module):
    """One basic block a stage, CIFAR stem."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for stage in range(4):
            inputs, outputs = width << max(stage - 1, 0), width << stage
            block = Block(inputs, outputs, 1 if stage == 0 else 2)
            self.add_module(f"layer{stage + 1}", nn.Sequential(block))

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))


class Classifier(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.encoder = Encoder(width)
        self.predictor = nn.Sequential(nn.Linear(8 * width, classes))

    def forward(self, x):
        return self.predictor(self.encoder(x))


def state(model, optimizer, prefix):
    tensors = {
        prefix + n: t for n, t in model.state_dict().items() if "num_batches_tracked" not in n
    }
    if prefix == "after/":
        for n, p in model.named_parameters():
            tensors[f"{prefix}momentum_buffer.{n}"] = optimizer.state[p]["momentum_buffer"]
    return {n: t.detach().clone() for n, t in tensors.items()}


def main():
    c = CONFIG
    torch.manual_seed(11)
    torch.set_default_dtype(torch.float64)
    model = Classifier(c["width"], c["classes"])
    with torch.no_grad():
        for n, t in model.state_dict().items():  # no tensor where a mistake would not show
            if t.dim() == 1 and t.is_floating_point():
                t.add_(0.2 * torch.rand_like(t))
    optimizer = torch.optim.SGD(
        [
            {"params": model.encoder.parameters(), "lr": c["backbone-rate"]},
            {"params": model.predictor.parameters(), "lr": c["head-rate"]},
        ],
        momentum=c["momentum"],
        weight_decay=c["weight-decay"],
    )
    cosine = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: 0.5 * (1 + math.cos(math.pi * t / c["steps"]))
    )
    tensors = state(model, optimizer, "before/")
    size, losses = c["image-size"], []
    for step in range(1, c["taken"] + 1):
        # numbers that single precision holds: so are the images that a loader gives
        images = torch.randn(c["batch"], 3, size, size).float().double()
        labels = torch.randint(c["classes"], (c["batch"],))
        tensors |= {f"images/{step}": images, f"labels/{step}": labels.double()}
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cosine.step()
        losses.append(loss.item())
    tensors["losses"] = torch.tensor(losses)
    tensors |= state(model, optimizer, "after/")

    model.eval()
    pixels = torch.randint(256, (9, size, size, 3)).double()
    labels = torch.randint(c["classes"], (9,))
    mean, deviation = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.3])
    with torch.no_grad():
        scores = model(((pixels / 255 - mean) / deviation).permute(0, 3, 1, 2))
    tensors |= {
        "plain/pixels": pixels,
        "plain/mean": mean,
        "plain/deviation": deviation,
        "plain/labels": labels.double(),
        "plain/loss": F.cross_entropy(scores, labels).reshape(1),
        "plain/hits": (scores.argmax(1) == labels).sum().double().reshape(1),
    }
    path = pathlib.Path(__file__).parent / "data" / "finetune_step.safetensors"
    save_file(
        {n: t.contiguous() for n, t in tensors.items()}, path, metadata={"config": json.dumps(c)}
    )
    path.chmod(0o644)
    print(f"{path}: losses {losses}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
