#!/usr/bin/env python3
"""The methods beside MNCL in plain PyTorch, double precision: golden steps, checker of dumps.

Written from the papers' descriptions alone, so that it shares no error with the C++ library.

  methods.py generate [--out DIR] [--set key=value ...]
      one golden step of each method, methods_gradient_reach.json, methods_variants.json; first it
      tests its own losses against loops over numbers, and its gradients against differences
  methods.py check FILE...
      recompute steps written by `triptych train --dump-step`

A step holds view/, before/, grad/, after/, loss/ and what there is of queue/, z/ (raw projections:
the targets, or both sides of simclr), p/ (raw predictions), q/ (raw online projections of moco),
nn/, shuffle/. loss/1 trains view 1 against the target of view 2, loss/2 view 2 against that of
view 1. See steps.py for the format, the shapes and all that mncl.py does alike.
"""

import itertools
import math

import torch
import torch.nn.functional as F

import steps
from steps import combinations, enabled, info_nce, negative_cosine, network, nt_xent

METHODS = ("simclr", "simsiam", "byol", "moco", "nnclr", "fast_moco", "barlow_twins")
HAS_PREDICTOR = ("simsiam", "byol", "nnclr", "fast_moco")
HAS_MOMENTUM = ("byol", "moco", "fast_moco")
HAS_QUEUE = ("moco", "nnclr")

DEFAULTS = {
    "symmetric": "on",  # moco: on | off, view 1 against the key of view 2 only
    "bn-splits": 1,  # moco: parts of a batch that BatchNorm sees apart
    "head-norm": "all",  # of the projector: all | hidden | none | plain (the last without affine)
    "optimizer": "sgd",
    "clip-norm": 0.0,
    "predictor-lr": "cosine",
    "zero-init-residual": "off",
    "block": "basic",
    "momentum-init": "copy",
    "ema-timing": "after",
    "combine-k": 2,  # fast_moco
    "grid": 2,  # fast_moco
    "redundancy-weight": 0.0051,  # barlow_twins
    "beta1": 0.9,  # adamw
    "beta2": 0.999,
    "epsilon": 1e-8,
}

# The queue wraps in the third step, whether 6 or 12 rows are written a step; a part of the batch
# keeps 3 rows, the least that BatchNorm does not turn into signs. With this seed no input of a ReLU
# lies within 5e-5 of zero, and rounding the state in its last digit moves nothing by 1e-12.
TINY = {
    "image-size": 8, "batch": 6, "width": 2, "blocks": "1,1,1,1", "stem": "cifar",
    "head": "8,7,6", "predictor-hidden": 5, "queue": 17, "temperature": 0.5, "lr": 0.03,
    "weight-decay": 1e-4, "momentum": 0.9, "momentum-m": 0.9, "steps": 10, "seed": 9,
    "dtype": "f64",
}  # fmt: skip
STEP = 2  # the one that is kept, counted from 0

VARIANTS = {
    "simsiam": [{"head-norm": "plain"}],
    "byol": [{"head-norm": "hidden"}],
    "moco": [{"symmetric": "off"}, {"bn-splits": 2}, {"head-norm": "none"}],
    "barlow_twins": [{"head-norm": "hidden"}, {"redundancy-weight": 0.2}],
}

# Files of a step beside those of METHODS: a name, the method, and what is changed.
OTHERS = {
    "simsiam_adamw": ("simsiam", {"optimizer": "adamw", "lr": 0.003, "weight-decay": 0.02}),
    "simclr_bottleneck": ("simclr", {"block": "bottleneck", "blocks": "1,2,1,1"}),
}


# --- one step -------------------------------------------------------------------------------------


def initial_state(config):
    has = (config["method"] in names for names in (HAS_PREDICTOR, HAS_MOMENTUM, HAS_QUEUE))
    return steps.initial_state(config, *has)


def asymmetric(config):
    return config["method"] == "moco" and not enabled(config["symmetric"])


def shuffled(encode, x, order):
    """Row i of the input is image order[i]; the outputs are put back."""
    return encode(x[order])[order.argsort()]


def embed(config, state, views, shuffle):
    """z/, p/, q/ of all views, in the order in which running statistics move.

    shuffle: from the number of a view to the order of its images before the momentum network.
    """
    method = config["method"]
    online = network(state, config, "online", "online")
    trained = views[:1] if asymmetric(config) else views
    if method == "fast_moco":
        projected = [online.combine(x, combinations(config)) for x in trained]
    else:
        projected = [online.project(online.encode(x)) for x in trained]
    seen = {}
    if method in HAS_PREDICTOR:
        seen |= {f"p/{i + 1}": online.predict(x) for i, x in enumerate(projected)}
    if method == "moco":
        seen |= {f"q/{i + 1}": x for i, x in enumerate(projected)}
    if method in HAS_MOMENTUM:
        momentum = network(state, config, "momentum", "momentum")
        encode = lambda x: momentum.project(momentum.encode(x))
        with torch.no_grad():
            for i in (2,) if asymmetric(config) else (1, 2):
                order = shuffle.get(i, torch.arange(len(views[0])))
                seen[f"z/{i}"] = shuffled(encode, views[i - 1], order)
    else:
        seen |= {f"z/{i + 1}": x for i, x in enumerate(projected)}
    return seen


