"""The .npy files of `embed`: numpy reads the features and labels of the safetensors file.

  test_npy.py APP
"""

import importlib.util
import pathlib
import sys
import tempfile

if importlib.util.find_spec("numpy") is None:
    print("skipped: this Python has no numpy")
    sys.exit(77)

import numpy  # noqa: E402
from support import call, read_safetensors  # noqa: E402

MODEL = (
    "--data procedural --procedural-train 64 --procedural-test 32 --width 4 --blocks 1,1,1,1 "
    "--head 16,16 --predictor-hidden 8 --queue 40 --batch 16 --max-steps 1 --quiet"
).split()

with tempfile.TemporaryDirectory() as name:
    box = pathlib.Path(name)
    call(sys.argv[1], "train", *MODEL, "--out", box / "run")
    for out, form in (("f.safetensors", "safetensors"), ("f.npy", "npy")):
        call(sys.argv[1], "embed", box / "run", "--out", box / out, "--format", form, "--quiet")
    tensors = read_safetensors(box / "f.safetensors")[0]
    for ours, theirs in (("f.npy", "features"), ("f-labels.npy", "labels")):
        array = numpy.load(box / ours)
        assert array.dtype == tensors[theirs].dtype and array.shape == tensors[theirs].shape
        assert (array == tensors[theirs]).all()
print("numpy reads features and labels")
