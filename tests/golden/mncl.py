#!/usr/bin/env python3
"""The three-network method in plain PyTorch, double precision: golden steps, checker of dumps.

Written from the method's description alone, so that it shares no error with the C++ library.

  mncl.py generate [--out DIR] [--set key=value ...]
      three golden steps of `paper` and of `released`, gradient_reach.json, switches.json
  mncl.py check FILE...
      recompute steps written by `triptych train --dump-step`

A step is one safetensors file: view/, before/, grad/, after/, queue/, p/, z/, nn/, c/, loss/ in
PyTorch's layouts, and the configuration as JSON under the metadata key `config`, its keys named as
the options of `triptych train`.

Shapes: N batch, D encoder features, P projection, g grid, k patches per combination,
s = C(g*g, k) combinations, K queue.
Needs torch, numpy and safetensors from PyPI.
"""

import argparse
import itertools
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

PAPER = {
    "variant": "paper",
    "local-gradient": "on",  # does loss_s carry gradient into p?
    "global-loss": "infonce",  # infonce | ntxent
    "local-anchor": "target",  # rows of the logits of loss_s: target | prediction
    "clip-norm": 0.0,  # bound of the global gradient norm, 0 = none
    "predictor-lr": "cosine",  # cosine | constant
    "zero-init-residual": "off",  # at initialisation only
    "momentum-init": "copy",  # at initialisation only: copy | independent
    "ema-timing": "after",  # momentum weights move after the optimiser | before their forward
    "patch-statistics": "own",  # whose running statistics the patches update: own | online
    "enqueue": "z1",  # z1 | z2 | both
    "lambda": 6.0,  # weight of loss_m
    "lambda-s": 1.0,  # weight of loss_s
    "combine": "all",  # all | random: one combination per view and step
    "combine-k": 2,
    "grid": 2,
}
RELEASED = PAPER | {
    "variant": "released",
    "local-gradient": "off",
    "global-loss": "ntxent",
    "local-anchor": "prediction",
    "clip-norm": 1.0,
    "predictor-lr": "constant",
    "zero-init-residual": "on",
    "momentum-init": "independent",
    "ema-timing": "before",
    "patch-statistics": "online",
    "enqueue": "z2",
}
VARIANTS = {"paper": PAPER, "released": RELEASED}

# Small enough to commit, awkward enough to catch errors: an identity block beside the down-sampling
# ones, odd maps (10, 5, 3, 2 pixels; patches 5, 3, 2, 1), unequal head layers, a batch that does
# not divide the queue. The rate and the seed were chosen so that no step comes near collapse, where
# gradients vanish and would test nothing.
TINY = {
    "image-size": 10, "batch": 5, "width": 1, "blocks": "1,2,1,1", "stem": "cifar",
    "head": "12,10,8", "predictor-hidden": 6, "queue": 13, "temperature": 0.5, "lr": 0.03,
    "weight-decay": 1e-4, "momentum": 0.9, "momentum-m": 0.99, "steps": 10, "seed": 3,
    "dtype": "f64",
}  # fmt: skip


def sizes(text):
    """'2,2,2,2' or [2, 2, 2, 2] -> [2, 2, 2, 2]"""
    return [int(n) for n in (text.split(",") if isinstance(text, str) else text)]


def enabled(value):
    return value in (True, 1, "on", "true", "1")


# --- networks -------------------------------------------------------------------------------------
# The state of training is one dictionary from name to tensor: `online.…`, `momentum.…`,
# `stop_gradient.…` (running statistics only), `momentum_buffer.online.…` (the optimiser's) and
# `queue`.


def is_statistic(name):
    return name.endswith((".running_mean", ".running_var"))


def parameters(state, prefix):
    return {n: t for n, t in state.items() if n.startswith(prefix) and not is_statistic(n)}


