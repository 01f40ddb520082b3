"""What the golden steps of all methods share: networks, losses, optimizer, files, the comparison.

Plain PyTorch, double precision, written from the methods' descriptions alone, so that it shares no
error with the C++ library. `mncl.py` and `methods.py` are the programs; each brings the forward
passes and the losses of its methods.

A step is one safetensors file in PyTorch's layouts, the configuration as JSON under the metadata
key `config`, its keys named as the options of `triptych train`.

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


def sizes(text):
    """'2,2,2,2' or [2, 2, 2, 2] -> [2, 2, 2, 2]"""
    return [int(n) for n in (text.split(",") if isinstance(text, str) else text)]


def enabled(value):
    return value in (True, 1, "on", "true", "1")


# --- networks -------------------------------------------------------------------------------------
# The state of training is one dictionary from name to tensor: `online.…`, `momentum.…`,
# `stop_gradient.…` (running statistics only), the optimizer's (`momentum_buffer.online.…`, or of
# AdamW `exp_avg.online.…` and `exp_avg_sq.online.…`) and `queue`.

BUFFERS = {"sgd": ("momentum_buffer",), "adamw": ("exp_avg", "exp_avg_sq")}


def buffers(config):
    return BUFFERS[config.get("optimizer", "sgd")]


def is_statistic(name):
    return name.endswith((".running_mean", ".running_var"))


def parameters(state, prefix):
    return {n: t for n, t in state.items() if n.startswith(prefix) and not is_statistic(n)}


PROTOTYPES = "online.predictor.0.weight"


def has_prototypes(state):
    """Is the predictor the one of swav, a single linear layer without bias?"""
    return PROTOTYPES in state and "online.predictor.0.bias" not in state


def head_norm(config, last):
    """(has this layer of the projector a BatchNorm, has that a scale and a shift)"""
    kind = config.get("head-norm", "all")
    assert kind in ("all", "hidden", "none", "plain"), f"head-norm = {kind} is not known"
    return kind in ("all", "plain") or (kind == "hidden" and not last), kind != "plain" or not last


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

    def batch_norm(self, x, name, affine=True):
        """Always batch statistics; running ones are moved by 0.1, the variance unbiased.

        With `bn-splits` s > 1 each of s consecutive parts of the rows is a batch of its own, and
        moves the running statistics by as much as takes all s of them together 0.1 of the way.
        """
        mean, var = (self.state[f"{self.statistics}.{name}.running_{s}"] for s in ("mean", "var"))
        scale, shift = (self.weight(f"{name}.{t}") if affine else None for t in ("weight", "bias"))
        splits = int(self.config.get("bn-splits", 1))
        assert len(x) % splits == 0, "the batch must be divisible by bn-splits"
        moved = 0.1 if splits == 1 else 1 - 0.9 ** (1 / splits)
        parts = [
            F.batch_norm(part, mean, var, scale, shift, training=True, momentum=moved, eps=1e-5)
            for part in x.split(len(x) // splits)
        ]
        return torch.cat(parts)

    def block(self, x, name, stride):
        if self.config.get("block", "basic") == "bottleneck":
            y = self.batch_norm(self.conv(x, f"{name}.conv1", 1, 0), f"{name}.bn1").relu()
            y = self.batch_norm(self.conv(y, f"{name}.conv2", stride, 1), f"{name}.bn2").relu()
            y = self.batch_norm(self.conv(y, f"{name}.conv3", 1, 0), f"{name}.bn3")
        else:
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
        """(rows, D) -> (rows, P): Linear, BN, ReLU; ...; Linear, BN; `head-norm` may omit some."""
        prefix = f"{self.weights}.projector."
        places = sorted(  # of the linear layers: a head without BatchNorm may count 0, 2, 4
            int(n.split(".")[-2])
            for n, t in self.state.items()
            if n.startswith(prefix) and n.endswith(".weight") and t.dim() == 2
        )
        for place in places:
            x = self.linear(x, f"projector.{place}")
            has_norm, affine = head_norm(self.config, place == places[-1])
            x = self.batch_norm(x, f"projector.{place + 1}", affine) if has_norm else x
            x = x.relu() if place < places[-1] else x
        return x

    def predict(self, x):
        """(rows, P) -> (rows, P): Linear, BN, ReLU, Linear"""
        return self.linear(
            self.batch_norm(self.linear(x, "predictor.0"), "predictor.1").relu(), "predictor.3"
        )

    def score(self, x):
        """(rows, P) -> (rows, K): cosines with K prototypes, as long as these are of unit length"""
        return F.linear(F.normalize(x), self.weight("predictor.0.weight"))

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


def initialize(config, generator, prefix, predictor):
    """Convolutions Kaiming normal by fan-out, linear uniform ±1/√fan_in, BatchNorm 1 and 0.

    predictor: is there one, or "prototypes" for the one of swav.
    """
    state = {}

    def norm(name, features, scale=1.0, affine=True):
        if affine:
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
        inner = outputs = width << stage
        for i in range(count):
            name = f"encoder.layer{stage + 1}.{i}"
            if config.get("block", "basic") == "bottleneck":
                outputs = 4 * inner
                conv(f"{name}.conv1", inner, inputs, 1)
                norm(f"{name}.bn1", inner)
                conv(f"{name}.conv2", inner, inner, 3)
                norm(f"{name}.bn2", inner)
                conv(f"{name}.conv3", outputs, inner, 1)
                norm(f"{name}.bn3", outputs, last_scale)
            else:
                conv(f"{name}.conv1", outputs, inputs, 3)
                norm(f"{name}.bn1", outputs)
                conv(f"{name}.conv2", outputs, outputs, 3)
                norm(f"{name}.bn2", outputs, last_scale)
            if inputs != outputs:
                conv(f"{name}.downsample.0", outputs, inputs, 1)
                norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    head = sizes(config["head"])
    for i, outputs in enumerate(head):
        linear(f"projector.{3 * i}", outputs, inputs)
        has_norm, affine = head_norm(config, i == len(head) - 1)
        if has_norm:
            norm(f"projector.{3 * i + 1}", outputs, affine=affine)
        inputs = outputs
    if predictor == "prototypes":
        draw = torch.rand(
            (int(config["prototypes"]), inputs), generator=generator, dtype=torch.float64
        )
        state[f"{prefix}.predictor.0.weight"] = F.normalize((2 * draw - 1) / math.sqrt(inputs))
    elif predictor:
        hidden = int(config["predictor-hidden"])
        linear("predictor.0", hidden, inputs)
        norm("predictor.1", hidden)
        linear("predictor.3", inputs, hidden)
    return state


def initial_state(config, predictor, momentum, queue):
    """All that training starts from: which of the three there are is the method's choice."""
    generator = torch.Generator().manual_seed(int(config["seed"]))
    state = initialize(config, generator, "online", predictor)
    if momentum and config["momentum-init"] == "independent":
        state |= initialize(config, generator, "momentum", predictor=False)
    elif momentum:
        state |= {
            n.replace("online.", "momentum.", 1): t.clone()
            for n, t in state.items()
            if ".predictor." not in n
        }
    state |= fresh_optimizer(config, state)
    if queue:
        shape = (int(config["queue"]), sizes(config["head"])[-1])
        state["queue"] = F.normalize(torch.randn(shape, generator=generator, dtype=torch.float64))
    return state


