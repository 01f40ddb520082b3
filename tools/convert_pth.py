#!/usr/bin/env python3
"""Turns a file of PyTorch into a safetensors file, without running code of the file.

  convert_pth.py FILE [OUT.safetensors] [--key KEY] [--prefix PREFIX] [--force]

  convert_pth.py resnet50.pth                                  # writes resnet50.safetensors
  convert_pth.py checkpoint.pth --key teacher                  # one of two networks side by side
  convert_pth.py moco.pth.tar q.safetensors --prefix module.encoder_q.
  convert_pth.py q_and_k.safetensors k.safetensors --prefix module.encoder_k.

FILE is what torch.save wrote of a state dict, or of a dict that has one: a checkpoint of PyTorch
Lightning, MoCo, SwAV, DINO and the like. Or it is a safetensors file, of which --prefix cuts out
one network. Names, shapes, numbers and their types stay as they are.

Which state dict is taken: with --key the entry of that name (`a.b` is entry b of entry a).
Otherwise the one that stands under a usual name (USUAL_KEYS below); if there is none, the file
itself, if it has tensors; else its only entry with tensors. If several would do, all are listed
and nothing is written. What is left out (optimizer, epoch, settings, ...) is said in one line.

--prefix keeps the tensors whose names begin with PREFIX, and takes it off. OUT is never
overwritten without --force, and appears complete or not at all. Metadata of a safetensors file
are not copied.

The file is read with torch.load(weights_only=True): a pickle can run any program, and that option
refuses to. Exit status: 0 written, 1 not written and why, 2 wrong arguments. Needs torch and
safetensors from PyPI.
"""

import argparse
import os
import pathlib
import re
import sys
import warnings

try:
    import safetensors
    import torch
    from safetensors.torch import load_file, save_file
except ImportError as missing:
    sys.exit(f"convert_pth.py: needs {missing.name}; install torch and safetensors from PyPI")

# Before 2.6 weights_only=True could still be made to run code (CVE-2025-32434).
OLDEST_TORCH = (2, 6)
if tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2]) < OLDEST_TORCH:
    sys.exit(
        f"convert_pth.py: torch {torch.__version__} may run code of the files that it reads; "
        "install 2.6 or later"
    )

# Entries of checkpoints that are state dicts of networks.
USUAL_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "encoder")
USUAL_KEYS += ("backbone", "student", "teacher", "online", "target")
USUAL_KEYS += ("ema", "model_ema", "state_dict_ema", "ema_state_dict")
SHOWN = 8  # entries of a list in a message
TOO_LARGE = "is too large for the memory of this machine"


class unusable(Exception):
    """The sentence that says why nothing is written."""


def printable(text):
    """Names come from the file: nothing in them may steer a terminal or break the line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def listed(names):
    names = list(map(str, names))
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def load(path):
    """What stands in the file: of classes only tensors, plain values and argparse's options."""
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as e:
        raise unusable(e.strerror) from None
    if not start:
        raise unusable("is empty; was the download or the copy cut short?")
    try:
        if start[8:] == b"{":  # the header of safetensors, after its length
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they give advice to authors of programs
            # A Namespace holds values and runs nothing; DINO, MAE and timm store one.
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise unusable(TOO_LARGE) from None
    except Exception as e:  # garbage makes torch.load raise nearly anything
        raise unusable(reason(str(e))) from None


def reason(message):
    """Why a file could not be loaded, from the words of torch."""
    if "allocate memory" in message:
        return TOO_LARGE
    if "TorchScript" in message:
        return (
            "is a TorchScript archive, a program with weights; load it with torch.jit.load and "
            "save its state_dict() with torch.save"
        )
    if "legacy .tar" in message:
        return (
            "is in the tar format of early PyTorch; load and save it again with the program "
            "that wrote it and a newer PyTorch"
        )
    code = re.search(r"GLOBAL (\S+)", message)
    if code or re.search(r"Can only (create|build)|call reduce", message):
        return (
            f"needs more than tensors and plain values ({code[1] if code else 'objects'}), and "
            "to make those a pickle would run code; nothing was run. If you trust the file, load "
            "it in the program that wrote it and torch.save(model.state_dict(), ...) there"
        )
    return "is neither a file of torch.save nor one of safetensors, or it is damaged"


def is_optimizer(entry):
    return isinstance(entry, dict) and {"state", "param_groups"} <= entry.keys()


def has_tensors(entry):
    """Whether it is a dict with weights; a tensor of one number is rather an accuracy."""
    return isinstance(entry, dict) and any(
        isinstance(v, torch.Tensor) and v.numel() > 1 for v in entry.values()
    )


def candidates(tree, path=""):
    """[(key, dict with tensors)] of the entries of `tree`, those of nested dicts as `a.b`."""
    found = []
    for key, entry in tree.items():
        if not isinstance(entry, dict) or is_optimizer(entry):
            continue
        if has_tensors(entry):
            found.append((f"{path}{key}", entry))
        elif path.count(".") < 2:
            found += candidates(entry, f"{path}{key}.")
    return found