class network:
    """The weights of one branch with the running statistics of one branch, not always the same."""

    def __init__(self, state, config, weights, statistics):
        self.state, self.config, self.weights, self.statistics = state, config, weights, statistics

    def has(self, name):
        return f"{self.weights}.{name}" in self.state

    def weight(self, name):
        return self.state[f"{self.weights}.{name}"]

    def conv(self, x, name, stride, padding):
        return F.conv2d(x, self.weight(f"{name}.weight"), stride=stride, padding=padding)

    def linear(self, x, name):
        return F.linear(x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"))

    def batch_norm(self, x, name):
        """Always batch statistics; running ones are moved by 0.1, the variance unbiased."""
        mean, var = (self.state[f"{self.statistics}.{name}.running_{s}"] for s in ("mean", "var"))
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return F.batch_norm(x, mean, var, scale, shift, training=True, momentum=0.1, eps=1e-5)

    def block(self, x, name, stride):
        y = self.batch_norm(self.conv(x, f"{name}.conv1", stride, 1), f"{name}.bn1").relu()
        y = self.batch_norm(self.conv(y, f"{name}.conv2", 1, 1), f"{name}.bn2")
        if self.has(f"{name}.downsample.0.weight"):
            x = self.batch_norm(
                self.conv(x, f"{name}.downsample.0", stride, 0), f"{name}.downsample.1"
            )
        return (x + y).relu()

    def encode(self, x):
        """(N, 3, H, W) -> (N, D)"""
        imagenet = self.config["stem"] == "imagenet"
        x = self.conv(x, "encoder.conv1", 2 if imagenet else 1, 3 if imagenet else 1)
        x = self.batch_norm(x, "encoder.bn1").relu()
        if imagenet:
            x = F.max_pool2d(x, 3, 2, 1)
        for stage, count in enumerate(sizes(self.config["blocks"])):
            for i in range(count):
                x = self.block(x, f"encoder.layer{stage + 1}.{i}", 2 if stage > 0 and i == 0 else 1)
        return x.mean((2, 3))

    def project(self, x):
        """(rows, D) -> (rows, P): Linear, BN, ReLU; ...; Linear, BN"""
        last = len(sizes(self.config["head"])) - 1
        for i in range(last + 1):
            x = self.batch_norm(self.linear(x, f"projector.{3 * i}"), f"projector.{3 * i + 1}")
            x = x.relu() if i < last else x
        return x

    def predict(self, x):
        """(rows, P) -> (rows, P): Linear, BN, ReLU, Linear"""
        return self.linear(
            self.batch_norm(self.linear(x, "predictor.0"), "predictor.1").relu(), "predictor.3"
        )

    def combine(self, x, combinations):
        """(N, 3, H, W) -> (s*N, P), group-major: means of patch encodings, projected."""
        grid, count = int(self.config["grid"]), len(x)
        assert (
            x.shape[2] % grid == 0 and x.shape[3] % grid == 0
        ), "the image size must be divisible by the grid"
        h, w = x.shape[2] // grid, x.shape[3] // grid
        patches = [
            x[:, :, r * h : r * h + h, c * w : c * w + w] for r in range(grid) for c in range(grid)
        ]
        encoded = self.encode(torch.cat(patches)).reshape(grid * grid, count, -1)
        return self.project(torch.cat([encoded[list(members)].mean(0) for members in combinations]))


def combinations(config):
    """All choices of k patches, lexicographic."""
    return list(itertools.combinations(range(int(config["grid"]) ** 2), int(config["combine-k"])))


def initialise(config, generator, prefix, predictor):
    """Convolutions Kaiming normal by fan-out, linear uniform ±1/√fan_in, BatchNorm 1 and 0."""
    state = {}

    def norm(name, features, scale=1.0):
        state[f"{prefix}.{name}.weight"] = torch.full((features,), scale, dtype=torch.float64)
        state[f"{prefix}.{name}.bias"] = torch.zeros(features, dtype=torch.float64)
        state[f"{prefix}.{name}.running_mean"] = torch.zeros(features, dtype=torch.float64)
        state[f"{prefix}.{name}.running_var"] = torch.ones(features, dtype=torch.float64)

    def conv(name, outputs, inputs, kernel):
        draw = torch.randn(
            outputs, inputs, kernel, kernel, generator=generator, dtype=torch.float64
        )
        state[f"{prefix}.{name}.weight"] = draw * math.sqrt(2.0 / (outputs * kernel * kernel))

    def linear(name, outputs, inputs):
        for part, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            draw = torch.rand(shape, generator=generator, dtype=torch.float64)
            state[f"{prefix}.{name}.{part}"] = (2 * draw - 1) / math.sqrt(inputs)

    width, last_scale = int(config["width"]), 0.0 if enabled(config["zero-init-residual"]) else 1.0
    conv("encoder.conv1", width, 3, 7 if config["stem"] == "imagenet" else 3)
    norm("encoder.bn1", width)
    inputs = width
    for stage, count in enumerate(sizes(config["blocks"])):
        outputs = width << stage
        for i in range(count):
            name = f"encoder.layer{stage + 1}.{i}"
            conv(f"{name}.conv1", outputs, inputs, 3)
            norm(f"{name}.bn1", outputs)
            conv(f"{name}.conv2", outputs, outputs, 3)
            norm(f"{name}.bn2", outputs, last_scale)
            if inputs != outputs:
                conv(f"{name}.downsample.0", outputs, inputs, 1)
                norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    for i, outputs in enumerate(sizes(config["head"])):
        linear(f"projector.{3 * i}", outputs, inputs)
        norm(f"projector.{3 * i + 1}", outputs)
        inputs = outputs
    if predictor:
        hidden = int(config["predictor-hidden"])
        linear("predictor.0", hidden, inputs)
        norm("predictor.1", hidden)
        linear("predictor.3", inputs, hidden)
    return state


def initial_state(config):
    generator = torch.Generator().manual_seed(int(config["seed"]))
    state = initialise(config, generator, "online", predictor=True)
    if config["momentum-init"] == "independent":
        state |= initialise(config, generator, "momentum", predictor=False)
    else:
        state |= {
            n.replace("online.", "momentum.", 1): t.clone()
            for n, t in state.items()
            if ".predictor." not in n
        }
    if config["patch-statistics"] == "own":
        state |= {
            n.replace("momentum.", "stop_gradient.", 1): t.clone()
            for n, t in state.items()
            if n.startswith("momentum.") and is_statistic(n)
        }
    state |= {
        f"momentum_buffer.{n}": torch.zeros_like(t) for n, t in parameters(state, "online.").items()
    }
    features = sizes(config["head"])[-1]
    rows = torch.randn(int(config["queue"]), features, generator=generator, dtype=torch.float64)
    state["queue"] = F.normalize(rows)
    return state


# --- losses ---------------------------------------------------------------------------------------


def info_nce(k, p, temperature, anchor="target"):
    """L(k, p): k (s*N, P) constant targets, p (N, P) predictions; mean over rows, then groups."""
    k, p = F.normalize(k.detach()), F.normalize(p)
    losses = []
    for group in k.split(len(p)):
        logits = group @ p.T / temperature
        logits = logits if anchor == "target" else logits.T
        losses.append(F.cross_entropy(logits, torch.arange(len(p))))
    return torch.stack(losses).mean()


def nt_xent(k, p, temperature):
    """2N anchors, the rows of k (constant) and of p: one positive, 2N-2 negatives, self masked."""
    n = len(p)
    rows = torch.cat([F.normalize(k.detach()), F.normalize(p)])
    logits = (rows @ rows.T / temperature).masked_fill(
        torch.eye(2 * n, dtype=torch.bool), -math.inf
    )
    return F.cross_entropy(logits, torch.arange(2 * n).roll(n))


def negative_cosine(k, p):
    return -(F.normalize(k.detach()) * F.normalize(p)).sum(1).mean()


# --- one step -------------------------------------------------------------------------------------


def rate(config, index):
    """The learning rate of step `index`, counted from 0; no warm-up."""
    if config.get("schedule") == "constant":
        return config["lr"]
    return 0.5 * config["lr"] * (1 + math.cos(math.pi * index / config["steps"]))


def ema(state, m):
    with torch.no_grad():
        for name, tensor in parameters(state, "momentum.").items():
            tensor.mul_(m).add_(state[name.replace("momentum.", "online.", 1)], alpha=1 - m)


def losses(config, p, neighbours, c):
    """(loss_m, loss_s) of three predictions, two neighbours, and the local embeddings (c1, c3)."""
    tau = config["temperature"]
    compare = nt_xent if config["global-loss"] == "ntxent" else info_nce
    loss_m = (compare(neighbours[0], p[1], tau) + compare(neighbours[1], p[0], tau)) / 2
    p1, p3 = (p[0], p[2]) if enabled(config["local-gradient"]) else (p[0].detach(), p[2].detach())
    loss_s = (
        info_nce(c[0], p3, tau, config["local-anchor"])
        + info_nce(c[1], p1, tau, config["local-anchor"])
    ) / 2
    return loss_m, loss_s


def forward(config, state, views, chosen=None, nn=None):
    """All forward passes, in the order in which running statistics move; `state` changes in place.

    chosen: one list of combinations per local view, default all.
    nn: neighbours to use instead of the nearest.
    """
    online = network(state, config, "online", "online")
    p = [online.predict(online.project(online.encode(x))) for x in views]
    if config["ema-timing"] == "before":
        ema(state, config["momentum-m"])
    with torch.no_grad():
        owner = "online" if config["patch-statistics"] == "online" else "stop_gradient"
        local = network(state, config, "online", owner)
        chosen = chosen or [combinations(config)] * 2
        c = [local.combine(x, which) for x, which in zip((views[0], views[2]), chosen)]
        momentum = network(state, config, "momentum", "momentum")
        z = [momentum.project(momentum.encode(x)) for x in views[:2]]
        similarity = [F.normalize(t) @ state["queue"].T for t in z]
        nearest = [t.argmax(1) for t in similarity]
    used = nn or nearest
    loss_m, loss_s = losses(config, p, [state["queue"][i] for i in used], c)
    total = config["lambda-s"] * loss_s + config["lambda"] * loss_m
    return {
        "p": p,
        "z": z,
        "c": c,
        "nn": nearest,
        "similarity": similarity,
        "m": loss_m,
        "s": loss_s,
        "total": total,
    }


def fresh(state):
    """A copy to train on: the online parameters as leaves that ask for gradients."""
    leaves = parameters(state, "online.")
    return {n: t.detach().clone().requires_grad_(n in leaves) for n, t in state.items()}


def optimise(config, state, gradients, index):
    """Clip as torch.nn.utils.clip_grad_norm_ does, then SGD with momentum and weight decay."""
    scale = 1.0
    if config["clip-norm"] > 0:
        norm = math.sqrt(sum(g.square().sum().item() for g in gradients.values()))
        scale = min(1.0, config["clip-norm"] / (norm + 1e-6))
    with torch.no_grad():
        for name, gradient in gradients.items():
            constant = ".predictor." in name and config["predictor-lr"] == "constant"
            lr = config["lr"] if constant else rate(config, index)
            weight, buffer = state[name], state[f"momentum_buffer.{name}"]
            buffer.mul_(config["momentum"]).add_(gradient * scale + config["weight-decay"] * weight)
            weight.sub_(lr * buffer)


def enqueue(config, state, z, index):
    """Write the normalised projections at the cursor; every step before moved it as far."""
    which = {"z1": z[:1], "z2": z[1:], "both": z}[config["enqueue"]]
    rows = F.normalize(torch.cat(which))
    length = len(state["queue"])
    for i, row in enumerate(rows):
        state["queue"][(index * len(rows) + i) % length] = row


def step(config, before, views, index, chosen=None, nn=None, given=None):
    """One complete training step: (state after, plain gradients, everything computed on the way).

    given: gradients for the optimiser to use in place of the computed ones.
    """
    state = fresh(before)
    seen = forward(config, state, views, chosen, nn)
    leaves = parameters(state, "online.")
    raw = torch.autograd.grad(seen["total"], list(leaves.values()), allow_unused=True)
    gradients = {
        n: torch.zeros_like(t) if g is None else g for (n, t), g in zip(leaves.items(), raw)
    }
    optimise(config, state, given or gradients, index)
    if config["ema-timing"] == "after":
        ema(state, config["momentum-m"])
    enqueue(config, state, seen["z"], index)
    return {n: t.detach() for n, t in state.items()}, gradients, seen


# --- files ----------------------------------------------------------------------------------------


def prefixed(prefix, tensors):
    return {prefix + n: t for n, t in tensors.items() if n != "queue"}


def to_tensors(before, views, after, gradients, seen):
    """Every tensor of a step under its name in a dump."""
    tensors = {f"view/{i + 1}": x for i, x in enumerate(views)}
    tensors |= (
        prefixed("before/", before) | prefixed("grad/", gradients) | prefixed("after/", after)
    )
    tensors |= {"queue/before": before["queue"], "queue/after": after["queue"]}
    tensors |= {f"p/{i + 1}": t for i, t in enumerate(seen["p"])}
    for i in range(2):
        tensors |= {
            f"z/{i + 1}": seen["z"][i],
            f"nn/{i + 1}": seen["nn"][i],
            f"c/{2 * i + 1}": seen["c"][i],
        }
    tensors |= {f"loss/{t}": seen[t] for t in ("m", "s", "total")}
    return {n: t.detach().clone().contiguous() for n, t in tensors.items()}


def read(path):
    """(configuration, tensors in double or int64, is the file in double?)"""
    with safe_open(path, "pt") as file:
        config = json.loads((file.metadata() or {})["config"])
        tensors = {n: file.get_tensor(n) for n in file.keys()}
    double = tensors["view/1"].dtype == torch.float64
    tensors = {n: t.double() if t.is_floating_point() else t.long() for n, t in tensors.items()}
    for key in ("step", "steps"):
        if key not in config:
            raise SystemExit(f"{path}: the configuration has no `{key}`; dump the step again")
    for key, known in (("optimizer", "sgd"), ("warmup-epochs", 0)):
        if config.get(key, known) != known:
            raise SystemExit(f"{path}: {key} = {config[key]} is not covered; dump with {known}")
    config = VARIANTS[config.get("variant", "paper")] | config
    numbers = (
        "lr",
        "weight-decay",
        "momentum",
        "momentum-m",
        "temperature",
        "lambda",
        "lambda-s",
        "clip-norm",
    )
    config |= {n: float(config[n]) for n in numbers} | {
        n: int(config[n]) for n in ("steps", "step")
    }
    return config, tensors, double


# --- generate -------------------------------------------------------------------------------------


def draw_views(config, generator):
    shape = (int(config["batch"]), 3, int(config["image-size"]), int(config["image-size"]))
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3)]