def fresh_optimizer(config, state):
    """The optimizer's buffers before the first step."""
    return {
        f"{buffer}.{n}": torch.zeros_like(t)
        for buffer in buffers(config)
        for n, t in parameters(state, "online.").items()
    }


# --- losses ---------------------------------------------------------------------------------------


def info_nce(k, p, temperature, anchor="target"):
    """L(k, p): k constant targets, p predictions; mean over rows, then groups.

    One of the two is (N, P), the other (N, P) or s groups of that, (s*N, P). The rows of the logits
    (anchors) are the targets or the predictions, the columns the others of the same group.
    """
    k, p = F.normalize(k.detach()), F.normalize(p)
    rows = min(len(k), len(p))
    losses = []
    for targets, predictions in itertools.product(k.split(rows), p.split(rows)):
        logits = targets @ predictions.T / temperature
        logits = logits if anchor == "target" else logits.T
        losses.append(F.cross_entropy(logits, torch.arange(rows)))
    return torch.stack(losses).mean()


def nt_xent(a, b, temperature):
    """2N anchors, the rows of a and of b: one positive, 2N-2 negatives, self masked."""
    n = len(b)
    rows = torch.cat([F.normalize(a), F.normalize(b)])
    logits = (rows @ rows.T / temperature).masked_fill(
        torch.eye(2 * n, dtype=torch.bool), -math.inf
    )
    return F.cross_entropy(logits, torch.arange(2 * n).roll(n))


