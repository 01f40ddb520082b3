"""What the PyTorch peer computes: one step of the whole method, or of encoder training.

torch_step.py runs it on the CPU, gpu/torch_step.py on a GPU; compare_torch.py times both.

`mncl` is the `paper` variant in full: three views through the online network (each its own
BatchNorm batch), two through the momentum network, the patches of two through the stop-gradient
one, look-up in the queue and enqueueing, both losses with all six local embeddings, SGD with
momentum and weight decay, EMA. `train` is the encoder with a linear head and cross-entropy.
Images are fixed random numbers: no loading, no augmentation. No gradient is taken where none is
needed, the SGD is fused, and no step waits for the device.

Served protocol: every line "step" on stdin runs --burst steps and answers with the seconds of one,
one number on a line; end of input ends the program.
"""

import copy
import dataclasses
import itertools
import os
import statistics
import sys
import time

# OpenMP waits by spinning, without end in sight when other programs hold the cores: on a busy
# machine a step took 20 times as long. So spin briefly, then sleep. Must be set before torch comes.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# What is computed; compare_torch.py gives the same to our program.
WORK = {
    "what": ("mncl", "mncl or train"),
    "batch": (64, "images in a step"),
    "width": (64, "channels of the first stage"),
    "blocks": ("2,2,2,2", "residual blocks of each stage"),
    "image-size": (32, "pixels on a side"),
    "head": ("2048,2048,2048", "layers of the projector"),
    "predictor-hidden": (512, "hidden size of the predictor"),
    "queue": (16384, "projections in the queue"),
}


def add_options(parser):
    """What is computed, and how it is timed."""
    for name, (default, text) in WORK.items():
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=f"{text}, default {default}"
        )
    parser.add_argument("--steps", type=int, default=7, help="timed bursts")
    parser.add_argument("--burst", type=int, default=1, help="steps that are timed together")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them")
    parser.add_argument("--serve", action="store_true", help="a burst per line on stdin")
    parser.add_argument("--info", action="store_true", help="print versions as JSON and exit")


@dataclasses.dataclass
class manner:
    """How it is computed: none of this changes the work."""

    device: str = "cpu"
    nhwc: bool = True  # channels_last
    bf16: bool = False  # automatic mixed precision
    grouped: bool = False  # all views of a network in one pass, BatchNorm still by view
    compile: bool = False


