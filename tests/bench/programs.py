"""The programs of bench/ that need no GPU to be wrong: plan, results and resumption of the battery,
the comparison with PyTorch, training in pieces.

  programs.py [the app]     without the app its test is left out
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
APP = sys.argv.pop(1) if len(sys.argv) > 1 else None

# Stands in for bench_step and, as --python, for torch: it serves, and counts how often it is run.
STAND_IN = """#!/bin/sh
echo run >> "$0.count"
case "$*" in
  *--info*) echo '{"torch": "none"}' ;;
  *torch_step.py*--serve*) while read -r line; do echo 0.030; done ;;
  *--serve*) while read -r line; do echo 0.010; done ;;
  *) echo '{"who": "me", "seconds": 0.01, "least": 0.01, "most": 0.02, "images_per_second": 9.0,'\\
      '"arena_mib": 1, "parts": {"forward": 0.004}}' ;;
esac
"""


class programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_program(self, name, *arguments):
        command = [sys.executable, str(BENCH / name), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertNotIn("Traceback", done.stderr + done.stdout)
        return done

    def battery(self, *arguments):
        places = ["--out", self.folder / "out", "--build", self.folder / "build"]
        return self.run_program("gpu/run", *places, *arguments)

    def stand_in(self):
        program = self.folder / "build" / "bench" / "bench_step"
        program.parent.mkdir(parents=True)
        program.write_text(STAND_IN)
        program.chmod(0o755)
        return program

    def test_the_plan_names_every_step_and_makes_nothing(self):
        plan = self.battery("--plan", "--cmake-arg=-DCatch2_DIR=/here")
        self.assertEqual(plan.returncode, 0, plan.stderr)
        lines = plan.stdout.splitlines()
        names = [line.split()[0] for line in lines if not line.startswith(" ")]
        expected = "build doctor tests memcheck racecheck determinism ceilings"
        expected += " parts:gemm-tf32 launches:gemm-tf32 parts:cudnn-tf32 launches:cudnn-tf32"
        expected += " torch:f32 torch:tf32"
        self.assertEqual(" ".join(names[:13]), expected)
        self.assertIn("torch:bf16-nhwc-grouped-compile-graph", names)
        self.assertRegex(lines[1], "-DTRIPTYCH_WITH_CUDA=ON .*native .*-DCatch2_DIR=/here")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_steps_are_chosen_by_name_or_kind(self):
        plan = self.battery("--plan", "--only", "parts,torch:f32", "--skip", "parts:gemm-tf32",
                            "--limit", "parts=7").stdout  # fmt: skip
        names = [line for line in plan.splitlines() if not line.startswith(" ")]
        self.assertEqual(names, ["parts:cudnn-tf32 (at most 7 s)", "torch:f32 (at most 420 s)"])
        self.assertEqual(self.battery("--plan", "--only", "part").returncode, 2)

    def test_what_is_missing_is_a_sentence_and_the_battery_goes_on(self):
        done = self.battery("--only", "doctor,parts", "--engines", "gemm")
        self.assertEqual(done.returncode, 1)
        table = (self.folder / "out" / "table.md").read_text()
        self.assertRegex(table, r"\| doctor \(failed\) \|  \| there is no .*triptych; run the step")
        self.assertRegex(table, r"\| parts:gemm-tf32 \(failed\) \|  \| there is no .*bench_step")
        self.assertIn("| build |  | not run |", table)

    def test_a_finished_step_is_not_run_again(self):
        count = pathlib.Path(f"{self.stand_in()}.count")
        step = ["--only", "parts:gemm-tf32", "--commit", "one"]
        self.assertEqual(self.battery(*step).returncode, 0)
        self.assertIn("finished before", self.battery(*step).stdout)
        self.assertEqual(count.read_text().count("run"), 1)
        self.battery(*step, "--again")
        self.battery("--only", "parts:gemm-tf32", "--commit", "two")
        self.battery("--only", "parts:gemm-tf32", "--commit", "two", "--batch", "7")
        self.assertEqual(count.read_text().count("run"), 4)
        results = json.loads((self.folder / "out" / "results.json").read_text())
        self.assertEqual(results["steps"][0]["numbers"]["parts"], {"forward": 0.004})

    def test_a_step_ends_at_its_limit(self):
        program = self.stand_in()
        program.write_text("#!/bin/sh\nsleep 60\n")
        done = self.battery("--only", "parts:gemm-tf32", "--limit", "parts=1")
        self.assertIn("the time limit of 1 s was over", done.stdout)

    def test_a_rung_compares_every_engine(self):
        python = self.stand_in()
        done = self.battery("--only", "torch:f32", "--python", python, "--pairs", "2")
        self.assertEqual(done.returncode, 0, done.stdout)
        table = (self.folder / "out" / "table.md").read_text()
        for engine in ("gemm", "cudnn"):
            self.assertIn(f"ours, {engine}, tf32 | 10.00 ms (10.00 ms to 10.00 ms), "
                          "ratio **3.00** (3.00 to 3.00)", table)  # fmt: skip

    def test_a_comparison_goes_on_without_what_does_not_run(self):
        out = self.folder / "pairs.json"
        done = self.run_program("compare_torch.py", "/bin/false", "--python", self.stand_in(),
                                "--pairs", "1", "--json", out)  # fmt: skip
        self.assertEqual(done.returncode, 1)
        numbers = json.loads(out.read_text())
        self.assertEqual(list(numbers["silent"]), ["fast"])
        self.assertEqual(numbers["results"]["torch"]["seconds"], 0.03)

    def test_the_ladder_is_named_by_its_rungs(self):
        ladder = self.run_program("gpu/torch_step.py", "--list").stdout.split()
        self.assertIn("tf32", ladder)
        refused = self.run_program("gpu/torch_step.py", "--rung", "f16-nhwc")
        self.assertEqual(refused.returncode, 2)

    @unittest.skipUnless(APP, "needs the app")
    def test_training_goes_on_where_a_piece_ended(self):
        out = self.folder / "run"
        sizes = "--data procedural --procedural-train 64 --procedural-test 32 --image-size 8"
        sizes += " --augment plain --width 2 --blocks 1,1,1,1 --head 8,8 --predictor-hidden 4"
        sizes += " --queue 32 --batch 16 --epochs 500 --checkpoint-every 1000 --log-every 100"
        train = ["gpu/train", "--app", APP, "--out", out, "--device", "cpu", "--quiet"]
        train += ["--threads", "1", "--saving", "7.5", "--eval-args", "--protocol knn"]
        train += sizes.split()
        first = self.run_program(*train, "--minutes", "0.15", "--pieces", "1")
        self.assertEqual(first.returncode, 143, first.stderr)
        self.assertRegex(first.stdout, "step [1-9][0-9]* of 2000")
        rest = self.run_program(*train, "--minutes", "9")
        self.assertEqual(rest.returncode, 0, rest.stderr)
        self.assertIn("--resume", rest.stdout)
        self.assertIn("step 2000 of 2000", rest.stdout)
        self.assertTrue((out / "eval.json").exists())


if __name__ == "__main__":
    unittest.main()