def negative_cosine(k, p):
    return -(F.normalize(k.detach()) * F.normalize(p)).sum(1).mean()


# --- one step -------------------------------------------------------------------------------------
# The forward pass of a method is a function from a state, whose running statistics it moves, to
# what it has seen: the tensors of the dump under their names, among them `loss/total`, and beside
# them `similarity` (per index tensor, of every row to every queue row) and `rows` (to enqueue).


def rate(config, index):
    """The learning rate of step `index`, counted from 0; no warm-up."""
    if config.get("schedule") == "constant":
        return config["lr"]
    return 0.5 * config["lr"] * (1 + math.cos(math.pi * index / config["steps"]))


def ema(state, m):
    with torch.no_grad():
        for name, tensor in parameters(state, "momentum.").items():
            tensor.mul_(m).add_(state[name.replace("momentum.", "online.", 1)], alpha=1 - m)


def fresh(state):
    """A copy to train on: the online parameters as leaves that ask for gradients."""
    leaves = parameters(state, "online.")
    return {n: t.detach().clone().requires_grad_(n in leaves) for n, t in state.items()}


def optimize(config, state, gradients, index):
    """Clip as torch.nn.utils.clip_grad_norm_ does, then SGD with momentum and weight decay, or AdamW.

    AdamW is written as in its paper (algorithm 2, the schedule within the rate). Prototypes that
    rest count for the norm, but neither they nor their buffers change.
    """
    resting = has_prototypes(state) and index < config["freeze-prototypes"]
    scale = 1.0
    if config["clip-norm"] > 0:
        norm = math.sqrt(sum(g.square().sum().item() for g in gradients.values()))
        scale = min(1.0, config["clip-norm"] / (norm + 1e-6))
    with torch.no_grad():
        for name, gradient in gradients.items():
            if resting and name == PROTOTYPES:
                continue
            constant = ".predictor." in name and config["predictor-lr"] == "constant"
            lr = config["lr"] if constant else rate(config, index)
            weight, g = state[name], gradient * scale
            if buffers(config) == BUFFERS["sgd"]:
                buffer = state[f"momentum_buffer.{name}"]
                buffer.mul_(config["momentum"]).add_(g + config["weight-decay"] * weight)
                weight.sub_(lr * buffer)
                continue
            t, beta1, beta2 = index + 1, float(config["beta1"]), float(config["beta2"])
            m, v = (state[f"{buffer}.{name}"] for buffer in buffers(config))
            m.copy_(beta1 * m + (1 - beta1) * g)
            v.copy_(beta2 * v + (1 - beta2) * g * g)
            m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
            moved = m_hat / (v_hat.sqrt() + float(config["epsilon"]))
            weight.sub_(lr * (moved + config["weight-decay"] * weight))


def normalize_prototypes(state):
    with torch.no_grad():
        state[PROTOTYPES].copy_(F.normalize(state[PROTOTYPES]))


def enqueue(queue, rows, index):
    """Write the normalized rows at the cursor; every step before moved it as far."""
    for i, row in enumerate(F.normalize(rows)):
        queue[(index * len(rows) + i) % len(queue)] = row


