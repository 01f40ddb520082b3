#!/usr/bin/env python3
"""Training on two hosts, of which one loses its network. Needs root: the hosts are network namespaces.

    hosts.py APP MPIRUN      the app, built with MPI, and the mpirun of Open MPI

Two namespaces that a cable joins, each with a host name of its own; mpirun starts its daemon on the other one by an
agent in ssh's place. A run on both is that on two ranks of one process, byte by byte. Where the cable is cut the
run ends within 30 seconds on both, with what it had saved, and goes on on one host. The exit code is 1 where
one of that is not so, 77 where no namespace can be made.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from common import APP, ENVIRONMENT, MPIRUN, RUN, checkpoint, expect, status

HOSTS = {"10.213.77.1": "triptych-a", "10.213.77.2": "triptych-b"}
NETWORK = "10.213.77.0/24"
LONGEST = 30  # seconds from the cut to the end
# Open MPI's daemons ask each other for a sign of life after five minutes unless told otherwise.
SETTINGS = {
    "plm": "rsh",
    "btl": "tcp,self",
    "btl_tcp_if_include": NETWORK,
    "oob_tcp_if_include": NETWORK,
    "oob_tcp_keepalive_time": "5",
    "oob_tcp_keepalive_intvl": "2",
    "oob_tcp_keepalive_probes": "3",
}


def system(line, check=True):
    return subprocess.run(line.split(), check=check, capture_output=True, text=True)


def inside(host, words):
    """`words` on a host: its network, its name."""
    script = f'hostname {host}; exec "$@"'
    return ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c", script, "sh", *words]


def processes(agent, *words):
    settings = [word for name, value in SETTINGS.items() for word in ("--mca", name, value)]
    hosts = ",".join(f"{address}:1" for address in HOSTS)
    return inside(
        HOSTS["10.213.77.1"],
        [MPIRUN, *settings, "--mca", "plm_rsh_agent", str(agent), "-H", hosts, "-n", "2", APP, *words],
    )


def join():
    for host in HOSTS.values():
        if system(f"ip netns add {host}", check=False).returncode != 0:
            print("no network namespace can be made here")
            sys.exit(77)
    system("ip link add triptych-va type veth peer name triptych-vb")
    for (address, host), end in zip(HOSTS.items(), ("triptych-va", "triptych-vb")):
        system(f"ip link set {end} netns {host}")
        system(f"ip -n {host} addr add {address}/24 dev {end}")
        system(f"ip -n {host} link set {end} up")
        system(f"ip -n {host} link set lo up")


def part():
    for host in HOSTS.values():
        pids = system(f"ip netns pids {host}", check=False).stdout.split()
        for pid in pids:
            system(f"kill -9 {pid}", check=False)
        system(f"ip netns del {host}", check=False)


def left_over():
    return [pid for host in HOSTS.values() for pid in system(f"ip netns pids {host}").stdout.split()]


environment = {k: v for k, v in ENVIRONMENT.items() if k != "OMPI_MCA_plm"}
with tempfile.TemporaryDirectory() as folder:
    box = pathlib.Path(folder)
    agent = box / "agent"
    cases = "\n".join(f"  {address}) host={host} ;;" for address, host in HOSTS.items())
    agent.write_text(
        f'#!/bin/sh\naddress=$1; shift\ncase $address in\n{cases}\nesac\n'
        'exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"\n'
    )
    agent.chmod(0o755)
    part()
    join()
    try:
        threads, both = box / "threads", box / "both"
        alone = [APP, "train", *RUN, "--epochs", "4", "--ranks", "2", "--out", str(threads)]
        expect(subprocess.run(alone).returncode == 0, "two ranks of one process fail")
        done = subprocess.run(
            processes(agent, "train", *RUN, "--epochs", "4", "--out", str(both)),
            env=environment, capture_output=True, text=True, timeout=120,
        )
        expect(done.returncode == 0, done.stdout, done.stderr)
        expect(checkpoint(both) == checkpoint(threads), "two hosts and two threads end differently")

        run = box / "cut"
        program = subprocess.Popen(
            processes(agent, "train", *RUN, "--epochs", "100000", "--out", str(run)),
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        end = time.monotonic() + 60
        while not (run / "metrics.jsonl").exists() or len((run / "metrics.jsonl").read_text().splitlines()) < 20:
            expect(program.poll() is None and time.monotonic() < end, "no steps were made")
            time.sleep(0.01)
        system("ip -n triptych-b link set triptych-vb down")
        cut = time.monotonic()
        output, _ = program.communicate(timeout=600)
        seconds = time.monotonic() - cut
        while left_over() and time.monotonic() - cut < 120:
            time.sleep(0.1)
        everywhere = time.monotonic() - cut
        print(output[-1500:])
        print(f"over after {seconds:.1f} s, on both hosts after {everywhere:.1f} s")
        expect(program.returncode != 0, "a cut cable is a success")
        expect(everywhere < LONGEST, "a rank waits for one that it cannot reach")
        saved = status(run)["step"]
        goes_on = [APP, "train", "--resume", str(run), "--quiet", "--max-steps", str(saved + 8)]
        expect(subprocess.run(goes_on).returncode == 0 and status(run)["step"] == saved + 8, "it does not go on")
    finally:
        part()
print("two hosts train as they should")