def prepare(options, how):
    """The step, a function without arguments."""
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    layout = torch.channels_last if how.nhwc else torch.contiguous_format
    size, batch = options.image_size, options.batch
    compiled = (lambda f: torch.compile(f, dynamic=False)) if how.compile else (lambda f: f)

    class per_view(nn.Module):
        """BatchNorm of a batch that holds `groups` views, each with its own statistics."""

        def __init__(self, norm):
            super().__init__()
            self.norm, self.groups = norm, 1

        def forward(self, x):
            if self.groups == 1:
                return self.norm(x)
            return torch.cat([self.norm(view) for view in x.chunk(self.groups)])

    class block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = per_view(nn.BatchNorm2d(outputs))
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = per_view(nn.BatchNorm2d(outputs))
            self.shortcut = nn.Identity()
            if inputs != outputs:
                conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                self.shortcut = nn.Sequential(conv, per_view(nn.BatchNorm2d(outputs)))

        def forward(self, x):
            y = F.relu(self.bn1(self.conv1(x)), inplace=True)
            return F.relu(self.bn2(self.conv2(y)).add_(self.shortcut(x)), inplace=True)

    def encoder():
        width, inputs = options.width, options.width
        stem = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        layers = [stem, per_view(nn.BatchNorm2d(width)), nn.ReLU(True)]
        for stage, count in enumerate(int(n) for n in options.blocks.split(",")):
            for i in range(count):
                layers.append(block(inputs, width << stage, 2 if stage > 0 and i == 0 else 1))
                inputs = width << stage
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers), inputs

    def projector(inputs, sizes):
        layers = []
        for outputs in sizes:
            norm = per_view(nn.BatchNorm1d(outputs))
            layers += [nn.Linear(inputs, outputs), norm, nn.ReLU(True)]
            inputs = outputs
        return nn.Sequential(*layers[:-1])

    def predictor(features, hidden):
        first, last = nn.Linear(features, hidden), nn.Linear(hidden, features)
        return nn.Sequential(first, per_view(nn.BatchNorm1d(hidden)), nn.ReLU(True), last)

    def placed(module):
        return module.to(how.device, memory_format=layout)

    def sgd(*modules):
        weights = [w for module in modules for w in module.parameters()]
        values = {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4}
        try:
            return torch.optim.SGD(weights, **values, fused=True)
        except TypeError:  # before 2.3
            return torch.optim.SGD(weights, **values, foreach=True)

    def move(targets, sources, share):
        if hasattr(torch, "_foreach_lerp_"):
            torch._foreach_lerp_(targets, sources, share)
        else:  # before 2.1
            torch._foreach_mul_(targets, 1 - share)
            torch._foreach_add_(targets, sources, alpha=share)

    def images():
        x = torch.randn(batch, 3, size, size)
        return x.to(how.device).contiguous(memory_format=layout)

    def mixed():
        return torch.autocast(how.device, dtype=torch.bfloat16, enabled=how.bf16)

    def for_views(network, count):
        """The network over `count` views: a list of them in, a list of results out."""
        if not how.grouped:
            return lambda views: [network(x) for x in views]
        for module in network.modules():
            if isinstance(module, per_view):
                module.groups = count
        return lambda views: network(torch.cat(views)).chunk(count)

    def train():
        encode, features = encoder()
        model = placed(nn.Sequential(encode, nn.Linear(features, 10)))
        optimizer = sgd(model)
        x, labels = images(), torch.randint(10, (batch,)).to(how.device)
        loss_of = compiled(lambda x: F.cross_entropy(model(x), labels))

        def step():
            optimizer.zero_grad()
            with mixed():
                loss = loss_of(x)
            loss.backward()
            optimizer.step()

        return step

    def mncl():
        temperature, weight, momentum_m = 1.0, 6.0, 0.99
        head = [int(n) for n in options.head.split(",")]
        encode, features = encoder()
        online = placed(nn.Sequential(encode, projector(features, head)))
        predict = placed(predictor(head[-1], options.predictor_hidden))
        momentum = copy.deepcopy(online).requires_grad_(False)
        # The stop-gradient network: the online weights themselves, running statistics of its own.
        local = copy.deepcopy(online).requires_grad_(False)
        for mine, theirs in zip(local.parameters(), online.parameters()):
            mine.data = theirs.data
        optimizer = sgd(online, predict)
        targets, sources = list(momentum.parameters()), list(online.parameters())
        queue = F.normalize(torch.randn(options.queue, head[-1])).to(how.device)
        rows = torch.arange(batch, device=how.device)  # where the next projections go
        views = [images() for _ in range(3)]
        pairs = list(itertools.combinations(range(4), 2))

        def patches(x):
            h = size // 2
            parts = [x[:, :, r : r + h, c : c + h] for r in (0, h) for c in (0, h)]
            return torch.cat(parts).contiguous(memory_format=layout)

        def means_of_pairs(encoded):
            encoded = encoded.view(4, batch, features)
            return torch.cat([(encoded[i] + encoded[j]) / 2 for i, j in pairs])

        def info_nce(k, p):
            """k (s*N, P) constant, p (N, P): mean over s*N rows, the diagonal of each group
            the label."""
            logits = F.normalize(k) @ F.normalize(p).T / temperature
            labels = torch.arange(batch, device=how.device).repeat(len(k) // batch)
            return F.cross_entropy(logits, labels)

        online_views = for_views(nn.Sequential(online, predict), 3)
        momentum_views = for_views(momentum, 2)
        local_encoder, local_projector = for_views(local[0], 2), for_views(local[1], 2)

        @compiled
        def targets_of(first, second):
            z = [F.normalize(z) for z in momentum_views([first, second])]
            return z[0], [queue[(t @ queue.T).argmax(1)] for t in z]

        @compiled
        def local_embeddings(first, third):
            encoded = local_encoder([patches(first), patches(third)])
            return local_projector([means_of_pairs(e) for e in encoded])

        predictions = compiled(lambda *x: online_views(list(x)))

        @compiled
        def loss_of(neighbor, c, p):
            loss_m = info_nce(neighbor[0], p[1]) + info_nce(neighbor[1], p[0])
            loss_s = info_nce(c[0], p[2]) + info_nce(c[1], p[0])
            return 0.5 * loss_s + 0.5 * weight * loss_m

        def step():
            optimizer.zero_grad()
            with mixed():
                with torch.no_grad():
                    c = local_embeddings(views[0], views[2])
                    z, neighbor = targets_of(views[0], views[1])
                loss = loss_of(neighbor, c, predictions(*views))
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                move(targets, sources, 1 - momentum_m)
                queue[rows] = z.float()
                rows.add_(batch).remainder_(options.queue)
            return loss.detach()

        return step

    torch.manual_seed(0)
    return mncl() if options.what == "mncl" else train()


def measure(step, options, wait=lambda: None):
    """Serves, or returns the seconds of a step, one number for each burst. `wait` returns when the
    device has done all that it was given."""

    def burst():
        wait()
        start = time.perf_counter()
        for _ in range(options.burst):
            step()
        wait()
        return (time.perf_counter() - start) / options.burst

    if options.serve:
        for line in sys.stdin:
            if line.strip() == "step":
                print(f"{burst():.6f}", flush=True)
        return []
    for _ in range(options.warmup):
        step()
    return [burst() for _ in range(options.steps)]


def summary(seconds, options):
    median = statistics.median(seconds)
    return (
        f"{options.what}, width {options.width}, batch {options.batch}\n"
        f"{median:.4f} s a step (min {min(seconds):.4f}, max {max(seconds):.4f}, "
        f"{len(seconds)} times {options.burst}), {options.batch / median:.1f} images/s"
    )
