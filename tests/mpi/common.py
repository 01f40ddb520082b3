"""What the tests of several processes share."""

import json
import os
import sys

APP, MPIRUN = sys.argv[1:3]
RUN = (
    "--data procedural --procedural-train 64 --procedural-test 32 --width 4 --image-size 16 --blocks 1,1,1,1"
    " --head 16,16 --predictor-hidden 8 --queue 40 --batch 16 --log-every 1 --device cpu --quiet --threads 1"
).split()
# Open MPI refuses root without the first two, more processes than cores without the third, and machines
# that have no ssh, which it does not need here, without the last.
ENVIRONMENT = dict(
    os.environ,
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_rmaps_base_oversubscribe="1",
    OMPI_MCA_hwloc_base_binding_policy="none",
    OMPI_MCA_plm="isolated",
)


def expect(condition, *what):
    if not condition:
        print("FAILED:", *what, sep="\n")
        sys.exit(1)


def checkpoint(run):
    newest = (run / "checkpoints" / "latest").resolve()
    return {f.name: f.read_bytes() for f in newest.iterdir() if f.suffix == ".safetensors"}


def status(run):
    return json.loads((run / "status.json").read_text())