def step(config, before, forward, index, given=None):
    """One complete training step: (state after, plain gradients, everything seen on the way).

    given: gradients for the optimizer to use in place of the computed ones.
    """
    state = fresh(before)
    seen = forward(state)
    leaves = parameters(state, "online.")
    raw = torch.autograd.grad(seen["loss/total"], list(leaves.values()), allow_unused=True)
    gradients = {
        n: torch.zeros_like(t) if g is None else g for (n, t), g in zip(leaves.items(), raw)
    }
    optimize(config, state, given or gradients, index)
    if has_prototypes(state):
        normalize_prototypes(state)
    if config["ema-timing"] == "after":
        ema(state, config["momentum-m"])
    if "queue" in state:
        enqueue(state["queue"], seen["rows"], index)
    return {n: t.detach() for n, t in state.items()}, gradients, seen


def reach(before, forward, terms, embeddings):
    """For each loss alone: which online tensors and embeddings get gradient.

    `vanishing`: connected, but a BatchNorm behind it removes whatever it adds (the biases in front
    of one), so that only rounding is left. `unreached`: not connected at all, exactly zero.
    """
    result = {}
    for term in terms:
        state = fresh(before)
        seen = forward(state)
        leaves = parameters(state, "online.")
        targets = list(leaves.values()) + [seen[n] for n in embeddings]
        if seen[term].requires_grad:
            gradients = torch.autograd.grad(seen[term], targets, allow_unused=True)
        else:
            gradients = [None] * len(targets)
        largest = [0.0 if g is None else g.abs().max().item() for g in gradients]
        scale = max(largest)
        by_name = dict(zip(leaves, largest))
        carried = zip(embeddings, largest[len(leaves) :])
        result[term.replace("/", "_")] = {
            "predictions": {n.replace("/", ""): g > 0 for n, g in carried},
            "nonzero": [n for n, g in by_name.items() if g > 1e-10 * scale],
            "vanishing": [n for n, g in by_name.items() if 0 < g <= 1e-10 * scale],
            "unreached": [n for n, g in by_name.items() if g == 0],
        }
    return result


def norm(tensors):
    return math.sqrt(sum(t.square().sum().item() for t in tensors))


def distance(before, after, prefix, statistics):
    """How far the parameters, or the running statistics, under this prefix moved."""
    names = [n for n in before if n.startswith(prefix) and is_statistic(n) == statistics]
    return norm(after[n] - before[n] for n in names)


# --- files ----------------------------------------------------------------------------------------


def prefixed(prefix, tensors):
    return {prefix + n: t for n, t in tensors.items() if n != "queue"}


def to_tensors(before, views, after, gradients, seen):
    """Every tensor of a step under its name in a dump."""
    tensors = {f"view/{i + 1}": x for i, x in enumerate(views)}
    tensors |= (
        prefixed("before/", before) | prefixed("grad/", gradients) | prefixed("after/", after)
    )
    if "queue" in before:
        tensors |= {"queue/before": before["queue"], "queue/after": after["queue"]}
    tensors |= {n: t for n, t in seen.items() if "/" in n}
    return {n: t.detach().clone().contiguous() for n, t in tensors.items()}


def write(path, tensors, config):
    save_file(tensors, path, metadata={"config": json.dumps(config)})
    path.chmod(0o644)
    print(f"{path}: total {tensors['loss/total'].item():.12f}, {path.stat().st_size} bytes")


def write_json(path, content):
    path.write_text(json.dumps(content, indent=1) + "\n")


