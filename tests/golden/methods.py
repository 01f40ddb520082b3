#!/usr/bin/env python3
"""The methods beside MNCL in plain PyTorch, double precision: golden steps, checker of dumps.

Written from the papers' descriptions alone, so that it shares no error with the C++ library.

  methods.py generate [--out DIR] [--set key=value ...]
      one golden step of each method, methods_gradient_reach.json, methods_variants.json; first it
      tests its own losses against loops over numbers, and its gradients against differences
  methods.py check FILE...
      recompute steps written by `triptych train --dump-step`

A step holds view/, before/, grad/, after/, loss/ and what there is of queue/, z/ (raw projections:
the targets, or both sides of simclr), p/ (raw predictions, the scores of swav), q/ (raw online
projections of moco), code/ (of swav), nn/, shuffle/. loss/1 trains view 1 against the target of
view 2, loss/2 view 2 against that of view 1. See steps.py for the format, the shapes and all that
mncl.py does alike.
"""

import itertools
import math

import torch
import torch.nn.functional as F

import steps
from steps import combinations, enabled, info_nce, negative_cosine, network, nt_xent

METHODS = ("simclr", "simsiam", "byol", "moco", "nnclr", "fast_moco", "barlow_twins")
METHODS += ("moco_v3", "msf", "swav")
HAS_PREDICTOR = ("simsiam", "byol", "nnclr", "fast_moco", "moco_v3", "msf", "swav")
HAS_MOMENTUM = ("byol", "moco", "fast_moco", "moco_v3", "msf")
HAS_QUEUE = ("moco", "nnclr", "msf", "swav")  # unless `queue` is 0

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
    "neighbors": 5,  # msf: targets of an image, its own projection and 4 of the queue
    "prototypes": 9,  # swav, as the rest
    "sinkhorn-iterations": 3,
    "sinkhorn-epsilon": 0.05,
    "freeze-prototypes": 1,  # steps in which they rest
    "beta1": 0.9,  # adamw
    "beta2": 0.999,
    "epsilon": 1e-8,
}

# The queue wraps in the third step, whether 6 or 12 rows are written a step; a part of the batch
# keeps 3 rows, the least that BatchNorm does not turn into signs. With this seed no input of a ReLU
# lies within 5e-5 of zero, and rounding the state in its last digit moves nothing by 1e-12; of the
# methods in SEEDS that is so with the one named there.
TINY = {
    "image-size": 8, "batch": 6, "width": 2, "blocks": "1,1,1,1", "stem": "cifar",
    "head": "8,7,6", "predictor-hidden": 5, "queue": 17, "temperature": 0.5, "lr": 0.03,
    "weight-decay": 1e-4, "momentum": 0.9, "momentum-m": 0.9, "steps": 10, "seed": 9,
    "dtype": "f64",
}  # fmt: skip
SEEDS = {method: {"seed": 30} for method in ("moco_v3", "msf", "swav")}
STEP = 2  # the one that is kept, counted from 0

VARIANTS = {
    "simsiam": [{"head-norm": "plain"}],
    "byol": [{"head-norm": "hidden"}],
    "moco": [{"symmetric": "off"}, {"bn-splits": 2}, {"head-norm": "none"}],
    "barlow_twins": [{"head-norm": "hidden"}, {"redundancy-weight": 0.2}],
    "moco_v3": [{"head-norm": "hidden"}, {"temperature": 0.2}],
    "msf": [{"neighbors": 1}, {"neighbors": 2}],
    "swav": [{"queue": 0}, {"sinkhorn-iterations": 1}, {"freeze-prototypes": STEP + 1}],
}

# Files of a step beside those of METHODS: a name, the method, and what is changed.
OTHERS = {
    "simsiam_adamw": ("simsiam", {"optimizer": "adamw", "lr": 0.003, "weight-decay": 0.02}),
    "simclr_bottleneck": ("simclr", {"block": "bottleneck", "blocks": "1,2,1,1"}),
}


# --- one step -------------------------------------------------------------------------------------


def initial_state(config):
    method = config["method"]
    predictor = "prototypes" if method == "swav" else method in HAS_PREDICTOR
    queue = method in HAS_QUEUE and int(config["queue"]) > 0
    return steps.initial_state(config, predictor, method in HAS_MOMENTUM, queue)


def asymmetric(config):
    return config["method"] == "moco" and not enabled(config["symmetric"])


