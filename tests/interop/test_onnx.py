"""Exported ONNX files: onnx.checker takes them, and onnxruntime computes the features of `embed`.

  test_onnx.py APP
"""

import argparse
import importlib.util
import json
import pathlib
import re
import sys
import tempfile

for module in ("numpy", "onnx", "onnxruntime"):
    if importlib.util.find_spec(module) is None:
        print(f"skipped: this Python has no {module}; install it from PyPI")
        sys.exit(77)

import numpy  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from support import (  # noqa: E402
    DOCS,
    call,
    pictures,
    read_safetensors,
    relative,
    resnet,
    write_safetensors,
)

LARGEST = 1e-5  # relative difference of features
BASIC, BOTTLENECK = (1, 2, 1, 1), (1, 1, 2, 1)


def features_by_onnxruntime(path, images):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (one,) = session.run(["features"], {"images": images[:1]})
    (all_of_them,) = session.run(["features"], {"images": images})  # another batch
    assert relative(one, all_of_them[:1]) < LARGEST
    return all_of_them, session.get_modelmeta().custom_metadata_map


def compare(what, app, box, source, images, words, options=()):
    out, embedded = str(box / "encoder.onnx"), box / "features.safetensors"
    call(app, "export", source, "--out", out, "--overwrite", *options)
    call(app, "embed", source, "--out", embedded, "--quiet", *words, *options)
    ours = read_safetensors(embedded)[0]["features"]
    theirs, metadata = features_by_onnxruntime(out, images)
    difference = relative(theirs, ours)
    print(f"{what:50} {difference:.1e}", flush=True)
    assert ours.shape == theirs.shape and numpy.abs(ours).max() > 0
    assert difference < LARGEST, what
    return metadata


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("app")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        box = pathlib.Path(folder)
        sides = {"cifar": 32, "imagenet": 64}
        images = {s: pictures(box / f"images{s}", 8, s) for s in sides.values()}

        # Weights of others, whose normalization is asked for.
        for stem, side in sides.items():
            words = ["--data", "folder", "--data-dir", box / f"images{side}", "--image-size", side]
            for block, blocks in (("basic", BASIC), ("bottleneck", BOTTLENECK)):
                for width in (16, 64):
                    file = box / "foreign.safetensors"
                    write_safetensors(file, resnet(stem, block, width, blocks))
                    compare(
                        f"{stem} stem, {block} {blocks}, width {width}",
                        options.app,
                        box,
                        file,
                        images[side],
                        words[:-2],
                        ["--normalize", "imagenet", "--image-size", side],
                    )
        # Without a size in the file any will do.
        call(options.app, "export", file, "--out", box / "any.onnx", "--normalize", "imagenet")
        assert features_by_onnxruntime(str(box / "any.onnx"), images[32])[0].shape[0] == 8

        # A run, which knows it all.
        words = ["--data", "folder", "--data-dir", box / "images32", "--image-size", 32]
        run = box / "run"
        call(options.app, "train", *words, "--out", run, "--width", 8, "--blocks", "1,1,1,1",
             "--batch", 2, "--epochs", 3, "--head", "16,16", "--queue", 8, "--quiet")  # fmt: skip
        metadata = compare("a run of width 8", options.app, box, run, images[32], [])
        assert metadata["triptych.arch"] == "resnet basic blocks 1,1,1,1 width 8", metadata
        assert metadata["triptych.method"] == "mncl" and metadata["triptych.step"] == "3"
        assert json.loads(metadata["triptych.data"])["class_names"] == ["a", "b"]
        assert "terms of the images (folder)" in metadata["triptych.license"]

        # What the documentation shows of it.
        page = (DOCS / "weights.md").read_text()
        code = re.search(r"```python\n(import numpy\nimport onnxruntime\n.*?)```", page, re.S)[1]
        shown = {}
        code = code.replace("runs/first/export/encoder.onnx", str(box / "encoder.onnx"))
        exec(compile(code, "weights.md", "exec"), shown)
        assert shown["features"].shape == (8, 64), shown["features"].shape
    print("all of them within", LARGEST)


if __name__ == "__main__":
    sys.exit(main())