def read(path, defaults):
    """(configuration, tensors in double or int64, is the file in double?)

    defaults: a function from the configuration of the file to what it leaves unsaid.
    """
    with safe_open(path, "pt") as file:
        config = json.loads((file.metadata() or {})["config"])
        tensors = {n: file.get_tensor(n) for n in file.keys()}
    double = tensors["view/1"].dtype == torch.float64
    tensors = {n: t.double() if t.is_floating_point() else t.long() for n, t in tensors.items()}
    for key in ("step", "steps"):
        if key not in config:
            raise SystemExit(f"{path}: the configuration has no `{key}`; dump the step again")
    if config.get("optimizer", "sgd") not in BUFFERS:
        raise SystemExit(f"{path}: the optimizer {config['optimizer']} is not covered")
    if config.get("warmup-epochs", 0) != 0:
        raise SystemExit(f"{path}: warm-up is not covered; dump with warmup-epochs = 0")
    config = defaults(config) | config
    numbers = (
        "lr",
        "weight-decay",
        "momentum",
        "momentum-m",
        "temperature",
        "redundancy-weight",
        "lambda",
        "lambda-s",
        "clip-norm",
        "sinkhorn-epsilon",
    )
    counts = ("steps", "step", "neighbors", "sinkhorn-iterations", "freeze-prototypes")
    config |= {n: float(config[n]) for n in numbers if n in config} | {
        n: int(config[n]) for n in counts if n in config
    }
    return config, tensors, double


def draw_views(config, generator, count):
    shape = (int(config["batch"]), 3, int(config["image-size"]), int(config["image-size"]))
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(count)]


# --- check ----------------------------------------------------------------------------------------

# A difference is ‖dump - recomputed‖ / ‖recomputed‖ of one tensor: the largest entry in double
# precision, Euclidean in single, where one ReLU input within rounding of zero may fall on the other
# side and move a gradient by percents: there the optimizer is checked from the dump's own
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
    buffer = rest.split(".")[0]
    if any(buffer in names for names in BUFFERS.values()):
        return f"after {buffer}"
    return f"after {rest.split('.')[0]} {'statistics' if is_statistic(rest) else 'weights'}"


def given_state(path, config, tensors):
    """The state before a dumped step; the optimizer's buffers may be left out of the first one."""
    before = {n.removeprefix("before/"): t for n, t in tensors.items() if n.startswith("before/")}
    if "queue/before" in tensors:
        before["queue"] = tensors["queue/before"]
    kept = fresh_optimizer(config, before)
    if not kept.keys() <= before.keys():
        if config["step"] != 0:
            raise SystemExit(f"{path}: the optimizer's state is missing and step is not 0; dump it too")
        before |= kept
    return before


def check(path, defaults, title, forward_of):
    """Recompute a step, print the largest difference of each kind; are all within tolerance?

    title: the key of the configuration that names what was run. forward_of: a function from
    (configuration, state before, tensors of the dump) to the views and the forward pass.
    """
    config, tensors, double = read(path, defaults)
    before = given_state(path, config, tensors)
    views, forward = forward_of(config, before, tensors)
    given = None if double else {n: tensors[f"grad/{n}"] for n in parameters(before, "online.")}
    after, gradients, seen = step(config, before, forward, config["step"], given)
    expected = to_tensors(before, views, after, gradients, seen)

    optional = {n for n in expected if n.split("/")[1].split(".")[0] in buffers(config)}
    missing = sorted(set(expected) - set(tensors) - optional)
    unknown = sorted(set(tensors) - set(expected))
    worst, floor = {}, {}
    inputs = ("view/", "before/", "queue/before", "nn/", "shuffle/")
    compared = [n for n in expected if n in tensors and not n.startswith(inputs)]
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
    # How far the cosine of the dump's j-th neighbor is from that of the j-th nearest row.
    for name, similarity in seen.get("similarity", {}).items():
        if name not in tensors:
            continue
        if tensors[name].numel() != expected[name].numel():
            raise SystemExit(f"{path}: {name} must hold {expected[name].numel()} indices")
        taken = similarity.gather(1, tensors[name].reshape(-1, len(similarity)).T)
        nearest = similarity.sort(dim=1, descending=True).values[:, : taken.shape[1]]
        gap = (nearest - taken).abs().max().item()
        worst["nn"] = max(worst.get("nn", (-1.0, "")), (gap, name))

    print(
        f"{path}: {config[title]}, step {config['step']}, "
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


def main(description, known, generate, check_file):
    """The command line of both programs; `known`: every configuration key with a default."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
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
            overrides[key] = type(known[key])(value)
        options.out.mkdir(parents=True, exist_ok=True)
        generate(options.out, overrides)
    elif not all([check_file(path) for path in options.files]):
        sys.exit(1)