def seen_by(config):
    """The views that the online network sees, and those that the momentum network sees."""
    if asymmetric(config):
        return (1,), (2,)
    return ((2,), (1,)) if config["method"] == "msf" else ((1, 2), (1, 2))


def shuffled(encode, x, order):
    """Row i of the input is image order[i]; the outputs are put back."""
    return encode(x[order])[order.argsort()]


def embed(config, state, views, shuffle):
    """z/, p/, q/ of all views, in the order in which running statistics move.

    shuffle: from the number of a view to the order of its images before the momentum network.
    """
    method = config["method"]
    online = network(state, config, "online", "online")
    trained, targets = seen_by(config)
    if method == "fast_moco":
        projected = {i: online.combine(views[i - 1], combinations(config)) for i in trained}
    else:
        projected = {i: online.project(online.encode(views[i - 1])) for i in trained}
    seen = {}
    if method in HAS_PREDICTOR:
        predict = online.score if method == "swav" else online.predict
        seen |= {f"p/{i}": predict(x) for i, x in projected.items()}
    if method == "moco":
        seen |= {f"q/{i}": x for i, x in projected.items()}
    if method in HAS_MOMENTUM:
        momentum = network(state, config, "momentum", "momentum")
        encode = lambda x: momentum.project(momentum.encode(x))
        with torch.no_grad():
            for i in targets:
                order = shuffle.get(i, torch.arange(len(views[0])))
                seen[f"z/{i}"] = shuffled(encode, views[i - 1], order)
    else:
        seen |= {f"z/{i}": x for i, x in projected.items()}
    return seen


def nearest(similarity, count):
    """(count * N): of each of N rows the most similar columns, neighbor-major; ties: the lowest."""
    order = similarity.sort(dim=1, descending=True, stable=True).indices
    return order[:, :count].T.reshape(-1)


def sinkhorn(config, scores):
    """Codes (rows, K) of scores (rows, K), as in SwAV's algorithm 1: Q is (K, rows)."""
    q = (scores / config["sinkhorn-epsilon"]).exp().T
    q = q / q.sum()
    for _ in range(int(config["sinkhorn-iterations"])):
        q = q / q.sum(1, keepdim=True) / q.shape[0]
        q = q / q.sum(0) / q.shape[1]
    return (q / q.sum(0)).T


def codes(config, seen, state):
    """code/ of both views; a queue takes part once every row of it is of an earlier step."""
    queue, n = state.get("queue"), len(seen["z/1"])
    with torch.no_grad():
        earlier = seen["p/1"][:0]
        if queue is not None and config["step"] * 2 * n >= len(queue):
            earlier = queue @ state[steps.PROTOTYPES].T
        return {
            f"code/{i}": sinkhorn(config, torch.cat([earlier, seen[f"p/{i}"]]))[-n:] for i in (1, 2)
        }


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


def mean_shift(p, z, neighbors):
    """Mean squared distance of p (N, P) to the targets of the same image, all of unit length here.

    Targets, constant: z (N, P), and neighbors, any number of groups of N rows.
    """
    targets = torch.cat([z, neighbors]).split(len(z))
    return torch.stack([2 + 2 * negative_cosine(k, p) for k in targets]).mean()


def swapped_prediction(code, scores, temperature):
    return -(code * (scores / temperature).log_softmax(1)).sum(1).mean()


def losses(config, seen, queue, given):
    """The terms of the loss, by direction where the method has directions, and loss/total.

    given: what is constant, chosen from all that was seen: nn/, code/.
    """
    method, tau = config["method"], config["temperature"]
    if method == "simclr":
        return {"loss/total": nt_xent(seen["z/1"], seen["z/2"], tau)}
    if method == "barlow_twins":
        return barlow_twins(config, seen["z/1"], seen["z/2"])
    if method == "msf":
        neighbors = queue[given["nn/1"]] if "nn/1" in given else queue[:0]
        return {"loss/total": mean_shift(seen["p/2"], seen["z/1"], neighbors)}

    def direction(view, target):
        if method == "simsiam":
            return negative_cosine(seen[f"z/{target}"], seen[f"p/{view}"])
        if method == "byol":
            return 2 + 2 * negative_cosine(seen[f"z/{target}"], seen[f"p/{view}"])
        if method == "moco":
            return key_against_queue(seen[f"q/{view}"], seen[f"z/{target}"], queue, tau)
        if method == "nnclr":
            return info_nce(queue[given[f"nn/{target}"]], seen[f"p/{view}"], tau)
        if method == "swav":
            return swapped_prediction(given[f"code/{target}"], seen[f"p/{view}"], tau)
        return info_nce(seen[f"z/{target}"], seen[f"p/{view}"], tau, "prediction")

    if asymmetric(config):
        loss = direction(1, 2)
        return {"loss/1": loss, "loss/total": loss}
    first, second = direction(1, 2), direction(2, 1)
    weight = {"byol": 1, "moco_v3": 2 * tau}.get(method, 1 / 2)
    total = weight * (first + second)
    return {"loss/1": first, "loss/2": second, "loss/total": total}


