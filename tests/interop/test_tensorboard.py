"""Events of `train --tensorboard`: the package tensorboard reads back the numbers of the metrics.

  test_tensorboard.py APP
"""

import importlib.util
import json
import math
import pathlib
import sys
import tempfile

for module in ("numpy", "tensorboard"):
    if importlib.util.find_spec(module) is None:
        print(f"skipped: this Python has no {module}; install it from PyPI")
        sys.exit(77)

from support import call  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

MODEL = [
    *("--data", "procedural", "--procedural-train", 64, "--procedural-test", 32, "--width", 4),
    *("--image-size", 16, "--blocks", "1,1,1,1", "--head", "16,16", "--predictor-hidden", 8),
    *("--queue", 40, "--batch", 16, "--log-every", 1, "--epochs", 4, "--knn-every", 2),
    *("--device", "cpu", "--quiet"),
]


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def check(run, accumulator):
    """That what TensorBoard knows is what the metrics hold."""
    accumulator.Reload()
    expected = {}
    for record in records(run):
        for name, value in record.items():
            if name != "step" and value is not None:
                expected.setdefault(name, []).append((record["step"], value))
    assert sorted(accumulator.Tags()["scalars"]) == sorted(expected), accumulator.Tags()
    for name, points in expected.items():
        found = accumulator.Scalars(name)
        assert [event.step for event in found] == [step for step, _ in points], name
        for event, (_, value) in zip(found, points):
            assert math.isclose(event.value, value, rel_tol=1e-7, abs_tol=1e-37), (name, event)
    *_, text = accumulator.Tensors("configuration")  # one of each file that it has read
    config = (run / "config.toml").read_text()
    assert config in text.tensor_proto.string_val[0].decode()
    metadata = accumulator.SummaryMetadata("configuration")
    assert metadata.plugin_data.plugin_name == "text", metadata
    return len(records(run))


def main(app):
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        events = run / "tensorboard"
        call(app, "train", *MODEL, "--out", run, "--tensorboard", "--max-steps", 9)
        watching = EventAccumulator(str(events))
        print(check(run, watching), "steps, stopped")

        # Resumed from a checkpoint before the last step, with TensorBoard looking on.
        call(app, "train", "--resume", run / "checkpoints" / "step-000008", "--max-steps", 12,
             "--out", run, "--quiet")  # fmt: skip
        print(check(run, EventAccumulator(str(events))), "steps, resumed")
        check(run, watching)  # forgets what the cut dropped
        call(app, "train", "--resume", "--out", run, "--max-steps", 0, "--quiet")
        print(check(run, EventAccumulator(str(events))), "steps, done")
        check(run, watching)
        assert len(records(run)) == 16


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