def entry_at(tree, key):
    """Entry `key`, or entry b of entry a if it is `a.b`; None if there is none."""
    if not isinstance(tree, dict):
        return None
    if key in tree:
        return tree[key]
    for at in (i for i, c in enumerate(key) if c == "."):
        inner = entry_at(tree.get(key[:at]), key[at + 1 :])
        if inner is not None:
            return inner
    return None


def choose(tree, key):
    """(its key or "", the state dict) that is to be converted."""
    if not isinstance(tree, dict):
        raise unusable(f"holds a {type(tree).__name__}, not a state dict (a dict of tensors)")
    found = candidates(tree)
    if key:
        chosen = entry_at(tree, key)
        if is_optimizer(chosen):
            raise unusable(f"{key} is the state of an optimizer; its tensors are no weights")
        if not has_tensors(chosen):
            have = listed(k for k, _ in found) or "none"
            raise unusable(f"has no state dict at --key {key}; state dicts of it: {have}")
        return key, chosen
    usual = [(k, d) for k, d in found if k.split(".")[-1] in USUAL_KEYS]
    if not usual and is_optimizer(tree):
        raise unusable("is the state of an optimizer, without weights; convert the model's file")
    if not usual and has_tensors(tree):
        return "", tree
    usual = usual or found
    if not usual:
        raise unusable(f"has no state dict (a dict of tensors); it has {listed(tree) or 'nothing'}")
    if len(usual) > 1:
        keys = listed(k for k, _ in usual)
        raise unusable(f"has several state dicts, {keys}; choose one with --key")
    return usual[0]


def prefixes(names):
    """The prefixes by which the tensors differ first."""
    common = os.path.commonprefix(names)
    common = common[: common.rfind(".") + 1]
    return sorted({common + n[len(common) :].split(".")[0] + "." for n in names})


def convert(tree, key, prefix):
    """(tensors by name, where they stood, names of what was left out) of a loaded file."""
    key, state = choose(tree, key)
    left_out = []
    if state is not tree:
        left_out = [str(k) for k in tree if k != key and not key.startswith(f"{k}.")]
    named = {}
    for name, value in state.items():
        if isinstance(value, torch.Tensor) and isinstance(name, str):
            named[name] = value
        else:
            left_out.append(f"{key}.{name}" if key else str(name))
    kept = {n[len(prefix) :]: t for n, t in named.items() if n.startswith(prefix) and n != prefix}
    if not kept:
        have = listed(prefixes(list(named)))
        raise unusable(f"has no tensor whose name begins with {prefix}; there are {have}")
    if all(name.startswith(".") for name in kept):
        raise unusable(f"would have names that begin with a dot; write --prefix {prefix}.")
    if len(kept) < len(named):
        left_out.append(f"{len(named) - len(kept)} tensors without the prefix")

    tensors, storages = {}, set()
    for name, tensor in kept.items():
        if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
            raise unusable(
                f"has a sparse, quantized or meta tensor, {prefix}{name}, which safetensors cannot "
                "hold; leave it out with --prefix, or make it dense where the file was written"
            )
        tensor = tensor.detach().contiguous()
        # Two names of one storage: safetensors wants the numbers twice.
        storage = tensor.untyped_storage().data_ptr()
        tensors[name] = tensor.clone() if storage in storages else tensor
        storages.add(storage)
    return tensors, key, left_out


def write(tensors, out, force):
    """Writes beside `out`, then renames, so that `out` is never half a file."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata={"format": "pt"})
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        if out.exists() and not force:
            raise unusable(exists(out))
        part.replace(out)
    except (OSError, RuntimeError, ValueError, safetensors.SafetensorError) as e:
        raise unusable(f"cannot write {out}: {e}") from None
    finally:
        part.unlink(missing_ok=True)


def exists(out):
    return f"{out} exists already; choose another name, or overwrite it with --force"


def default_out(path):
    name = path.name.removesuffix(".tar")
    return path.with_name(pathlib.PurePath(name).stem + ".safetensors")


def run(options):
    path = options.file
    out = options.out or default_out(path)
    if out.exists() and path.exists() and out.samefile(path):
        raise unusable("would be overwritten; give the name of another file to write")
    if out.exists() and not options.force:
        raise unusable(exists(out))
    tensors, key, left_out = convert(load(path), options.key, options.prefix)
    write(tensors, out, options.force)
    size = sum(t.nbytes for t in tensors.values()) / 1e6
    origin = f" of {key}" if key else ""
    print(printable(f"{out}: {len(tensors)} tensors{origin}, {size:.1f} MB, from {path}"))
    if left_out:
        print(printable(f"left out: {listed(left_out)}"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=pathlib.Path, metavar="FILE")
    parser.add_argument("out", type=pathlib.Path, nargs="?", metavar="OUT.safetensors")
    parser.add_argument("--key", default="", help="entry of the file that holds the state dict")
    parser.add_argument("--prefix", default="", help="of the names to keep; it is taken off")
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    options = parser.parse_args()
    try:
        run(options)
    except unusable as e:
        sys.exit(printable(f"convert_pth.py: {options.file}: {e}"))


if __name__ == "__main__":
    main()