def forward(config, state, views, nn=None, shuffle={}):
    """nn: neighbors to use instead of the nearest; shuffle: see `embed`."""
    method, queue = config["method"], state.get("queue")
    seen = embed(config, state, views, shuffle)
    seen |= {f"shuffle/{i}": order for i, order in shuffle.items()}
    z = {i: seen[f"z/{i}"].detach() for i in (1, 2) if f"z/{i}" in seen}
    neighbors = {"nnclr": 1, "msf": int(config["neighbors"]) - 1}.get(method, 0)
    if neighbors > 0:
        similarity = {f"nn/{i}": F.normalize(x) @ queue.T for i, x in z.items()}
        seen |= {n: nearest(t, neighbors) for n, t in similarity.items()}
        seen["similarity"] = similarity
    if method == "swav":
        seen |= codes(config, seen, state)
    if queue is not None:
        seen["rows"] = z[1] if method == "nnclr" else torch.cat(list(z.values()))
    return seen | losses(config, seen, queue, seen | (nn or {}))


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

    config["method"], seen = "moco_v3", {"p/1": z1, "p/2": draw(n), "z/1": draw(n), "z/2": z2}
    found = losses(config, seen, None, None)
    for view, target in ((1, 2), (2, 1)):
        q, k = seen[f"p/{view}"], seen[f"z/{target}"]
        each = [
            entropy(dot(q[i], k[i]), [dot(q[i], k[j]) for j in range(n) if j != i])
            for i in range(n)
        ]
        close(found[f"loss/{view}"].item(), sum(each) / n)
    close(found["loss/total"].item(), 2 * tau * (found["loss/1"] + found["loss/2"]).item())

    config["method"], seen = "msf", {"p/2": z2, "z/1": z1}
    for k in (1, 2, 4):
        expected, chosen = 0.0, [[0] * n for _ in range(k - 1)]
        for i in range(n):
            order = sorted(range(len(queue)), key=lambda row: (-dot(z1[i], queue[row]), row))
            targets = [z1[i]]
            for j in range(k - 1):
                chosen[j][i] = order[j]
                targets.append(queue[order[j]])
            expected += sum(2 - 2 * dot(z2[i], t) for t in targets) / k / n
        nn = nearest(F.normalize(z1) @ queue.T, k - 1)
        assert nn.tolist() == [row for j in range(k - 1) for row in chosen[j]]
        found = losses(config, seen, queue, {"nn/1": nn} if k > 1 else {})
        close(found["loss/total"].item(), expected)
    assert nearest(torch.tensor([[1.0, 3.0, 3.0, 2.0]]), 3).tolist() == [1, 2, 3]

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


