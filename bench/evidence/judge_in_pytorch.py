#!/usr/bin/env python3
"""Judges an exported encoder without triptych: PyTorch makes the features, scikit-learn the classifier.

    judge_in_pytorch.py ENCODER.safetensors DIR [--l2 1e-4]

ENCODER is what a run exports for a basic ResNet with the CIFAR stem, DIR holds CIFAR-10 in the binary version.
Prints the top-1 accuracy of logistic regression on standardized features and of 200 nearest neighbors, as
`triptych eval` does. Without --l2 the penalty with the least cross-entropy on every fifth training image
of a class is taken, of 1, 0.1, ... 1e-4. Needs torch, torchvision, scikit-learn and safetensors from PyPI.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors import safe_open
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torchvision.models import resnet


def load_encoder(path):
    """The encoder and the constants that its images are normalized by."""
    with safe_open(path, "pt") as file:
        about, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}
    blocks = [len({n.split(".")[1] for n in tensors if n.startswith(f"layer{i}.")}) for i in (1, 2, 3, 4)]
    width = tensors["conv1.weight"].shape[0]
    model = resnet.ResNet(resnet.BasicBlock, blocks)
    model.fc, model.maxpool = torch.nn.Identity(), torch.nn.Identity()
    model.conv1 = torch.nn.Conv2d(3, width, 3, stride=1, padding=1, bias=False)
    model.bn1, model.inplanes = torch.nn.BatchNorm2d(width), width
    for i, count in enumerate(blocks):
        layer = model._make_layer(resnet.BasicBlock, width << i, count, stride=1 if i == 0 else 2)
        setattr(model, f"layer{i + 1}", layer)
    model.load_state_dict(tensors)
    constants = [torch.tensor([float(x) for x in about[f"triptych.{k}"].split(",")]) for k in ("mean", "deviation")]
    return model.eval(), *(c.view(1, 3, 1, 1) for c in constants)


def read(files):
    """Labels and images (N, 3, 32, 32) in bytes."""
    records = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
    return records[:, 0].astype(np.int64), torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32))


@torch.no_grad()
def features(encoder, images):
    model, mean, deviation = encoder
    return torch.cat([model((part.float() / 255 - mean) / deviation) for part in images.split(500)]).double().numpy()


def fit(rows, labels, l2):
    return LogisticRegression(C=1 / (l2 * len(rows)), tol=1e-8, max_iter=5000).fit(rows, labels)


def choose_l2(rows, labels):
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        held[np.flatnonzero(labels == label)[4::5]] = True
    loss = {}
    for l2 in (1, 1e-1, 1e-2, 1e-3, 1e-4):
        loss[l2] = log_loss(labels[held], fit(rows[~held], labels[~held], l2).predict_proba(rows[held]))
        if loss[l2] > min(loss.values()):
            break
    return min(loss, key=loss.get)


def knn(train, labels, test, answers, k=200, temperature=0.1):
    """Votes of the k nearest by cosine, weighted by exp(similarity / temperature)."""
    unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)
    train, hits = torch.from_numpy(unit(train)), 0
    for rows, wanted in zip(torch.from_numpy(unit(test)).split(500), np.split(answers, range(500, len(answers), 500))):
        similarity, index = (rows @ train.T).topk(k)
        votes = torch.zeros(len(rows), 10, dtype=torch.double)
        votes.scatter_add_(1, torch.from_numpy(labels)[index], (similarity / temperature).exp())
        hits += int((votes.argmax(1).numpy() == wanted).sum())
    return hits / len(answers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("encoder")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--l2", type=float)
    options = parser.parse_args()
    encoder = load_encoder(options.encoder)
    labels, images = read([options.directory / f"data_batch_{i}.bin" for i in range(1, 6)])
    answers, unseen = read([options.directory / "test_batch.bin"])
    train, test = features(encoder, images), features(encoder, unseen)
    mean, deviation = train.mean(0), train.std(0)
    deviation[deviation == 0] = 1
    rows = (train - mean) / deviation
    l2 = options.l2 or choose_l2(rows, labels)
    hits = fit(rows, labels, l2).predict((test - mean) / deviation) == answers
    print(json.dumps({"logistic": 100 * hits.mean(), "l2": l2, "knn": 100 * knn(train, labels, test, answers)}))


main()
