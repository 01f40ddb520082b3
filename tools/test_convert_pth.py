"""convert_pth.py: what it takes, what it refuses, and that no code of a file is run."""

import argparse
import collections
import contextlib
import io
import os
import pathlib
import pickle
import subprocess
import sys
import tarfile
import tempfile
import unittest
import warnings
import zipfile
from unittest import mock

import numpy
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.dont_write_bytecode = True

import convert_pth  # noqa: E402

PROGRAM = pathlib.Path(convert_pth.__file__)
torch.set_num_threads(1)


def network(first=0.0, prefix="", dtype=torch.float32):
    """A state dict of a convolution and its BatchNorm, as torch.nn makes it."""
    layers = collections.OrderedDict(conv1=torch.nn.Conv2d(3, 4, 3), bn1=torch.nn.BatchNorm2d(4))
    state = torch.nn.Sequential(layers).to(dtype).state_dict()
    state["conv1.bias"][0] = first
    return {prefix + name: tensor for name, tensor in state.items()}


class bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class converter(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "in.pth"
        self.out = self.folder / "in.safetensors"

    def convert(self, *arguments, file=None):
        """Runs main() here, because a process takes seconds to import torch."""
        said, complaint, status = io.StringIO(), io.StringIO(), 0
        command = [str(PROGRAM), str(file or self.file), *map(str, arguments)]
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(complaint),
            mock.patch.object(sys, "argv", command),
        ):
            try:
                convert_pth.main()
            except SystemExit as e:  # of a sentence: the interpreter prints it and exits with 1
                print(e, file=sys.stderr)
                status = 1
        return subprocess.CompletedProcess(command, status, said.getvalue(), complaint.getvalue())

    def converted(self, content, *arguments):
        """(tensors, standard output) of a file that torch.save writes of `content`."""
        torch.save(content, self.file)
        done = self.convert(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return load_file(self.out), done.stdout

    def refused(self, words, *arguments, content=None, file=None):
        """The one sentence; nothing may be left in the folder but what was there."""
        if content is not None:
            torch.save(content, self.file)
        before = {p: p.read_bytes() for p in self.folder.iterdir() if p.is_file()}
        done = self.convert(*arguments, file=file)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(words, done.stderr)
        after = {p: p.read_bytes() for p in self.folder.iterdir() if p.is_file()}
        self.assertEqual(before, after)
        return done.stderr

    def assert_same(self, got, expected):
        self.assertEqual(sorted(got), sorted(expected))
        for name, tensor in expected.items():
            self.assertEqual((got[name].dtype, got[name].shape), (tensor.dtype, tensor.shape), name)
            self.assertTrue(torch.equal(got[name], tensor), name)

    # What it takes.

    def test_a_bare_state_dict(self):
        state = network()
        tensors, said = self.converted(state)
        self.assert_same(tensors, state)
        self.assertEqual(said, f"{self.out}: 7 tensors, 0.0 MB, from {self.file}\n")
        with safe_open(self.out, "pt") as file:
            self.assertEqual(file.metadata(), {"format": "pt"})

    def test_number_types_stay(self):
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            with self.subTest(dtype):
                state = network(dtype=dtype)
                self.assertEqual(state["bn1.num_batches_tracked"].dtype, torch.int64)
                tensors, _ = self.converted(state, "--force")
                self.assert_same(tensors, state)

    def test_a_checkpoint_of_lightning(self):
        model = torch.nn.Linear(3, 2)
        optimizer = torch.optim.Adam(model.parameters())
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        state = network(prefix="backbone.") | network(prefix="momentum_backbone.")
        checkpoint = {
            "epoch": 7,
            "global_step": 100,
            "pytorch-lightning_version": "2.5.0",
            "state_dict": state,
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5)}},
            "optimizer_states": [optimizer.state_dict()],
            "lr_schedulers": [],
            "hyper_parameters": {"lr": 0.1, "sizes": [1, 2]},
        }
        tensors, said = self.converted(checkpoint)
        self.assert_same(tensors, state)
        self.assertIn("14 tensors of state_dict", said)
        self.assertIn("left out: epoch, global_step, pytorch-lightning_version, callbacks", said)
        self.assertEqual(len(said.splitlines()), 2)

    def test_data_parallel_with_and_without_its_prefix(self):
        model = torch.nn.DataParallel(torch.nn.Linear(3, 2))
        checkpoint = {"net": model.state_dict(), "acc": 91.5, "epoch": 3}
        tensors, _ = self.converted(checkpoint)
        self.assertEqual(sorted(tensors), ["module.bias", "module.weight"])
        tensors, said = self.converted(checkpoint, "--prefix", "module.", "--force")
        self.assert_same(tensors, dict(model.module.state_dict()))
        self.assertIn("left out: acc, epoch\n", said)

    def test_a_prefix_cuts_one_network_out(self):
        q, k = network(1.0), network(2.0)
        state = {f"module.encoder_q.{n}": t for n, t in q.items()}
        state |= {f"module.encoder_k.{n}": t for n, t in k.items()}
        state |= {"module.queue": torch.zeros(8, 4), "module.queue_ptr": torch.zeros(1).long()}
        content = {"epoch": 200, "arch": "resnet50", "state_dict": state, "optimizer": {}}
        tensors, said = self.converted(content, "--prefix", "module.encoder_k.")
        self.assert_same(tensors, k)
        self.assertIn("9 tensors without the prefix", said)
        words = "module.encoder_k., module.encoder_q., module.queue., module.queue_ptr."
        self.refused(words, "--prefix", "encoder_q.", "--force")
        self.refused("--prefix module.encoder_q.\n", "--prefix", "module.encoder_q", "--force")

        whole = self.folder / "whole.safetensors"
        save_file(state, whole)
        part = self.folder / "part.safetensors"
        done = self.convert(part, "--prefix", "module.encoder_q.", file=whole)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_same(load_file(part), q)

    def test_a_key_chooses_among_several(self):
        student, teacher = network(1.0), network(2.0)
        content = {"student": student, "teacher": teacher, "dino_loss": {"center": torch.ones(3)}}
        content["args"] = argparse.Namespace(arch="resnet50")
        message = self.refused("choose one with --key", content=content)
        self.assertIn("student, teacher;", message)
        tensors, said = self.converted(content, "--key", "teacher")
        self.assert_same(tensors, teacher)
        self.assertIn("left out: student, dino_loss, args", said)
        self.refused("no state dict at --key pupil; state dicts of it: student", "--key", "pupil",
                     "--force")
        tensors, _ = self.converted({"ema": {"a.b": {"c": student}}}, "--key", "ema.a.b.c",
                                    "--force")
        self.assert_same(tensors, student)

    def test_an_unusual_key_and_an_accuracy_beside_it(self):
        state = network()
        tensors, said = self.converted({"best": torch.tensor([0.5]), "my_weights": state})
        self.assert_same(tensors, state)
        self.assertIn("of my_weights", said)

    def test_shared_and_strided_tensors(self):
        weight = torch.arange(12.0).reshape(3, 4)
        content = {"a": weight, "b": weight, "row": weight[1], "t": weight.t(), "none": weight[:0]}
        tensors, _ = self.converted(content)
        self.assert_same(tensors, content)

    def test_entries_that_are_no_tensors_are_left_out(self):
        content = network() | {"version": 3, "extra_state": None}
        tensors, said = self.converted(content)
        self.assertEqual(len(tensors), 7)
        self.assertIn("left out: version, extra_state\n", said)

    def test_the_older_format_of_torch_save(self):
        state = network()
        torch.save(state, self.file, _use_new_zipfile_serialization=False)
        self.assertEqual(self.convert().returncode, 0)
        self.assert_same(load_file(self.out), state)

    def test_the_name_of_the_output(self):
        torch.save(network(), self.folder / "checkpoint_0199.pth.tar")
        done = self.convert(file=self.folder / "checkpoint_0199.pth.tar")
        self.assertIn(str(self.folder / "checkpoint_0199.safetensors"), done.stdout)
        self.assertEqual((self.folder / "checkpoint_0199.safetensors").stat().st_mode & 0o444,
                         self.file_mode() & 0o444)

    def file_mode(self):
        plain = self.folder / "plain"
        plain.touch()
        return plain.stat().st_mode

    def test_as_a_program(self):
        torch.save({"state_dict": network()}, self.file)
        command = [sys.executable, "-B", str(PROGRAM), str(self.file)]
        for status, words in ((0, "7 tensors of state_dict"), (1, "exists already")):
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(words, done.stderr if status else done.stdout)
            self.assertEqual(len((done.stdout + done.stderr).splitlines()), 1)

    # What it refuses.

    def test_code_is_not_run(self):
        mark = self.folder / "it_was_run"
        for zipped in (True, False):
            with self.subTest(zipped=zipped):
                content = {"state_dict": network(), "epoch": bomb(mark)}
                torch.save(content, self.file, _use_new_zipfile_serialization=zipped)
                message = self.refused("a pickle would run code; nothing was run")
                self.assertIn("mkdir", message)
                self.assertIn("torch.save(model.state_dict(), ...)", message)
                self.assertFalse(mark.exists())
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.subTest(protocol=protocol):
                self.file.write_bytes(pickle.dumps(bomb(mark), protocol))
                self.refused(str(self.file))
                self.assertFalse(mark.exists())
        torch.load(self.write_bomb(mark), weights_only=False)
        self.assertTrue(mark.exists(), "the bomb is none")

    def write_bomb(self, mark):
        torch.save(bomb(mark), self.file)
        return self.file

    def test_a_whole_module_and_foreign_objects(self):
        self.refused("torch.nn.modules.linear.Linear", content=torch.nn.Linear(2, 2))
        self.refused("numpy", content={"state_dict": network(), "acc": numpy.float64(1)})

    def test_an_optimizer(self):
        parameter = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
        parameter.sum().backward()
        optimizer.step()
        self.refused("is the state of an optimizer", content=optimizer.state_dict())
        content = {"model": network(), "optimizer": optimizer.state_dict()}
        self.refused("is the state of an optimizer", "--key", "optimizer", content=content)
        self.refused("it has optimizer, epoch", content={"optimizer": optimizer.state_dict(),
                                                         "epoch": 1})

    def test_files_without_a_state_dict(self):
        self.refused("holds a Tensor", content=torch.ones(3))
        self.refused("holds a list", content=[torch.ones(3)])
        self.refused("it has nothing", content={})
        self.refused("it has epoch, arch", content={"epoch": 1, "arch": "resnet50"})

    def test_names_that_would_steer_a_terminal(self):
        message = self.refused("it has \\x1b[2J\\nx", content={"\x1b[2J\nx": 1})
        self.assertNotIn("\x1b", message)

    def test_files_of_other_kinds(self):
        self.file.write_bytes(b"")
        self.refused("is empty")
        for garbage in (b"x", b"hello world " * 50, b"PK\x03\x04" + bytes(200), b"\xff" * 4096,
                        b"\x80\x02.", b"\x10\0\0\0\0\0\0\0{ not json at all"):
            with self.subTest(garbage=garbage[:8]):
                self.file.write_bytes(garbage)
                self.refused("or it is damaged")
        torch.save({"a": torch.zeros(1000)}, self.file)
        whole = self.file.read_bytes()
        for part in (2, 3):
            self.file.write_bytes(whole[: len(whole) * part // 4])
            self.refused("or it is damaged")
        with zipfile.ZipFile(self.file, "w") as archive:
            archive.writestr("folder/hello", "x")
        self.refused("or it is damaged")
        self.refused("No such file", file=self.folder / "missing.pth")
        self.refused("Is a directory", file=self.folder)

    def test_archives_of_torchscript_and_of_early_pytorch(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is deprecated
            torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), self.file)
        self.refused("is a TorchScript archive")
        with tarfile.open(self.file, "w") as archive:
            for name in ("sys_info", "pickle", "tensors", "storages"):
                content = pickle.dumps({"a": 1})
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        self.refused("is in the tar format of early PyTorch")

    def test_tensors_that_safetensors_cannot_hold(self):
        content = {"a.weight": torch.ones(3), "b.table": torch.eye(3).to_sparse()}
        self.refused("b.table", content=content)
        tensors, _ = self.converted(content, "--prefix", "a.")
        self.assertEqual(list(tensors), ["weight"])
        self.refused("sparse, quantized or meta", "--force",
                     content={"w": torch.ones(3, device="meta")})

    def test_an_existing_file_is_kept(self):
        self.out.write_text("mine")
        self.refused("exists already", content=network())
        self.assertEqual(self.out.read_text(), "mine")
        self.converted(network(), "--force")
        self.refused("would be overwritten", self.file, "--force")
        self.refused("would be overwritten", "--force", file=self.out)

    def test_a_folder_that_is_not_there(self):
        self.refused("cannot write", self.folder / "none" / "x.safetensors", content=network())


if __name__ == "__main__":
    unittest.main()