def key_against_queue(q, k, queue, temperature):
    """Cross-entropy of [q.k, q.queue] / temperature, label 0: q (N, P), k (N, P) constant."""
    q, k = F.normalize(q), F.normalize(k.detach())
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


def cross_correlation(z1, z2):
    """(P, P), between the columns of two views, each column normalized within its batch."""
    y1, y2 = ((z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt() for z in (z1, z2))
    return y1.T @ y2 / len(z1)


def barlow_twins(config, z1, z2):
    c = cross_correlation(z1, z2)
    diagonal = torch.eye(len(c), dtype=torch.bool)
    invariance = (1 - c[diagonal]).square().sum()
    redundancy = c[~diagonal].square().sum()
    return {
        "loss/invariance": invariance,
        "loss/redundancy": redundancy,
        "loss/total": invariance + config["redundancy-weight"] * redundancy,
    }


def losses(config, seen, queue, nn):
    """The terms of the loss, by direction where the method has directions, and loss/total."""
    method, tau = config["method"], config["temperature"]
    if method == "simclr":
        return {"loss/total": nt_xent(seen["z/1"], seen["z/2"], tau)}
    if method == "barlow_twins":
        return barlow_twins(config, seen["z/1"], seen["z/2"])

    def direction(view, target):
        if method == "simsiam":
            return negative_cosine(seen[f"z/{target}"], seen[f"p/{view}"])
        if method == "byol":
            return 2 + 2 * negative_cosine(seen[f"z/{target}"], seen[f"p/{view}"])
        if method == "moco":
            return key_against_queue(seen[f"q/{view}"], seen[f"z/{target}"], queue, tau)
        if method == "nnclr":
            return info_nce(queue[nn[f"nn/{target}"]], seen[f"p/{view}"], tau)
        return info_nce(seen[f"z/{target}"], seen[f"p/{view}"], tau, "prediction")

    if asymmetric(config):
        loss = direction(1, 2)
        return {"loss/1": loss, "loss/total": loss}
    first, second = direction(1, 2), direction(2, 1)
    total = first + second if method == "byol" else (first + second) / 2
    return {"loss/1": first, "loss/2": second, "loss/total": total}


def forward(config, state, views, nn=None, shuffle={}):
    """nn: neighbors to use instead of the nearest; shuffle: see `embed`."""
    method, queue = config["method"], state.get("queue")
    seen = embed(config, state, views, shuffle)
    seen |= {f"shuffle/{i}": order for i, order in shuffle.items()}
    if method == "nnclr":
        with torch.no_grad():
            similarity = {f"nn/{i}": F.normalize(seen[f"z/{i}"]) @ queue.T for i in (1, 2)}
        seen |= {n: t.argmax(1) for n, t in similarity.items()} | {"similarity": similarity}
        seen["rows"] = seen["z/1"].detach()
    if method == "moco":
        seen["rows"] = torch.cat([seen[n] for n in ("z/1", "z/2") if n in seen])
    return seen | losses(config, seen, queue, nn or seen)


# --- tests of this file ---------------------------------------------------------------------------


def close(a, b, limit=1e-12):
    assert abs(a - b) <= limit * max(1.0, abs(b)), f"{a} is not {b}"


def test_losses():
    """Every contrastive loss against loops over numbers."""
    generator = torch.Generator().manual_seed(11)
    draw = lambda rows: torch.randn(rows, 4, generator=generator, dtype=torch.float64)
    n, tau = 5, 0.3

    def dot(a, b):
        a, b = a.tolist(), b.tolist()
        length = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
        return sum(x * y for x, y in zip(a, b)) / length

    def entropy(positive, others):
        """Cross-entropy of one anchor from its cosines."""
        return math.log(sum(math.exp(c / tau) for c in [positive] + others)) - positive / tau

    z1, z2, queue, p = draw(n), draw(n), F.normalize(draw(7)), draw(3 * n)
    rows, total = [*z1, *z2], 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        total += entropy(
            dot(rows[i], rows[j]), [dot(rows[i], rows[k]) for k in range(2 * n) if k not in (i, j)]
        )
    seen = {"z/1": z1, "z/2": z2}
    config = {"method": "simclr", "temperature": tau, "symmetric": "on"}
    close(losses(config, seen, None, None)["loss/total"].item(), total / (2 * n))

    config["method"], seen = "moco", {"q/1": z1, "q/2": draw(n), "z/1": draw(n), "z/2": z2}
    found = losses(config, seen, queue, None)
    for view, target in ((1, 2), (2, 1)):
        q, k = seen[f"q/{view}"], seen[f"z/{target}"]
        each = [entropy(dot(q[i], k[i]), [dot(q[i], r) for r in queue]) for i in range(n)]
        close(found[f"loss/{view}"].item(), sum(each) / n)
    close(found["loss/total"].item(), (found["loss/1"] + found["loss/2"]).item() / 2)
    alone = losses(config | {"symmetric": "off"}, seen, queue, None)
    assert alone == {"loss/1": found["loss/1"], "loss/total": found["loss/1"]}

    config["method"], seen = "fast_moco", {"p/1": p, "p/2": draw(3 * n), "z/1": draw(n), "z/2": z2}
    found = losses(config, seen, None, None)
    each = [
        entropy(dot(p[g * n + i], z2[i]), [dot(p[g * n + i], z2[j]) for j in range(n) if j != i])
        for g, i in itertools.product(range(3), range(n))
    ]
    close(found["loss/1"].item(), sum(each) / len(each))

    config["method"], seen = "nnclr", {"p/1": z1, "p/2": z2}
    nn = {"nn/1": torch.tensor([6, 0, 3, 3, 1]), "nn/2": torch.tensor([2, 4, 0, 5, 1])}
    found = losses(config, seen, queue, nn)
    for view, target in ((1, 2), (2, 1)):
        k, other = queue[nn[f"nn/{target}"]], seen[f"p/{view}"]
        each = [
            entropy(dot(k[i], other[i]), [dot(k[i], other[j]) for j in range(n) if j != i])
            for i in range(n)
        ]
        close(found[f"loss/{view}"].item(), sum(each) / n)

    def normalized(column):
        mean = sum(column) / n
        deviation = math.sqrt(sum((x - mean) ** 2 for x in column) / n + 1e-5)
        return [(x - mean) / deviation for x in column]

    columns = [[normalized(column) for column in z.T.tolist()] for z in (z1, z2)]
    found = losses(config | {"method": "barlow_twins", "redundancy-weight": 0.3}, {"z/1": z1, "z/2": z2}, None, None)
    on = off = 0.0
    for i, j in itertools.product(range(4), repeat=2):
        c = sum(a * b for a, b in zip(columns[0][i], columns[1][j])) / n
        on, off = (on + (1 - c) ** 2, off) if i == j else (on, off + c * c)
    close(found["loss/invariance"].item(), on)
    close(found["loss/redundancy"].item(), off)
    close(found["loss/total"].item(), on + 0.3 * off)

    seen = {"p/1": z1, "p/2": z2, "z/1": p[:n], "z/2": p[n : 2 * n]}
    cosines = [sum(dot(a, b) for a, b in zip(*pair)) / n for pair in ((z1, seen["z/2"]), (z2, p))]
    mean = losses(config | {"method": "simsiam"}, seen, None, None)["loss/total"].item()
    close(mean, -(cosines[0] + cosines[1]) / 2)
    both = losses(config | {"method": "byol"}, seen, None, None)["loss/total"].item()
    close(both, 4 - 2 * cosines[0] - 2 * cosines[1])


def test_splits(config, state, views):
    """Parts are batches of their own, together move statistics by 0.1, and shuffling mixes them."""
    x = views[0]
    twice = torch.cat([x, x])

    def run(splits, images):
        kept = {n: t.clone() for n, t in state.items()}
        with torch.no_grad():
            y = network(kept, config | {"bn-splits": splits}, "online", "online").encode(images)
        return y, torch.cat([t for n, t in kept.items() if steps.is_statistic(n)])

    (once, moved_once), (parts, moved_twice) = run(1, x), run(2, twice)
    close((parts - torch.cat([once, once])).abs().max().item(), 0.0)
    close((moved_once - moved_twice).abs().max().item(), 0.0)

    order = torch.arange(len(x)).roll(1)
    for splits, same in ((1, True), (2, False)):
        changed = config | {"bn-splits": splits}
        z = [
            embed(changed, {n: t.clone() for n, t in state.items()}, views, shuffle)["z/2"]
            for shuffle in ({}, {2: order})
        ]
        assert (z[0] - z[1]).abs().max().item() < 1e-10 if same else not torch.allclose(*z)


def test_gradient(config, before, views):
    """The gradient along a random direction against a difference, targets held where they are."""

    def run(state, frozen):
        seen = embed(config, state, views, {})
        alive = config["method"] in ("simclr", "barlow_twins")  # views are no targets
        fixed = {n: t for n, t in frozen.items() if n[0] == "z" and not alive}
        return losses(config, seen | fixed, state.get("queue"), frozen)["loss/total"]

    copy = lambda: {n: t.clone() for n, t in before.items()}
    with torch.no_grad():
        base = forward(config, copy(), views)
    state = steps.fresh(before)
    leaves = steps.parameters(state, "online.")
    found = torch.autograd.grad(
        forward(config, state, views)["loss/total"], list(leaves.values()), allow_unused=True
    )
    generator = torch.Generator().manual_seed(13)
    along, slope, values = {}, 0.0, []
    for (name, leaf), gradient in zip(leaves.items(), found):
        along[name] = torch.randn(leaf.shape, generator=generator, dtype=torch.float64)
        slope += 0.0 if gradient is None else (gradient * along[name]).sum().item()
    for h in (1e-7, -1e-7):  # with three rows in a batch the third derivative is near 1e8
        with torch.no_grad():
            moved = copy() | {n: before[n] + h * d for n, d in along.items()}
            values.append(run(moved, base).item())
    close((values[0] - values[1]) / 2e-7, slope, 1e-6)


# --- generate -------------------------------------------------------------------------------------


def fingerprint(config, before, views):
    """A few numbers that move when any part of a step does."""
    run = lambda state: forward(config, state, views)
    after, gradients, seen = steps.step(config, before, run, STEP)
    moved = lambda prefix, statistics: steps.distance(before, after, prefix, statistics)
    numbers = {n.replace("/", "_"): t.item() for n, t in seen.items() if n.startswith("loss/")}
    numbers["gradient_norm"] = steps.norm(gradients.values())
    for part in ("encoder", "projector", "predictor"):
        numbers[f"moved_online_{part}"] = moved(f"online.{part}.", False)
    return numbers | {
        "moved_online_statistics": moved("online.", True),
        "moved_momentum": moved("momentum.", False),
        "moved_momentum_statistics": moved("momentum.", True),
        "queue_sum": after["queue"].sum().item() if "queue" in after else 0.0,
    }


def generate(out, overrides):
    test_losses()
    reached = {"note": "state: before/ and view/ of methods_<method>.safetensors"}
    variants = {
        "note": "methods_<method> with the keys in `change` changed, and without the tensors that "
        "a smaller head lacks; moved_*: L2 from before to after; 0 for what a method lacks",
        "cases": [],
    }
    files = {method: (method, {}) for method in METHODS} | OTHERS
    for file, (method, changes) in files.items():
        config = TINY | DEFAULTS | overrides | {"method": method} | changes
        state = initial_state(config)
        generator = torch.Generator().manual_seed(int(config["seed"]) + 1)
        for index in range(STEP + 1):
            views = steps.draw_views(config, generator, 2)
            before, run = state, lambda state: forward(config, state, views)
            state, gradients, seen = steps.step(config, before, run, index)
        tensors = steps.to_tensors(before, views, state, gradients, seen)
        steps.write(out / f"methods_{file}.safetensors", tensors, config | {"step": STEP})
        if file in OTHERS:
            continue

        trained = "p/" if method in HAS_PREDICTOR else "q/" if method == "moco" else "z/"
        embeddings = [n for n in seen if n.startswith(trained)]
        terms = [n for n in seen if n.startswith("loss/") and n != "loss/total"] or ["loss/total"]
        reached[method] = steps.reach(before, run, terms, embeddings)
        if method == "moco":
            test_splits(config, before, views)
        for change in [{}] + VARIANTS.get(method, []):
            changed = config | change
            smaller = {n: before[n] for n in initial_state(changed)}
            test_gradient(changed, smaller, views)
            case = {"method": method, "change": change} | fingerprint(changed, smaller, views)
            variants["cases"].append(case)
    steps.write_json(out / "methods_gradient_reach.json", reached)
    steps.write_json(out / "methods_variants.json", variants)


# --- check ----------------------------------------------------------------------------------------


def forward_of(config, before, tensors):
    if config.get("method") not in METHODS:
        raise SystemExit(f"method = {config.get('method')} is none of {', '.join(METHODS)}")
    views = [tensors[f"view/{i}"] for i in (1, 2)]
    nn = {n: t.reshape(-1) for n, t in tensors.items() if n.startswith("nn/")}
    shuffle = {
        i: tensors[f"shuffle/{i}"].reshape(-1) for i in (1, 2) if f"shuffle/{i}" in tensors
    }
    return views, lambda state: forward(config, state, views, nn, shuffle)


def check(path):
    return steps.check(path, lambda config: DEFAULTS, "method", forward_of)


if __name__ == "__main__":
    steps.main(__doc__, TINY | DEFAULTS, generate, check)