def reach(config, before, views):
    """For each loss alone: which online tensors and predictions get gradient.

    `vanishing`: connected, but a BatchNorm behind it removes whatever it adds (the biases in front
    of one), so that only rounding is left. `unreached`: not connected at all, exactly zero.
    """
    result = {}
    for term in ("m", "s"):
        state = fresh(before)
        seen = forward(config, state, views)
        leaves = parameters(state, "online.")
        targets = list(leaves.values()) + seen["p"]
        if seen[term].requires_grad:
            gradients = torch.autograd.grad(seen[term], targets, allow_unused=True)
        else:
            gradients = [None] * len(targets)
        largest = [0.0 if g is None else g.abs().max().item() for g in gradients]
        scale = max(largest)
        by_name = dict(zip(leaves, largest))
        result[f"loss_{term}"] = {
            "predictions": {f"p{i + 1}": g > 0 for i, g in enumerate(largest[len(leaves) :])},
            "nonzero": [n for n, g in by_name.items() if g > 1e-10 * scale],
            "vanishing": [n for n, g in by_name.items() if 0 < g <= 1e-10 * scale],
            "unreached": [n for n, g in by_name.items() if g == 0],
        }
    return result


SWITCHES = [
    {"local-gradient": "off"}, {"global-loss": "ntxent"}, {"local-anchor": "prediction"},
    {"clip-norm": 1.0}, {"predictor-lr": "constant"}, {"ema-timing": "before"},
    {"patch-statistics": "online"}, {"enqueue": "z2"}, {"enqueue": "both"}, {"lambda": 2.0},
    {"lambda-s": 0.25}, {"combine": "random"}, {"combine-k": 1}, {"combine-k": 3}, {"combine-k": 4},
]  # fmt: skip
RANDOM_CHOICE = [1, 4]  # the combinations that `combine = random` takes here for views 1 and 3