def test_sinkhorn():
    """Codes and the loss of swav against loops over numbers; what the sums of codes must be."""
    generator = torch.Generator().manual_seed(12)
    draw = lambda rows: torch.randn(rows, 4, generator=generator, dtype=torch.float64)
    n, kinds, tau = 5, 3, 0.3
    config = {"method": "swav", "temperature": tau, "symmetric": "on"}
    config |= {"sinkhorn-epsilon": 0.2, "sinkhorn-iterations": 2, "step": 1}
    queue, prototypes = F.normalize(draw(2 * n)), F.normalize(draw(kinds))
    state = {"queue": queue, steps.PROTOTYPES: prototypes}
    seen = {"z/1": draw(n), "z/2": draw(n)}
    seen |= {f"p/{i}": F.normalize(seen[f"z/{i}"]) @ prototypes.T for i in (1, 2)}

    def looped(scores):
        """[sample][prototype]"""
        count = len(scores)
        q = [[math.exp(scores[b][k] / 0.2) for b in range(count)] for k in range(kinds)]
        everything = sum(sum(row) for row in q)
        q = [[x / everything for x in row] for row in q]
        for _ in range(2):
            for k in range(kinds):
                total = sum(q[k])
                q[k] = [x / total / kinds for x in q[k]]
            for b in range(count):
                total = sum(q[k][b] for k in range(kinds))
                for k in range(kinds):
                    q[k][b] /= total * count
        columns = [[q[k][b] for k in range(kinds)] for b in range(count)]
        return [[x / sum(column) for x in column] for column in columns]

    for step, full in ((0, False), (1, True)):  # it holds the rows of one step
        given = codes(config | {"step": step}, seen, state)
        found = losses(config, seen, queue, given)
        for view, target in ((1, 2), (2, 1)):
            rows = (queue @ prototypes.T).tolist() if full else []
            code = looped(rows + seen[f"p/{target}"].tolist())[-n:]
            expected = 0.0
            for i, k in itertools.product(range(n), range(kinds)):
                close(given[f"code/{target}"][i, k].item(), code[i][k])
                scores = seen[f"p/{view}"][i].tolist()
                log_sum = math.log(sum(math.exp(s / tau) for s in scores))
                expected -= code[i][k] * (scores[k] / tau - log_sum) / n
            close(found[f"loss/{view}"].item(), expected)
        close(found["loss/total"].item(), (found["loss/1"] + found["loss/2"]).item() / 2)

    for iterations in (0, 1, 3, 1000):
        code = sinkhorn(config | {"sinkhorn-iterations": iterations}, seen["p/1"])
        close((code.sum(1) - 1).abs().max().item(), 0.0)  # code is Q transposed
    close((code.sum(0) - n / kinds).abs().max().item(), 0.0)


def test_prototypes(config, before, views):
    """They rest as long as they should, and are of unit length after every step."""
    buffers = [f"{buffer}.{steps.PROTOTYPES}" for buffer in steps.buffers(config)]
    before = before | {steps.PROTOTYPES: 1.5 * before[steps.PROTOTYPES]}
    for frozen in (STEP, STEP + 1):
        changed = config | {"freeze-prototypes": frozen}
        after, gradients, _ = steps.step(
            changed, before, lambda state: forward(changed, state, views), STEP
        )
        kept = F.normalize(before[steps.PROTOTYPES])
        moved = (after[steps.PROTOTYPES] - kept).abs().max().item()
        assert (moved > 1e-4) == (frozen <= STEP) == (moved > 1e-15)
        assert all(torch.equal(before[n], after[n]) == (frozen > STEP) for n in buffers)
        close((after[steps.PROTOTYPES].norm(dim=1) - 1).abs().max().item(), 0.0, 1e-15)
        assert gradients[steps.PROTOTYPES].abs().max() > 0


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
    test_sinkhorn()
    reached = {"note": "state: before/ and view/ of methods_<method>.safetensors"}
    variants = {
        "note": "methods_<method> with the keys in `change` changed, and without the tensors that "
        "a smaller head lacks; moved_*: L2 from before to after; 0 for what a method lacks",
        "cases": [],
    }
    files = {method: (method, {}) for method in METHODS} | OTHERS
    for file, (method, changes) in files.items():
        config = TINY | DEFAULTS | SEEDS.get(method, {}) | overrides | {"method": method} | changes
        state = initial_state(config)
        generator = torch.Generator().manual_seed(int(config["seed"]) + 1)
        for index in range(STEP + 1):
            config["step"] = index
            views = steps.draw_views(config, generator, 2)
            before, run = state, lambda state: forward(config, state, views)
            state, gradients, seen = steps.step(config, before, run, index)
        tensors = steps.to_tensors(before, views, state, gradients, seen)
        steps.write(out / f"methods_{file}.safetensors", tensors, config)
        if file in OTHERS:
            continue

        trained = "p/" if method in HAS_PREDICTOR else "q/" if method == "moco" else "z/"
        embeddings = [n for n in seen if n.startswith(trained)]
        terms = [n for n in seen if n.startswith("loss/") and n != "loss/total"] or ["loss/total"]
        reached[method] = steps.reach(before, run, terms, embeddings)
        if method == "moco":
            test_splits(config, before, views)
        if method == "swav":
            test_prototypes(config, before, views)
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
