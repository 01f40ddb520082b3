#!/usr/bin/env python3
"""The three-network method in plain PyTorch, double precision: golden steps, checker of dumps.

Written from the method's description alone, so that it shares no error with the C++ library.

  mncl.py generate [--out DIR] [--set key=value ...]
      three golden steps of `paper` and of `released`, gradient_reach.json, switches.json
  mncl.py check FILE...
      recompute steps written by `triptych train --dump-step`

A step holds view/, before/, grad/, after/, queue/, p/, z/, nn/, c/, loss/; see steps.py for the
format, the shapes and all that other methods do alike.
"""

import torch
import torch.nn.functional as F

import steps
from steps import combinations, ema, enabled, fresh, info_nce, is_statistic, network, nt_xent

PAPER = {
    "variant": "paper",
    "local-gradient": "on",  # does loss_s carry gradient into p?
    "global-loss": "infonce",  # infonce | ntxent
    "local-anchor": "target",  # rows of the logits of loss_s: target | prediction
    "clip-norm": 0.0,  # bound of the global gradient norm, 0 = none
    "predictor-lr": "cosine",  # cosine | constant
    "zero-init-residual": "off",  # at initialization only
    "momentum-init": "copy",  # at initialization only: copy | independent
    "ema-timing": "after",  # momentum weights move after the optimizer | before their forward
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


# --- one step -------------------------------------------------------------------------------------


def initial_state(config):
    state = steps.initial_state(config, predictor=True, momentum=True, queue=True)
    if config["patch-statistics"] == "own":
        state |= {
            n.replace("momentum.", "stop_gradient.", 1): t.clone()
            for n, t in state.items()
            if n.startswith("momentum.") and is_statistic(n)
        }
    return state


def losses(config, p, targets, c):
    """(loss_m, loss_s) of three predictions, two targets, and the local embeddings (c1, c3)."""
    tau = config["temperature"]
    compare = nt_xent if config["global-loss"] == "ntxent" else info_nce
    loss_m = (compare(targets[0], p[1], tau) + compare(targets[1], p[0], tau)) / 2
    p1, p3 = (p[0], p[2]) if enabled(config["local-gradient"]) else (p[0].detach(), p[2].detach())
    loss_s = (
        info_nce(c[0], p3, tau, config["local-anchor"])
        + info_nce(c[1], p1, tau, config["local-anchor"])
    ) / 2
    return loss_m, loss_s


def forward(config, state, views, chosen=None, nn=None):
    """All forward passes, in the order in which running statistics move; `state` changes in place.

    chosen: one list of combinations per local view, default all.
    nn: neighbors to use instead of the nearest.
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
    targets = [state["queue"][i] for i in used]
    if config.get("global-target") == "projection":  # instead of neighbor, which is the paper's
        targets = [F.normalize(t) for t in z]
    loss_m, loss_s = losses(config, p, targets, c)
    total = config["lambda-s"] * loss_s + config["lambda"] * loss_m
    seen = {"loss/m": loss_m, "loss/s": loss_s, "loss/total": total}
    seen |= {f"p/{i + 1}": t for i, t in enumerate(p)}
    for i in range(2):
        seen |= {f"z/{i + 1}": z[i], f"nn/{i + 1}": nearest[i], f"c/{2 * i + 1}": c[i]}
    seen["similarity"] = {f"nn/{i + 1}": t for i, t in enumerate(similarity)}
    seen["rows"] = torch.cat({"z1": z[:1], "z2": z[1:], "both": z}[config["enqueue"]])
    return seen


def step(config, before, views, index):
    """A golden step, the combinations fixed where they are to be random."""
    chosen = None
    if config["combine"] == "random":
        chosen = [[combinations(config)[i]] for i in RANDOM_CHOICE]
    return steps.step(config, before, lambda state: forward(config, state, views, chosen), index)


# --- generate -------------------------------------------------------------------------------------

SWITCHES = [
    {"local-gradient": "off"}, {"global-loss": "ntxent"}, {"local-anchor": "prediction"},
    {"clip-norm": 1.0}, {"predictor-lr": "constant"}, {"ema-timing": "before"},
    {"patch-statistics": "online"}, {"enqueue": "z2"}, {"enqueue": "both"}, {"lambda": 2.0},
    {"lambda-s": 0.25}, {"combine": "random"}, {"combine-k": 1}, {"combine-k": 3}, {"combine-k": 4},
    {"global-target": "projection"},
]  # fmt: skip
RANDOM_CHOICE = [1, 4]  # the combinations that `combine = random` takes here for views 1 and 3


def fingerprint(config, before, views, index):
    """A few numbers that move when any part of a step does: enough to test each switch apart."""
    after, gradients, seen = step(config, before, views, index)
    moved = lambda prefix, statistics: steps.distance(before, after, prefix, statistics)
    return {
        "loss_m": seen["loss/m"].item(),
        "loss_s": seen["loss/s"].item(),
        "total": seen["loss/total"].item(),
        "gradient_norm": steps.norm(gradients.values()),
        "moved_online_encoder": moved("online.encoder.", False),
        "moved_online_predictor": moved("online.predictor.", False),
        "moved_online_statistics": moved("online.", True),
        "moved_momentum": moved("momentum.", False),
        "moved_stop_gradient_statistics": moved("stop_gradient.", True),
        "queue_sum": after["queue"].sum().item(),
    }


def generate(out, overrides):
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
            views = steps.draw_views(config, generator, 3)
            after, gradients, seen = step(config, state, views, index)
            tensors = steps.to_tensors(state, views, after, gradients, seen)
            path = out / f"mncl_{variant}_step{index + 1}.safetensors"
            steps.write(path, tensors, config | {"step": index})
            if index == 2:
                run = lambda before: forward(config, before, views)
                embeddings = ["p/1", "p/2", "p/3"]
                reached[variant] = steps.reach(state, run, ["loss/m", "loss/s"], embeddings)
                if variant == "paper":
                    for change in [{}] + SWITCHES:
                        values = fingerprint(config | change, state, views, index)
                        switches["cases"].append({"change": change} | values)
            state = after
    steps.write_json(out / "gradient_reach.json", reached)
    steps.write_json(out / "switches.json", switches)


# --- check ----------------------------------------------------------------------------------------


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


def forward_of(config, before, tensors):
    views = [tensors[f"view/{i}"] for i in (1, 2, 3)]
    nn = [tensors[f"nn/{i}"].reshape(-1) for i in (1, 2)]
    chosen = infer_choice(config, before, tensors) if config["combine"] == "random" else None
    return views, lambda state: forward(config, state, views, chosen, nn)


def check(path):
    defaults = lambda config: VARIANTS[config.get("variant", "paper")]
    return steps.check(path, defaults, "variant", forward_of)


if __name__ == "__main__":
    steps.main(__doc__, TINY | PAPER, generate, check)