def fingerprint(config, before, views, index):
    """A few numbers that move when any part of a step does: enough to test each switch apart."""
    chosen = (
        [[combinations(config)[i]] for i in RANDOM_CHOICE]
        if config["combine"] == "random"
        else None
    )
    after, gradients, seen = step(config, before, views, index, chosen)

    def distance(prefix, statistics):
        names = [n for n in before if n.startswith(prefix) and is_statistic(n) == statistics]
        return math.sqrt(sum((after[n] - before[n]).square().sum().item() for n in names))

    return {
        "loss_m": seen["m"].item(),
        "loss_s": seen["s"].item(),
        "total": seen["total"].item(),
        "gradient_norm": math.sqrt(sum(g.square().sum().item() for g in gradients.values())),
        "moved_online_encoder": distance("online.encoder.", False),
        "moved_online_predictor": distance("online.predictor.", False),
        "moved_online_statistics": distance("online.", True),
        "moved_momentum": distance("momentum.", False),
        "moved_stop_gradient_statistics": distance("stop_gradient.", True),
        "queue_sum": after["queue"].sum().item(),
    }


def generate(out, overrides):
    out.mkdir(parents=True, exist_ok=True)
    reached = {"note": "state: before/ and view/ of mncl_<variant>_step3.safetensors"}
    switches = {
        "note": "mncl_paper_step3 with one switch changed; moved_*: L2 from before to after",
        "random_choice": {"view 1": RANDOM_CHOICE[0], "view 3": RANDOM_CHOICE[1]},
        "cases": [],
    }
    for variant, defaults in VARIANTS.items():
        config = TINY | defaults | overrides
        state = initial_state(config)
        generator = torch.Generator().manual_seed(int(config["seed"]) + 1)
        for index in range(3):
            views = draw_views(config, generator)
            chosen = (
                [[combinations(config)[i]] for i in RANDOM_CHOICE]
                if config["combine"] == "random"
                else None
            )
            after, gradients, seen = step(config, state, views, index, chosen)
            tensors = to_tensors(state, views, after, gradients, seen)
            path = out / f"mncl_{variant}_step{index + 1}.safetensors"
            save_file(tensors, path, metadata={"config": json.dumps(config | {"step": index})})
            path.chmod(0o644)
            print(f"{path}: total {seen['total'].item():.12f}, {path.stat().st_size} bytes")
            if index == 2:
                reached[variant] = reach(config, state, views)
                if variant == "paper":
                    for change in [{}] + SWITCHES:
                        values = fingerprint(config | change, state, views, index)
                        switches["cases"].append({"change": change} | values)
            state = after
    for name, content in (("gradient_reach", reached), ("switches", switches)):
        (out / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


# --- check ----------------------------------------------------------------------------------------

# A difference is ‖dump - recomputed‖ / ‖recomputed‖ of one tensor: the largest entry in double
# precision, Euclidean in single, where one ReLU input within rounding of zero may fall on the other
# side and move a gradient by percents: there the optimiser is checked from the dump's own
# gradients. The divisor is at least a thousandth of the largest of its kind, because gradients that
# vanish by construction hold only rounding. Single precision: measured with PyTorch (width 16,
# batch 64), then rounded up.
TOLERANCE = {
    True: {"loss": 1e-10, "nn": 1e-12, "other": 1e-8},
    False: {"loss": 1e-5, "nn": 1e-5, "grad": 5e-2, "other": 1e-4},
}


def kind_of(name):
    top, rest = name.split("/", 1)
    if top != "after":
        return "queue" if top == "queue" else top
    if rest.startswith("momentum_buffer."):
        return "after momentum_buffer"
    return f"after {rest.split('.')[0]} {'statistics' if is_statistic(rest) else 'weights'}"


def infer_choice(config, before, tensors):
    """What `combine = random` took: the combinations whose embeddings are nearest to the dump's."""
    chosen = []
    for view in (1, 3):
        x, c = tensors[f"view/{view}"], tensors[f"c/{view}"]
        owner = "online" if config["patch-statistics"] == "online" else "stop_gradient"

        def error(members):
            return (
                (network(fresh(before), config, "online", owner).combine(x, [members]) - c)
                .abs()
                .max()
                .item()
            )

        with torch.no_grad():
            chosen.append([min(combinations(config), key=error)])
    return chosen


def check(path):
    """Recompute a step, print the largest difference of each kind; are all within tolerance?"""
    config, tensors, double = read(path)
    before = {n.removeprefix("before/"): t for n, t in tensors.items() if n.startswith("before/")}
    before["queue"] = tensors["queue/before"]
    if not any(n.startswith("momentum_buffer.") for n in before):
        if config["step"] != 0:
            raise SystemExit(
                f"{path}: before/momentum_buffer.* is missing and step is not 0; dump it too"
            )
        before |= {
            f"momentum_buffer.{n}": torch.zeros_like(t)
            for n, t in parameters(before, "online.").items()
        }
    views = [tensors[f"view/{i}"] for i in (1, 2, 3)]
    nn = [tensors[f"nn/{i}"].reshape(-1) for i in (1, 2)]
    chosen = infer_choice(config, before, tensors) if config["combine"] == "random" else None
    given = None if double else {n: tensors[f"grad/{n}"] for n in parameters(before, "online.")}
    after, gradients, seen = step(config, before, views, config["step"], chosen, nn, given)
    expected = to_tensors(before, views, after, gradients, seen)

    optional = {n for n in expected if "/momentum_buffer." in n}
    missing = sorted(set(expected) - set(tensors) - optional)
    unknown = sorted(set(tensors) - set(expected))
    worst, floor = {}, {}
    compared = [
        n
        for n in expected
        if n in tensors and not n.startswith(("view/", "before/", "queue/before", "nn/"))
    ]
    size = (lambda t: t.abs().max().item()) if double else (lambda t: t.norm().item())
    for name in compared:
        floor[kind_of(name)] = max(floor.get(kind_of(name), 0.0), 1e-3 * size(expected[name]))
    for name in compared:
        want, got = expected[name], tensors[name]
        if want.shape != got.shape:
            raise SystemExit(
                f"{path}: {name} has shape {tuple(got.shape)}, expected {tuple(want.shape)}"
            )
        difference = size(want - got) / max(size(want), floor[kind_of(name)], sys.float_info.min)
        difference = math.inf if math.isnan(difference) else difference
        worst[kind_of(name)] = max(worst.get(kind_of(name), (-1.0, "")), (difference, name))
    for i in range(2):  # how much nearer than the dump's neighbour the nearest row is, as a cosine
        taken = seen["similarity"][i].gather(1, nn[i][:, None])[:, 0]
        gap = (seen["similarity"][i].max(1).values - taken).max().item()
        worst["nn"] = max(worst.get("nn", (-1.0, "")), (gap, f"nn/{i + 1}"))

    print(
        f"{path}: {config['variant']}, step {config['step']}, "
        f"{'double' if double else 'single'} precision"
    )
    good = not missing and not unknown
    for label, names in (("missing", missing), ("unknown", unknown)):
        for name in names:
            print(f"  {label} tensor {name}")
    for kind, (difference, name) in sorted(worst.items()):
        limit = TOLERANCE[double].get(kind, TOLERANCE[double]["other"])
        verdict = "ok" if difference <= limit else "WRONG"
        good = good and difference <= limit
        print(f"  {kind:28s} {difference:9.2e}  limit {limit:.0e}  {verdict:5s}  worst: {name}")
    return good


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("generate", help="write the golden steps")
    make.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "data")
    make.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one configuration key",
    )
    look = commands.add_parser("check", help="recompute dumped steps")
    look.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "generate":
        overrides = {}
        for item in options.set:
            key, _, value = item.partition("=")
            overrides[key] = type((TINY | PAPER)[key])(value)
        generate(options.out, overrides)
    elif not all([check(path) for path in options.files]):
        sys.exit(1)


if __name__ == "__main__":
    main()
