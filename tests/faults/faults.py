#!/usr/bin/env python3
"""Faults, kills and scarce resources over all commands of triptych.

    faults.py APP [--out DIR] [--docs exit_codes.md] [--groups faults,kills,resources]
              [--only ID [--keep]] [--share X] [--seconds N] [--seed N] [--all]

Every case has an ID; `--only ID` repeats it alone and shows what was said; `--from FILE` repeats
those of a file of failures (a K counts the calls of the program that it was found with). The baseline of every
command is made first (same fixture, no fault); a case fails if the program hangs, crashes, says
"unexpected", ends with a code that docs/exit_codes.md does not have, says more or less than one
sentence, advises an option that the command lacks, loses or tears a file, changes one of somebody
else, or if the same command (with --resume where a run is there) does not end afterwards with the
bits of the undisturbed one and without a .tmp- file.

IDs: COMMAND:KIND#K:WHAT        the K-th call of a kind fails (a "+" after K: all from it on);
                                WHAT is an errno, short, kill (before it) or killafter
     COMMAND:fp:POINT           TRIPTYCH_FAILPOINT=POINT
     COMMAND:sleep:SECONDS      SIGKILL after that time
     COMMAND:chain:N            killed again and again at random calls until it is done
     res:NAME:...               scarce resources, signals, removed directories
"""
import argparse, collections, errno, hashlib, json, os, random, re, select, shutil, signal
import struct, subprocess, sys, time, zlib

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ["open", "read", "write", "sync", "rename", "mkdir", "unlink", "truncate", "stat", "list",
         "link", "readlink", "lock", "close", "realpath", "chmod", "cwd", "malloc", "thread", "any"]
HITS, HIT_AT, LINES_AT, TRACE_AT, WIDTH, LINES = 31, 128, 640, 656, 512, 32768
SHARED = TRACE_AT + WIDTH * LINES

ERRNOS = {"open": "EIO EACCES ENOSPC EMFILE EINTR", "read": "EIO EINTR short",
          "write": "ENOSPC EIO EINTR short EDQUOT", "sync": "EIO ENOSPC EINTR",
          "rename": "EIO EACCES ENOSPC EINTR", "mkdir": "ENOSPC EACCES EINTR",
          "unlink": "EIO EACCES EINTR", "truncate": "EIO EINTR", "stat": "EIO EACCES",
          "list": "EIO EINTR EACCES ENOMEM", "link": "ENOSPC EIO EINTR", "readlink": "EIO EACCES",
          "lock": "EINTR EIO ENOLCK", "close": "EIO EINTR", "realpath": "EIO EACCES",
          "chmod": "EIO EPERM", "cwd": "ENOENT ENOMEM", "malloc": "ENOMEM", "thread": "EAGAIN"}
KEPT = [("write", "ENOSPC"), ("write", "EIO"), ("open", "EMFILE"), ("open", "EACCES"),
        ("sync", "EIO"), ("rename", "EACCES"), ("unlink", "EACCES"), ("mkdir", "ENOSPC"),
        ("stat", "EIO"), ("list", "EIO"), ("any", "EIO"), ("any", "ENOSPC"), ("any", "ESTALE"),
        ("any", "EACCES"), ("malloc", "ENOMEM")]
REASONS = {n: os.strerror(getattr(errno, n)) for n in
           "ENOSPC EIO EACCES EMFILE EDQUOT ENOLCK EPERM ESTALE".split()}
POINTS = ["checkpoint." + p for p in ("begun", "files", "manifest", "renamed", "latest", "pruned")]

MODEL = ("--data procedural --procedural-train 64 --procedural-test 16 --width 2 --image-size 16 "
         "--blocks 1,1,1,1 --head 8,8 --predictor-hidden 4 --queue 40 --batch 32 --log-every 1 "
         "--device cpu --quiet").split()


# ------------------------------------------------------------------------------------ small things

def unsynced(trace):
    """What `kind function path` lines leave to the system's memory: files that get their name before they
    are synced, by a rename of .tmp-<name>-<pid> or as a link to a file without one (#inode), and
    directories whose new names are not synced."""
    written, renamed, lost = set(), set(), set()
    for line in trace:
        kind, _, path = line.split(" ", 2)
        if kind in ("write", "truncate"):
            written.add(path)
        elif kind == "unlink":
            written.discard(path)
        elif kind == "sync":
            written.discard(path)
            renamed.discard(path)
        elif kind in ("rename", "link"):
            folder, name = os.path.split(path)
            early = {p for p in written if p.startswith((f"{folder}/.tmp-{name}-", f"{folder}/#"))}
            lost |= early
            written -= early
            renamed.add(folder)
    return sorted(lost | renamed)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def digest(data):
    return None if data is None else hashlib.blake2b(data, digest_size=8).hexdigest()


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
        if os.path.isdir(path):
            os.system(f"chmod -R u+rwx '{path}' && rm -rf '{path}'")
    elif os.path.lexists(path):
        os.unlink(path)


def snapshot(root):
    """A tree in memory."""
    items = []
    for folder, folders, files in os.walk(root):
        below = os.path.relpath(folder, root)
        for name in folders + files:
            path, key = os.path.join(folder, name), os.path.normpath(os.path.join(below, name))
            if os.path.islink(path):
                items.append((key, "link", os.readlink(path)))
            elif name in folders:
                items.append((key, "dir", None))
            else:
                items.append((key, "file", read(path)))
    return items


def restore(root, items):
    remove(root)
    os.makedirs(root)
    for key, kind, data in items:
        path = os.path.join(root, key)
        if kind == "dir":
            os.mkdir(path)
        elif kind == "link":
            os.symlink(data, path)
        else:
            with open(path, "wb") as f:
                f.write(data)


def png(width, height, level):
    """A gray gradient as PNG."""
    rows = b"".join(b"\0" + bytes((level + x * 3 + y) % 256 for x in range(width) for _ in range(3))
                    for y in range(height))
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Result:
    def __init__(self, code, out, err, seconds, hang, hit=None):
        self.code, self.out, self.err, self.seconds, self.hang, self.hit = (code, out, err, seconds,
                                                                            hang, hit)


# ---------------------------------------------------------------------------------------- commands

class Command:
    """A command line on a fixture: how it goes on, and what it leaves."""

    def __init__(self, name, fixture, line, quota, again=None, outcome=None, files=(), variant=None):
        self.name, self.fixture, self.line, self.quota = name, fixture, line, quota
        self.again = again or (lambda bed: line)
        self.outcome = outcome or (lambda bed, out: {"stdout": out})
        self.files = files    # that are whole or as before at every moment
        self.variant = variant
        self.sub = line[0]
        self.expected = self.seconds = None
        self.counts, self.sites = {}, {}


def run_outcome(bed, run, more=()):
    """What a finished run left, without what may differ."""
    left = {}
    points = os.path.join(run, "checkpoints")
    try:
        left["latest"] = os.readlink(os.path.join(points, "latest"))
    except OSError:
        left["latest"] = "none"
    latest = os.path.join(points, left["latest"])
    for name in sorted(os.listdir(latest)) if os.path.isdir(latest) else []:
        data = read(os.path.join(latest, name)) or b""
        if name == "MANIFEST.json":
            data = re.sub(rb'threads = \d+|"seal": "\w+"', b"", data)
        left["latest/" + name] = digest(data)
    left["config"] = digest(re.sub(rb"threads = .*", b"", read(run + "/config.toml") or b""))
    left["metrics.jsonl"] = digest(re.sub(rb'"wall_s":[^,]*,', b"", read(run + "/metrics.jsonl") or b""))
    left["metrics.csv"] = digest(re.sub(rb"(\n\d+,\d+),[^,]*", rb"\1", read(run + "/metrics.csv") or b""))
    left["export"] = digest(read(run + "/export/encoder.safetensors"))
    left["kept"] = ",".join(sorted(n for n in os.listdir(points) if n.startswith("step-"))
                            ) if os.path.isdir(points) else ""
    try:
        status = json.loads(read(run + "/status.json"))
        left["status"] = f'{status["state"]} {status["step"]}'
        json.loads(read(run + "/environment.json"))
    except (TypeError, ValueError, KeyError) as e:
        left["status"] = f"unreadable: {e}"
    lock = read(run + "/lock") or b""
    left["lock"] = "number" if re.fullmatch(rb"\d+\n?", lock) else repr(lock[:60])
    for name in more:
        left[name] = digest(read(os.path.join(bed.work, name)))
    return left


def table_outcome(bed, out, table):
    left = {"stdout": timeless_md(out)}
    root = os.path.join(bed.work, "out")
    left["md"] = timeless_md(read(f"{root}/{table}.md") or b"")
    rows = [line.split(b",") for line in (read(f"{root}/{table}.csv") or b"").split(b"\n")]
    timed = {i for i, name in enumerate(rows[0]) if b"minutes" in name or b"per_second" in name}
    left["csv"] = [[cell for i, cell in enumerate(row) if i not in timed] for row in rows]
    left["json"] = re.sub(rb'"(minutes|images_per_second)": \{[^}]*\}', b"",
                          read(f"{root}/{table}.json") or b"")
    for name in sorted(os.listdir(f"{root}/{table}")):
        path = f"{root}/{table}/{name}"
        if os.path.isdir(path):
            for key, value in run_outcome(bed, path).items():
                left[name + "/" + key] = value
            left[name + "/eval"] = ",".join(sorted(os.listdir(path + "/eval"))) if os.path.isdir(
                path + "/eval") else ""
        elif name.startswith("baselines"):
            left[name] = digest(read(path))
    return left


def timeless_md(text):
    return re.sub(rb"\| [0-9.]+ \| \d+ (\| [^|]* \| [^|]* \|\n)", rb"\1", text)


class Bed:
    """The app, its fixtures and commands, and how a case is run."""

    def __init__(self, options):
        self.options = options
        self.out = os.path.abspath(options.out)
        os.makedirs(self.out, exist_ok=True)
        os.chmod(self.out, 0o755)
        self.app = os.path.join(self.out, "triptych")
        shutil.copy(options.app, self.app)
        os.chmod(self.app, 0o755)
        self.library = os.path.join(self.out, "preload.so")
        subprocess.check_call(["gcc", "-O2", "-shared", "-fPIC", "-o", self.library,
                               os.path.join(HERE, "preload.c"), "-ldl"])
        self.work, self.data = os.path.join(self.out, "work"), os.path.join(self.out, "data")
        self.shared_file = os.path.join(self.out, "shared")
        with open(self.shared_file, "wb") as f:
            f.truncate(SHARED)
        os.chmod(self.shared_file, 0o666)
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.out, "TMPDIR": self.out}
        docs = read(options.docs).decode()
        self.codes = {0}
        for cell in re.findall(r"^\|([0-9, ]+)\|", docs, re.M):
            self.codes |= {int(c) for c in cell.split(",")}
        self.helps = {}
        for sub in (
            "train", "eval", "embed", "export", "inspect", "runs", "compare", "report", "data",
            "reproduce",
        ):
            text = self.run([sub, "--help"]).out.decode()
            self.helps[sub] = set(re.findall(r"--[a-z][a-z0-9-]*", text))

    # ------------------------------------------------------------------------------------ running

    def start(self, line, fault=None, variables=None, wrap=(), stdout=None, stderr=None, cwd=None):
        environment = dict(self.environment)
        if fault:
            environment.update({"LD_PRELOAD": self.library, "FAULT_PREFIX": self.out,
                                "FAULT_SHARED": self.shared_file}, **fault)
            with open(self.shared_file, "r+b") as f:
                f.write(bytes(TRACE_AT))
        environment.update(variables or {})
        return subprocess.Popen([*wrap, self.app, *line], stdin=subprocess.DEVNULL,
                                stdout=stdout or subprocess.PIPE, stderr=stderr or subprocess.PIPE,
                                env=environment, cwd=cwd or self.out)

    def finish(self, child, limit, begun=None):
        begun = begun or time.monotonic()
        hang = False
        if child.returncode is None:
            pidfd = os.pidfd_open(child.pid)
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            hang = not poller.poll(max(0, limit - (time.monotonic() - begun)) * 1000)
            os.close(pidfd)
            if hang:
                child.kill()
        code = child.wait()
        out = child.stdout.read() if child.stdout else b""
        err = child.stderr.read() if child.stderr else b""
        for pipe in (child.stdout, child.stderr):
            if pipe:
                pipe.close()
        return Result(code, out, err.decode(errors="replace"), time.monotonic() - begun, hang)

    def run(self, line, limit=10.0, **how):
        begun = time.monotonic()
        result = self.finish(self.start(line, **how), limit, begun)
        if how.get("fault"):
            with open(self.shared_file, "rb") as f:
                head = f.read(TRACE_AT)
            counts = struct.unpack("<32I", head[:128])
            result.counts = counts
            if counts[HITS]:
                result.hit = head[HIT_AT:LINES_AT].split(b"\0")[0].decode(errors="replace").replace(
                    self.out + "/", "")
        return result

    def limit(self, command):
        return max(8.0, 40 * (command.seconds or 0.1))

    # ----------------------------------------------------------------------------------- fixtures

    def make_fixtures(self):
        work = self.work
        run, out = work + "/run", work + "/out"
        train = ["train", "--out", run, *MODEL, "--epochs", "2"]

        def fixture(*lines, allow=(), foreign=True):
            remove(work)
            os.makedirs(work)
            for item in lines:
                line, variables = item if isinstance(item, tuple) else (item, None)
                result = self.run(line, variables=variables)
                if result.code != 0 and result.code not in allow:
                    sys.exit(f"cannot make a fixture: {' '.join(line)}: {result.code} {result.err}")
            places = [work] + ([run, run + "/checkpoints"] if foreign else [])
            for place in places:
                if os.path.isdir(place):
                    with open(place + "/notes.txt", "w") as f:
                        f.write("mine\n")
            return snapshot(work)

        # Data sets on disk.
        remove(self.data)
        os.makedirs(self.data + "/cifar")
        rng = random.Random(1)
        for i, name in enumerate(["data_batch_%d.bin" % (i + 1) for i in range(5)] + ["test_batch.bin"]):
            with open(f"{self.data}/cifar/{name}", "wb") as f:
                for r in range(4):
                    f.write(bytes([(r + i) % 10]) + rng.randbytes(3072))
        for part in ("train", "test"):
            for c in ("cat", "dog"):
                folder = f"{self.data}/folder/{part}/{c}"
                os.makedirs(folder)
                for i in range(3):
                    if i == 0:
                        data = b"P6\n8 8\n255\n" + rng.randbytes(192)
                    else:
                        data = png(8, 8, 20 * i)
                    with open(f"{folder}/{i}.{'ppm' if i == 0 else 'png'}", "wb") as f:
                        f.write(data)

        evaluation = ["eval", run, "--quiet", "--epochs", "3", "--batch", "32", "--protocol",
                      "linear,knn", "--threads", "1"]
        table = ["reproduce", "table1", "--out", out,
                 *MODEL, "--epochs", "2", "--methods", "moco,simsiam", "--seeds", "1",
                 "--evaluator", "knn", "--threads", "1"]
        linear_table = [{"knn": "linear", "moco,simsiam": "simsiam"}.get(w, w) for w in table]
        one = ["--threads", "1"]
        empty = fixture()
        half = fixture(train + one + ["--max-steps", "2"])
        done = fixture(train + one)
        judged = fixture(train + one + ["--seed", "2"], evaluation)
        kill = {"TRIPTYCH_FAILPOINT": "checkpoint.pruned#2"}
        evaluated = fixture(train + one, (evaluation, kill), allow=(137,))
        tabled = fixture((table, {"TRIPTYCH_FAILPOINT": "checkpoint.pruned#4"}), allow=(137,),
                         foreign=False)
        exported = done + [("encoder.onnx", "file", b"of before")]
        embedded = done + [("features.safetensors", "file", b"of before"),
                           ("sheet.ppm", "file", b"of before")]

        def resuming(bed):
            if os.path.exists(run + "/config.toml"):
                return ["train", "--out", run, "--quiet", "--threads", "1", "--resume"]
            return train + one

        def dumping(bed):
            dump = ["--dump-step", work + "/dump.safetensors", "--dump-at", "3"]
            if os.path.exists(run + "/config.toml"):
                return ["train", "--out", run, "--quiet", "--threads", "1", "--resume", *dump]
            return train + one + dump

        def judging(bed):
            return evaluation + ["--resume"]

        def of_run(bed, out_text):
            return run_outcome(bed, run)

        def of_eval(bed, out_text):
            left = {name: digest(read(f"{run}/{name}"))
                    for name in ("eval.json", "eval/confusion-trained-linear.csv")}
            linear = run + "/eval/linear/latest"
            for name in ("probe.safetensors", "MANIFEST.json"):
                left[name] = digest(read(f"{linear}/{name}"))
            left["stdout"] = out_text
            return {**left, **{"run/" + k: v for k, v in run_outcome(bed, run).items()}}

        def of_file(*names):
            return lambda bed, out_text: {"stdout": out_text, **{
                n: digest(read(os.path.join(bed.work, n))) for n in names}}

        def of_table(bed, out_text):
            return table_outcome(bed, out_text, "table1")

        metrics = ("run/config.toml", "run/status.json", "run/environment.json",
                   "run/export/encoder.safetensors")
        three = ["--threads", "3"]
        embed = ["embed", run, "--out", work + "/features.safetensors", "--quiet"]
        show = ["data", "show", "procedural", "--procedural-train", "16", "--procedural-test", "4",
                "--count", "2", "--views", "1", "--out", work + "/sheet.ppm"]
        all_commands = [
            Command("train_new", empty, train + one, 330, resuming, of_run, metrics),
            Command("train_resume", half, resuming_line(run), 330, resuming, of_run, metrics),
            Command("train_overwrite", judged, train + one + ["--overwrite"], 200,
                    lambda bed: train + one + ["--overwrite"], of_run, metrics),
            Command("train_dump", empty,
                    train + one + ["--dump-step", work + "/dump.safetensors", "--dump-at", "3"], 80,
                    dumping, lambda bed, t: run_outcome(bed, run, ["dump.safetensors"]), metrics),
            Command("eval_linear", done, evaluation, 260, judging, of_eval, ("run/eval.json",)),
            Command("eval_resume", evaluated, evaluation + ["--resume"], 190, judging, of_eval,
                    ("run/eval.json",)),
            Command("embed", embedded, embed + one, 190, None, of_file("features.safetensors"),
                    ("features.safetensors",)),
            Command("export", exported, ["export", run, "--out", work + "/encoder.onnx", "--overwrite"],
                    120, None, of_file("encoder.onnx"), ("encoder.onnx",)),
            Command("reproduce", empty, table, 150, None, of_table,
                    ("out/table1.md", "out/table1.csv", "out/table1.json")),
            Command("reproduce_resume", tabled, table, 150, None, of_table,
                    ("out/table1.md", "out/table1.csv", "out/table1.json")),
            Command("reproduce_linear", empty, linear_table, 20, None, of_table,
                    ("out/table1.md", "out/table1.csv", "out/table1.json")),
            Command("verify_cifar", empty, ["data", "verify", "cifar10", "--data-dir",
                                            self.data + "/cifar"], 90),
            Command("verify_folder", empty, ["data", "verify", "folder", "--data-dir",
                                             self.data + "/folder"], 150),
            Command("show", embedded, show, 80, None, of_file("sheet.ppm"), ("sheet.ppm",)),
            Command("report", done, ["report", run, "--out", work + "/report.html", "--quiet",
                                     "--map", "16"] + one, 200, None, of_file("report.html"),
                    ("report.html",)),
            Command("inspect_run", done, ["inspect", run], 150),
            Command("inspect_checkpoint", done, ["inspect", run + "/checkpoints/latest", "--json"], 90),
            Command("runs", done, ["runs", work], 60),
            Command("compare", judged, ["compare", run, run], 60),
            # With more threads, for those that cannot start.
            Command("train_threads", empty, train + three, 0, resuming, of_run, metrics,
                    variant="threads"),
            Command("eval_threads", done, evaluation[:-2] + three, 0, judging, of_eval, (),
                    variant="threads"),
            Command("embed_threads", embedded, embed + three, 0, None,
                    of_file("features.safetensors"), variant="threads"),
        ]
        self.commands = {c.name: c for c in all_commands}
        # Longer ones, to be disturbed from outside.
        long_train = ["train", "--out", run, *MODEL, "--threads", "1", "--epochs", "60"]
        self.long_train = Command("long_train", empty, long_train, 0, lambda bed: resuming(bed)
                                  if os.path.exists(run + "/config.toml") else long_train, of_run)
        long_eval = ["eval", run, "--quiet", "--epochs", "150", "--batch", "32", "--threads", "1",
                     "--protocol", "linear"]
        self.long_eval = Command("long_eval", done, long_eval, 0,
                                 lambda bed: long_eval + ["--resume"], of_eval)
        long_table = [w if w != "2" or table[i - 1] != "--epochs" else "30"
                      for i, w in enumerate(table)]
        self.long_table = Command("long_table", empty, long_table, 0, None, of_table)
        if not self.options.only and not self.options.from_file:
            for command in [*all_commands, self.long_train, self.long_eval, self.long_table]:
                self.baseline(command)

    def baseline(self, command):
        """The undisturbed outcome, its calls and its time."""
        for attempt in range(2):
            restore(self.work, command.fixture)
            result = self.run(command.line, limit=60)
            if result.code != 0:
                sys.exit(f"{command.name} fails undisturbed: {result.code} {result.err}")
            left = command.outcome(self, result.out)
            if attempt == 1 and left != command.expected:
                sys.exit(f"{command.name} differs between two runs: "
                         f"{differing(command.expected, left)}")
            command.expected = left
            command.seconds = min(command.seconds or 9e9, result.seconds)
        command.whole = {n: read(os.path.join(self.work, n)) for n in command.files}
        command.before = {k: d for k, kind, d in command.fixture if kind == "file"}
        if command.name.startswith("long_"):
            return
        restore(self.work, command.fixture)
        result = self.run(command.line, fault={"FAULT_TRACE": "1"}, limit=60)
        left = command.outcome(self, result.out)
        if left != command.expected:
            sys.exit(f"{command.name} differs under the library: {differing(command.expected, left)}")
        command.counts = {k: result.counts[i] for i, k in enumerate(KINDS[:-1])}
        command.counts["any"] = result.counts[len(KINDS) - 1]
        with open(self.shared_file, "rb") as f:
            f.seek(LINES_AT)
            lines = struct.unpack("<I", f.read(4))[0]
            if lines > LINES:
                sys.exit(f"{command.name} makes {lines} calls, of which {LINES} were seen; raise LINES")
            f.seek(TRACE_AT)
            trace = f.read(lines * WIDTH)
        calls = [trace[i * WIDTH:(i + 1) * WIDTH].split(b"\0")[0].decode(errors="replace")
                 for i in range(lines)]
        volatile = unsynced(calls)
        if volatile:
            sys.exit(f"{command.name}: a crash of the system could lose " + ", ".join(volatile))
        command.sites = collections.defaultdict(list)  # by kind: a site for each call
        for call in calls:
            kind, _, rest = call.partition(" ")
            site = re.sub(r"\d+", "N", rest.replace(self.out, ""))
            command.sites[kind].append(site)
            command.sites["any"].append(site)

    # ------------------------------------------------------------------------------------- checks

    def said(self, command, result, kill=False):
        """What is wrong with how the program ended."""
        wrong = []
        if result.hang:
            return ["HANG"]
        if result.code < 0 and not (kill and result.code == -signal.SIGKILL):
            wrong.append("CRASH signal %d" % -result.code)
        elif result.code >= 0 and result.code not in self.codes and not (kill and result.code == 137):
            wrong.append("CODE %d" % result.code)
        if "unexpected:" in result.err:
            wrong.append("UNEXPECTED")
        lines = [l for l in result.err.split("\n") if l and not l.startswith("triptych: warning:")]
        if result.code > 0 and not (kill and result.code == 137):
            many = command.sub == "inspect"  # says one for each damaged checkpoint
            if not lines or len(lines) > 1 and not many or not all(
                    l.startswith("triptych: ") and "; " in l for l in lines):
                wrong.append("WORDS %d lines" % len(lines))
            for line in lines:
                advice = line.rsplit("; ", 1)[-1]
                sub = "train" if "train" in advice and command.sub != "train" else command.sub
                for option in re.findall(r"--[a-z][a-z0-9-]*", advice):
                    if option not in self.helps[sub]:
                        wrong.append(f"ADVICE {option}")
        if result.code == 0 and lines:
            wrong.append("WORDS with code 0")
        return wrong

    def newest(self, run):
        points = os.path.join(run, "checkpoints")
        try:
            return max((int(n[5:]) for n in os.listdir(points)
                        if re.fullmatch(r"step-\d+", n) and
                        os.path.exists(f"{points}/{n}/MANIFEST.json")), default=-1)
        except OSError:
            return -1

    def files_wrong(self, command, after_success=False):
        wrong = []
        for key, data in command.before.items():
            if key.endswith("notes.txt") and read(os.path.join(self.work, key)) != data:
                wrong.append("FOREIGN " + key)
        for name in command.files:
            now = read(os.path.join(self.work, name))
            if now is None or now in (command.before.get(name), command.whole.get(name)):
                continue
            if name.endswith(".json"):
                try:
                    json.loads(now)
                    continue
                except ValueError:
                    pass
            elif name.endswith(".html"):  # a whole page that says which pictures it lacks, and why
                if not after_success and now.startswith(b"<!doctype html>\n<!-- triptych report ") and \
                        now.endswith(b"</html>\n") and b", for this reason: " in now:
                    continue
            elif name.startswith("run/") or name.endswith((".md", ".csv")):
                if now.endswith(b"\n") or name.endswith(".safetensors") and sound(now):
                    continue
            wrong.append("TORN " + name)
        for name in command.files:  # what was there must not vanish
            if name.startswith("run/") or name in ("features.safetensors", "sheet.ppm"):
                if name in command.before and "--overwrite" not in command.line and \
                        read(os.path.join(self.work, name)) is None:
                    wrong.append("VANISHED " + name)
        if after_success:
            for folder, folders, files in os.walk(self.work):
                for n in folders + files:
                    if n.startswith(".tmp-"):
                        place = os.path.relpath(os.path.join(folder, n), self.work)
                        # Beside a file of the user's there is no list that says whose it is.
                        listed = os.path.exists(os.path.join(folder, ".triptych"))
                        wrong.append(("" if listed else "note ") + "LEFTOVER " +
                                     re.sub(r"\d+", "N", place))
        return wrong

    def go_on(self, command, label="AFTER"):
        """The same command without fault must end with the bits of the undisturbed one."""
        line = command.again(self)
        result = self.run(line, limit=self.limit(command) + 5)
        wrong = [f"{label} {w}" for w in self.said(command, result)]
        if result.code != 0:
            return wrong + [f"{label} code {result.code}: {result.err.strip()[-160:]}"], result
        wrong += unlike("after", command.expected, command.outcome(self, result.out))
        return wrong + self.files_wrong(command, after_success=True), result

    def judge(self, command, result, transparent=False, kill=False):
        wrong = self.said(command, result, kill)
        wrong += self.files_wrong(command)
        if command.fixture_newest > self.newest(self.work + "/run") and \
                "--overwrite" not in command.line:
            wrong.append("LOST a newer checkpoint than what is left")
        if result.code == 0:
            left = command.outcome(self, result.out)
            wrong += unlike("code 0", command.expected, left)
            if command.name == "train_resume":
                log = (read(self.work + "/run/train.log") or b"")[len(
                    command.before["run/train.log"]):].decode(errors="replace")
                if set(re.findall(r"after step (\d+) on", log)) != {"2"}:
                    wrong.append("LOST it began anew where there was a checkpoint of step 2")
            wrong += self.files_wrong(command, after_success=True)
        elif transparent:
            wrong.append(f"INTERRUPTED not repeated, code {result.code}")
        if result.code == 0 and not failed(wrong):
            return wrong
        found = re.search(rb'"state": "(\w+)"', read(self.work + "/run/status.json") or b"")
        self.status_then = found.group(1).decode() if found else ""
        more, after = self.go_on(command)
        self.last_after = after
        return wrong + [w for w in more if w not in wrong]

    # -------------------------------------------------------------------------------------- cases

    def prepare(self, command):
        if command.expected is None:
            self.baseline(command)
        restore(self.work, command.fixture)
        command.fixture_newest = self.newest(self.work + "/run")

    def fault(self, command, kind, at, what, keep):
        self.prepare(command)
        variables = {"FAULT_KIND": kind, "FAULT_AT": str(at), "FAULT_DO": what}
        if keep:
            variables["FAULT_KEEP"] = "1"
        result = self.run(command.line, fault=variables, limit=self.limit(command))
        kill = what.startswith("kill")
        wrong = self.judge(command, result, what in ("EINTR", "short"), kill)
        if what in REASONS and result.code in (2, 6) and REASONS[what] not in result.err:
            wrong.append("note MISLED the sentence hides " + what)
        if what == "ENOMEM" and result.code not in (0, 7):
            wrong.append(f"MEMORY was short, and the code is {result.code}")
        if result.code > 0 and command.sub == "train" and not keep and self.status_then == "running":
            wrong.append("note STATUS running after an end with a sentence")
        return result, wrong

    def failpoint(self, command, point):
        self.prepare(command)
        result = self.run(command.line, variables={"TRIPTYCH_FAILPOINT": point},
                          limit=self.limit(command))
        result.hit = point if result.code == 137 else None
        return result, self.judge(command, result, kill=True)

    def kill_after(self, command, seconds):
        self.prepare(command)
        begun = time.monotonic()
        child = self.start(command.line)
        time.sleep(seconds)
        child.kill()
        result = self.finish(child, 10, begun)
        result.hit = "SIGKILL" if result.code == -9 else None
        return result, self.judge(command, result, kill=True)

    def chain(self, command, seed):
        """Killed or refused at random calls, one after another, until the command gets through."""
        self.prepare(command)
        rng, wrong, kills, line = random.Random(seed), [], 0, command.line
        for _ in range(12):
            at = rng.randint(1, max(2, command.counts["any"] * 2 // 3))
            result = self.run(line, limit=self.limit(command), fault={
                "FAULT_KIND": "any", "FAULT_AT": str(at),
                "FAULT_DO": rng.choice(["kill", "kill", "killafter", "killafter", "EIO", "ENOSPC"])})
            wrong += [w for w in self.said(command, result, kill=True) + self.files_wrong(command)
                      if w not in wrong]
            if result.code == 0:
                break
            kills += result.code == -9
            line = command.again(self)
        result.hit = "SIGKILL"
        result.kills = kills
        return result, wrong + [w for w in self.go_on(command)[0] if w not in wrong]


def unlike(when, expected, left):
    """BITS, or the note UNPRUNED where only the number of checkpoints kept is another."""
    keys = [k for k in sorted(set(expected) | set(left)) if expected.get(k) != left.get(k)]
    if not keys:
        return []
    if all(k == "kept" or k.endswith("/kept") for k in keys):
        return [f"note UNPRUNED {when}"]
    return [f"BITS {when}: {', '.join(keys)}"]


def sound(data):
    """Whether bytes are a whole safetensors file."""
    try:
        n = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + n])
        return len(data) - 8 - n == max((v["data_offsets"][1] for k, v in header.items()
                                         if k != "__metadata__"), default=0)
    except (ValueError, KeyError, struct.error):
        return False


def resuming_line(run):
    return ["train", "--out", run, "--quiet", "--threads", "1", "--resume"]


def differing(a, b):
    return ", ".join(sorted(k for k in set(a) | set(b) if a.get(k) != b.get(k)))


# ------------------------------------------------------------------------------------ lists of cases

def chosen_calls(command, kind, count, rng, code=""):
    """`count` of a kind's calls, every site before any site again."""
    total = command.counts.get(kind, 0)
    sites = command.sites.get(kind, [])
    if len(sites) < total:  # memory, or a trace that was cut
        sites = ["" for _ in range(total)]
    by_site = collections.defaultdict(list)
    for i in range(total):
        if kind == "open" and code in ("ENOSPC", "EDQUOT") and "(w) " not in sites[i]:
            continue  # reading takes no room
        by_site[sites[i]].append(i + 1)
    piles = list(by_site.values())
    rng.shuffle(piles)
    for pile in piles:
        if len(piles) > 1:
            rng.shuffle(pile)
    total = sum(len(pile) for pile in piles)
    if len(piles) == 1 and total > count and kind != "open":  # evenly
        return sorted({1 + i * total // count for i in range(count)})
    calls = []
    while len(calls) < min(count, total):
        for pile in piles:
            if pile and len(calls) < count:
                calls.append(pile.pop())
    return calls


def fault_cases(bed, rng, share):
    cases = []
    for command in bed.commands.values():
        if command.variant == "threads":
            for at in range(1, min(command.counts["thread"], 4) + 1):
                cases.append((command, "thread", at, "EAGAIN", False))
            cases.append((command, "thread", 1, "EAGAIN", True))
            continue
        quota = int(command.quota * share)
        pools = []
        for kind, codes in ERRNOS.items():
            if kind == "thread":
                for at in range(1, min(command.counts["thread"], 2) + 1):
                    cases.append((command, kind, at, "EAGAIN", False))
                continue
            for code in codes.split():
                # Every site of the rare kinds, many of the frequent ones.
                most = quota if kind != "malloc" else max(12, quota // 8)
                pools.append([(command, kind, at, code, False)
                              for at in chosen_calls(command, kind, most, rng, code)])
        for kind, code in KEPT:
            few = 3 if kind != "any" else 8
            pools.append([(command, kind, at, code, True)
                          for at in chosen_calls(command, kind, few, rng, code)])
        pools = [p for p in pools if p]
        taken = []
        while len(taken) < quota and any(pools):
            for pool in pools:
                if pool and len(taken) < quota:
                    taken.append(pool.pop(0))
        cases += taken
    return cases


def kill_cases(bed, rng, share):
    """Tuples of what to do; 300 and more kills."""
    cases = []
    def name(n):
        return bed.commands[n]
    for n in ("train_new", "train_resume", "train_overwrite", "eval_linear", "eval_resume",
              "reproduce", "reproduce_resume"):
        for point in POINTS:
            for passage in ((1, 2, 4) if n in ("train_new", "train_overwrite", "eval_linear") else
                            (1, 2) if n.endswith("resume") else (1, 3, 5, 7)):
                cases.append(("fp", name(n), f"{point}#{passage}"))
    for n, count in (("train_new", 40), ("train_resume", 25), ("train_overwrite", 30),
                     ("train_dump", 10), ("eval_linear", 25), ("eval_resume", 10), ("embed", 10),
                     ("reproduce", 30), ("reproduce_resume", 15), ("reproduce_linear", 12),
                     ("show", 6)):
        calls = chosen_calls(name(n), "any", int(count * share) or 1, rng)
        for i, at in enumerate(calls):
            cases.append(("call", name(n), at, "kill" if i % 2 else "killafter"))
    for n, count in (("train_new", 14), ("train_resume", 8), ("train_overwrite", 8),
                     ("eval_linear", 8), ("embed", 4), ("reproduce", 10), ("reproduce_resume", 4)):
        for _ in range(int(count * share) or 1):
            cases.append(("sleep", name(n), round(rng.uniform(0.003, name(n).seconds), 4)))
    for n, count in (("train_new", 5), ("train_overwrite", 4), ("eval_linear", 3), ("reproduce", 4)):
        for i in range(int(count * share) or 1):
            cases.append(("chain", name(n), rng.randrange(10 ** 6)))
    for name_of, count in (("train_new", 12), ("reproduce", 10)):
        for i in range(int(count * share)):
            cases.append(("fp", name(name_of), f"*#{1 + i * name(name_of).counts['any'] // (count * 2)}"))
    return cases


# -------------------------------------------------------------------------------------- resources

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


class Resources:
    """Each case returns (command, result, wrong)."""

    def __init__(self, bed):
        self.bed = bed
        self.cases = {}
        c = bed.commands
        several = [c[n] for n in ("train_new", "train_resume", "eval_linear", "embed", "show",
                                  "inspect_run", "reproduce")]
        for digits in ("0", "1", "2", "01", "02", "12", "012"):
            redirect = " ".join({"0": "<&-", "1": ">&-", "2": "2>&-"}[d] for d in digits)
            wrap = ["sh", "-c", f'exec "$@" {redirect}', "sh"]
            for command in several:
                self.add(f"closed-{digits}:{command.name}", command, wrap, silent="2" in digits,
                         noisy=True)
        for mb in (13, 14, 15, 16, 17, 18, 20, 22, 24, 26, 28, 32, 40, 64, 96, 160):
            for command in (c["train_new"], c["eval_linear"], c["embed"], c["verify_folder"],
                            c["inspect_run"], c["train_threads"]):
                if mb < 20 or command.name in ("train_threads", "train_new", "eval_linear"):
                    self.add(f"memory-{mb}MB:{command.name}", command,
                             ["prlimit", f"--as={mb << 20}", "--"])
        for mb in (32, 48, 64, 96, 128, 192, 256):
            self.cases[f"big-{mb}MB:train"] = lambda mb=mb: self.big(mb)
        for n in (1, 2, 3):
            for command in (c["train_threads"], c["eval_threads"], c["embed_threads"],
                            c["verify_folder"]):
                self.add(f"processes-{n}:{command.name}", command,
                         [*NOBODY, "prlimit", f"--nproc={n}", "--"], owner=65534)
        for size in (0, 1, 100, 1000, 3000, 10000, 30000):
            for command in (c["train_new"], c["train_resume"], c["eval_linear"], c["embed"],
                            c["show"], c["reproduce"]):
                self.add(f"filesize-{size}:{command.name}", command,
                         ["prlimit", f"--fsize={size}", "--"])
        for n in (4, 5, 6, 7, 8):
            for command in several:
                self.add(f"descriptors-{n}:{command.name}", command,
                         ["prlimit", f"--nofile={n}", "--"])
        nowhere = ["sh", "-c", 'mkdir -p gone && cd gone && rmdir ../gone && exec "$@"', "sh"]
        for command in [*several, c["verify_folder"], c["inspect_checkpoint"], c["train_overwrite"]]:
            self.add(f"no-directory:{command.name}", command, nowhere)
        for command in several:
            self.cases[f"stdout-full:{command.name}"] = lambda command=command: self.outputs(
                command, "/dev/full", None)
            self.cases[f"stderr-full:{command.name}"] = lambda command=command: self.outputs(
                command, None, "/dev/full")
            self.cases[f"stdout-pipe:{command.name}"] = lambda command=command: self.outputs(
                command, "pipe", None)
            self.cases[f"stderr-pipe:{command.name}"] = lambda command=command: self.outputs(
                command, None, "pipe")
        for what in ("run", "run/checkpoints"):
            for command in (c["train_resume"], c["eval_linear"], c["embed"], c["inspect_run"]):
                self.cases[f"readonly-{what.replace('/', '.')}:{command.name}"] = (
                    lambda command=command, what=what: self.readonly(command, what))
        for every in ("1", "1000"):
            self.cases[f"removed-run:every-{every}"] = lambda every=every: self.removed(every, "rm")
            self.cases[f"moved-run:every-{every}"] = lambda every=every: self.removed(every, "mv")
        self.cases["removed-lock:second-trainer"] = self.two_trainers
        for name in ("long_train", "long_eval", "long_table"):
            command = getattr(bed, name)
            for signals in ([signal.SIGHUP], [signal.SIGINT], [signal.SIGTERM],
                            [signal.SIGHUP, signal.SIGTERM]):
                key = "-".join(s.name for s in signals)
                self.cases[f"{key}:{name}"] = (lambda command=command, signals=signals:
                                               self.signalled(command, signals))

    def big(self, mb):
        """A network that cannot fit."""
        bed, command = self.bed, self.bed.commands["train_new"]
        bed.prepare(command)
        line = ["train", "--out", bed.work + "/run", "--data", "procedural", "--procedural-train",
                "256", "--width", "64", "--image-size", "64", "--batch", "128", "--queue", "256",
                "--threads", "1", "--device", "cpu", "--max-steps", "1", "--quiet"]
        result = bed.run(line, wrap=["prlimit", f"--as={mb << 20}", "--"], limit=20)
        wrong = bed.said(command, result)
        if result.code not in (0, 7):
            wrong.append(f"CODE {result.code} where 7 is meant")
        return command, result, wrong

    def add(self, key, command, wrap, owner=None, silent=False, noisy=False):
        self.cases[key] = lambda: self.wrapped(command, wrap, owner, silent, noisy)

    def wrapped(self, command, wrap, owner, silent, noisy):
        bed = self.bed
        bed.prepare(command)
        if owner is not None:
            os.system(f"chown -R {owner} '{bed.work}'")
        line = [w for w in command.line if w != "--quiet" or not noisy]
        result = bed.run(line, wrap=wrap, limit=bed.limit(command))
        if noisy:  # progress is no error
            result.err = "\n".join(l for l in result.err.split("\n") if l.startswith("triptych: "))
        if result.code in (126, 127) or result.code == 1 and "prlimit" in result.err:
            return command, None, []  # the program was not even loaded
        if silent and result.code > 0:
            result.err = "triptych: nobody could hear; it"
        wrong = bed.judge(command, result)
        # With a closed stdout there is nowhere for the results.
        wrong = [w for w in wrong if w != "BITS code 0: stdout"]
        return command, result, wrong

    def outputs(self, command, out, err):
        bed = self.bed
        bed.prepare(command)
        handles = []
        def target(name):
            if name is None:
                return None
            if name == "pipe":
                r, w = os.pipe()
                os.close(r)
                handles.append(w)
                return w
            handles.append(os.open(name, os.O_WRONLY))
            return handles[-1]
        begun = time.monotonic()
        child = bed.start(command.line, stdout=target(out), stderr=target(err))
        for h in handles:
            os.close(h)
        result = bed.finish(child, bed.limit(command), begun)
        if err and result.code > 0:
            result.err = "triptych: nobody could hear; it"
        if result.code == -signal.SIGPIPE:  # as every filter does
            return command, result, [w for w in bed.judge(command, result)
                                     if not w.startswith("CRASH")]
        wrong = bed.judge(command, result)
        return command, result, [w for w in wrong if w != "BITS code 0: stdout"]

    def readonly(self, command, what):
        bed = self.bed
        bed.prepare(command)
        os.system(f"chown -R 65534 '{bed.work}' && chmod 0555 '{bed.work}/{what}'")
        result = bed.run(command.line, wrap=NOBODY, limit=bed.limit(command))
        os.system(f"chmod 0755 '{bed.work}/{what}'")
        return command, result, bed.judge(command, result)

    def reached(self, child, test, limit=10):
        end = time.monotonic() + limit
        while time.monotonic() < end and child.poll() is None:
            if test():
                return True
            time.sleep(0.002)
        return False

    def steps(self, run="run"):
        return (read(f"{self.bed.work}/{run}/metrics.jsonl") or b"").count(b"\n")

    def removed(self, every, how):
        bed, command = self.bed, self.bed.long_train
        bed.prepare(command)
        child = bed.start(command.line[:-1] + ["150", "--checkpoint-every", every])
        self.reached(child, lambda: self.steps() >= 6)
        begun = time.monotonic()
        if how == "rm":
            remove(bed.work + "/run")
        else:
            os.rename(bed.work + "/run", bed.work + "/other")
        result = bed.finish(child, 15, begun)
        wrong = bed.said(command, result)
        if result.code == 0:
            wrong.append("STATE its directory was removed, and it ends with code 0")
        if result.code == 0 and os.path.isdir(bed.work + "/run") and how == "mv":
            wrong.append("STATE it made another directory")
        return command, result, wrong

    def two_trainers(self):
        bed, command = self.bed, self.bed.long_train
        bed.prepare(command)
        long = command.line[:-1] + ["2000"]
        first = bed.start(long)
        self.reached(first, lambda: self.steps() >= 4)
        os.unlink(bed.work + "/run/lock")
        second = bed.start(["train", "--out", bed.work + "/run", "--quiet", "--resume"])
        begun = time.monotonic()
        while time.monotonic() - begun < 4 and first.poll() is None and second.poll() is None:
            time.sleep(0.01)
        both = first.poll() is None and second.poll() is None
        ended = second if second.poll() is not None else first
        other = first if ended is second else second
        other.kill()
        bed.finish(other, 1)
        result = bed.finish(ended, 0.5)
        if both:
            result.hang = False
            return command, result, ["STATE two trainers work on one run after its lock was removed"]
        wrong = bed.said(command, result)
        if result.code == 0:
            wrong.append("STATE one of two trainers ended with code 0")
        return command, result, wrong

    def signalled(self, command, signals):
        bed = self.bed
        bed.prepare(command)
        child = bed.start(command.line)
        if command is bed.long_train:
            self.reached(child, lambda: self.steps() >= 8)
        elif command is bed.long_eval:
            self.reached(child, lambda: os.path.exists(bed.work + "/run/eval/linear/latest"))
        else:
            self.reached(child, lambda: os.path.exists(
                bed.work + "/out/table1/moco-seed1/checkpoints/latest"))
        begun = time.monotonic()
        for s in signals:
            child.send_signal(s)
        result = bed.finish(child, 10, begun)
        result.hit = "signal"
        wrong = []
        if result.hang:
            wrong.append("HANG")
        elif result.code < 0:
            wrong.append("CRASH signal %d" % -result.code)
        elif result.code not in bed.codes:
            wrong.append("CODE %d" % result.code)
        status = "running"
        if command is bed.long_train and len(signals) == 1:
            try:
                status = json.loads(read(bed.work + "/run/status.json"))["state"]
            except (TypeError, ValueError, KeyError):
                status = "unreadable"
            if result.code != 0 and status != "interrupted":
                wrong.append("STATE status.json says " + status)
        more, _ = bed.go_on(command)
        return command, result, wrong + more


# ------------------------------------------------------------------------------------------- main

class Report:
    def __init__(self, bed, options):
        self.bed, self.options = bed, options
        self.faults = collections.Counter()
        self.codes = collections.defaultdict(collections.Counter)
        self.failed = collections.Counter()
        self.kills = collections.Counter()
        self.missed = 0
        self.resources = collections.Counter()
        self.lines, self.notes = [], []
        self.groups = collections.OrderedDict()

    def failure(self, key, command, result, wrong):
        hit = (result.hit or "") if result else ""
        said = result.err.strip().split("\n")[-1] if result else ""
        line = f"{key}  [{hit}]  {'; '.join(wrong)}  said ({result.code if result else '-'}): {said[:200]}"
        if not failed(wrong):
            self.notes.append(line)
            return
        self.lines.append(line)
        for signature in signatures(command, hit, wrong, said):
            self.groups.setdefault(signature, []).append((key, command, said, result))


def plain(text, bed_words=r"(moco|simsiam)-seed\d+|train|test|cat|dog"):
    return re.sub(r"\d+", "N", text)


def signatures(command, hit, wrong, said):
    """What is the same about a failure and others: one for each thing that is wrong."""
    sub = command.sub if command else ""
    found = set()
    for w in wrong:
        label = w.split(" ")[1] if w.startswith("AFTER") else w.split(" ")[0]
        label = label if label.isupper() else "AFTER"
        if label == "ADVICE":
            found.add((label, sub, w))
        elif label == "INTERRUPTED":
            found.add((label, hit.split(" ")[0], "not repeated"))
        elif label == "UNEXPECTED":
            found.add((label, re.sub(r"/[^ \]]*", "PATH", said), ""))
        elif label == "HANG":
            found.add((label, sub, hit.strip()))
        elif label in ("LEFTOVER", "TORN", "FOREIGN", "VANISHED"):
            found.add((label, plain(re.sub(r"(moco|simsiam)-seed", "CELL-seed", w)), ""))
        elif label == "BITS":
            keys = re.sub(r"(moco|simsiam)-seed\d+/", "", w)
            when, _, keys = keys.partition(": ")
            keys = {re.sub("latest/.*", "latest/*", k) for k in keys.split(", ")}
            found.add((label, sub, when + ": " + ", ".join(sorted(keys))))
        elif not w.startswith("note "):
            found.add((label, sub, plain(w)[:100]))
    return sorted(found)


def failed(wrong):
    return any(not w.startswith("note ") for w in wrong)


def repeat(options, key):
    return f"{sys.executable} {os.path.abspath(__file__)} {options.app} --only '{key}'"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("app")
    parser.add_argument("--out", default=f"/dev/shm/triptych-faults-{os.getpid()}")
    parser.add_argument("--docs", default=os.path.join(HERE, "..", "..", "docs", "exit_codes.md"))
    parser.add_argument("--groups", default="faults,kills,resources")
    parser.add_argument("--only")
    parser.add_argument("--from", dest="from_file", metavar="FILE",
                        help="repeat the cases that a file of failures names")
    parser.add_argument("--keep", action="store_true", help="leave the work directory")
    parser.add_argument("--share", type=float, default=1.0, help="of the cases")
    parser.add_argument("--seconds", type=float, default=690)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--all", action="store_true", help="print every failure, not one of a kind")
    parser.add_argument("--log", default="", help="file for every failure")
    options = parser.parse_args()
    os.nice(10)
    begun = time.monotonic()
    bed = Bed(options)
    bed.make_fixtures()
    made = time.monotonic() - begun
    rng = random.Random(options.seed)
    report = Report(bed, options)
    if options.only or options.from_file:
        code = only(bed, options.only) if options.only else again(bed, options.from_file)
        if not options.keep:
            remove(bed.out)
        return code

    print("command              ms  " + " ".join(f"{k:>8}" for k in KINDS[:-1]))
    for c in bed.commands.values():
        print(f"{c.name:18} {c.seconds * 1000:4.0f}  " +
              " ".join(f"{c.counts[k]:8}" for k in KINDS[:-1]))
    sys.stdout.flush()

    work = []
    groups = options.groups.split(",")
    if "faults" in groups:
        work += [("fault", c) for c in fault_cases(bed, rng, options.share)]
    if "kills" in groups:
        work += [("kill", c) for c in kill_cases(bed, rng, options.share)]
    if "resources" in groups:
        cases = list(Resources(bed).cases.items())
        work += [("resource", c) for c in cases if options.share >= 1 or rng.random() < options.share]
    print(", ".join(f"{n} {g} cases" for g, n in sorted(collections.Counter(
        g for g, _ in work).items())) + ": " + ", ".join(f"{k} {n}" for k, n in collections.Counter(
            c[0].name for g, c in work if g == "fault").items()))
    sys.stdout.flush()
    rng.shuffle(work)  # so that a part is a sample of all
    done, told = 0, time.monotonic()
    for group, case in work:
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"{told - begun:4.0f} s: {done} of {len(work)}, {len(report.lines)} failed",
                  file=sys.stderr)
        if time.monotonic() - begun > options.seconds:
            break
        done += 1
        if group == "fault":
            command, kind, at, what, keep = case
            key = f"{command.name}:{kind}#{at}{'+' if keep else ''}:{what}"
            result, wrong = bed.fault(*case)
            if result.hit is None:
                report.missed += 1
            report.faults[kind, what] += result.hit is not None
            report.codes[kind, what][result.code] += 1
            report.failed[kind, what] += failed(wrong)
        elif group == "kill":
            how, command, *rest = case
            if how == "fp":
                key, (result, wrong) = f"{command.name}:fp:{rest[0]}", bed.failpoint(command, rest[0])
            elif how == "call":
                key = f"{command.name}:any#{rest[0]}:{rest[1]}"
                result, wrong = bed.fault(command, "any", rest[0], rest[1], False)
            elif how == "sleep":
                key, (result, wrong) = (f"{command.name}:sleep:{rest[0]}",
                                        bed.kill_after(command, rest[0]))
            else:
                key, (result, wrong) = f"{command.name}:chain:{rest[0]}", bed.chain(command, rest[0])
            report.kills[how] += getattr(result, "kills", 1 if result.hit else 0)
            report.failed["kill", how] += failed(wrong)
        else:
            name, call = case
            key = "res:" + name
            command, result, wrong = call()
            report.resources[name.split("-")[0].split(":")[0]] += result is not None
            report.failed["resource", name.split("-")[0].split(":")[0]] += failed(wrong)
        if wrong:
            report.failure(key, command, result, wrong)
    summary(report, options, begun, made, done, len(work))
    if not options.keep:
        remove(bed.out)
    return 1 if report.lines or done < len(work) else 0


def summary(report, options, begun, made, done, planned):
    print("\nfaults by kind")
    print(f"{'kind':9} {'what':9} {'hits':>5} {'failed':>7}  codes")
    for (kind, what), n in sorted(report.faults.items()):
        codes = " ".join(f"{c}:{k}" for c, k in sorted(report.codes[kind, what].items()))
        print(f"{kind:9} {what:9} {n:5} {report.failed[kind, what]:7}  {codes}")
    print("\nkills      " + ", ".join(f"{h} {n} ({report.failed['kill', h]} failed)"
                                      for h, n in sorted(report.kills.items())))
    print("resources  " + ", ".join(f"{h} {n} ({report.failed['resource', h]} failed)"
                                    for h, n in sorted(report.resources.items())))
    problems = collections.Counter()
    for line in report.lines:
        for word in set(re.findall(r"\b(HANG|CRASH|CODE|UNEXPECTED|WORDS|ADVICE|BITS|LOST|FOREIGN|TORN|"
                                   r"VANISHED|LEFTOVER|INTERRUPTED|AFTER|STATE)\b",
                                   line.split("  ")[2])):
            problems[word] += 1
    log = options.log or os.path.join(os.getcwd(), "faults-failures.txt")
    with open(log, "w") as f:
        f.write("\n".join(report.lines + ["", "notes"] + report.notes) + "\n")
    print(f"\n{sum(report.faults.values())} faults ({report.missed} more found nothing to hit), "
          f"{sum(report.kills.values())} kills, {sum(report.resources.values())} resource cases; "
          f"{done} of {planned} cases in {time.monotonic() - begun:.0f} s (fixtures {made:.0f} s); "
          f"{len(report.lines)} failures, {len(report.groups)} distinct: {dict(problems)}")
    print(f"all failures in {log}; repeat one with: {repeat(options, 'ID')}")
    if options.all:
        print("\n".join(report.lines))
    else:
        for signature, cases in sorted(report.groups.items()):
            names = sorted({c.name for _, c, _, _ in cases if c})
            whats = sorted({key.rsplit(":", 1)[-1] if not key.startswith("res:") else
                            key.split(":")[1].split("-")[0] for key, *_ in cases})
            key, _, said, result = cases[0]
            print(f"\n{' | '.join(x for x in signature if x)}\n    {len(cases)} x; {', '.join(names)}; "
                  f"{', '.join(whats[:9])}{' ...' if len(whats) > 9 else ''}\n    --only '{key}'  "
                  f"[{result.hit if result else ''}] {result.code if result else ''} {said}")
    noted = collections.OrderedDict()
    for line in report.notes:
        noted.setdefault(line.split("  ")[2], []).append(line)
    for text, lines in noted.items():
        print(f"{len(lines)} x {text}, such as {lines[0]}")


def run_key(bed, key):
    """The case of an ID: (command, result, wrong)."""
    parts = key.split(":")
    if parts[0] == "res":
        return Resources(bed).cases[key[4:]]()
    command = bed.commands[parts[0]]
    if parts[1] == "fp":
        return (command, *bed.failpoint(command, ":".join(parts[2:])))
    if parts[1] == "sleep":
        return (command, *bed.kill_after(command, float(parts[2])))
    if parts[1] == "chain":
        return (command, *bed.chain(command, int(parts[2])))
    kind, at = parts[1].split("#")
    return (command, *bed.fault(command, kind, int(at.rstrip("+")), parts[2], at.endswith("+")))


def only(bed, key):
    command, result, wrong = run_key(bed, key)
    print("command: " + " ".join(command.line))
    if result is None:
        print("the program was not loaded")
        return 0
    print(f"hit: {result.hit}\ncode: {result.code}{' (hang)' if result.hang else ''}\n"
          f"stderr: {result.err.strip()}")
    after = getattr(bed, "last_after", None)
    if after:
        print(f"after: {after.code} {after.err.strip()}")
    print("wrong: " + ("\n       ".join(wrong) if wrong else "nothing"))
    return 1 if wrong else 0


def again(bed, path):
    """The cases that a file of failures names, again; prints those that still fail."""
    keys = []
    for line in read(path).decode().split("\n"):
        if line == "notes":
            break
        if line.strip():
            keys.append(line.split("  ")[0])
    failures = 0
    for key in keys:
        command, result, wrong = run_key(bed, key)
        if failed(wrong):
            failures += 1
            print(f"{key}  [{result.hit or ''}]  {'; '.join(wrong)}  said ({result.code}): "
                  f"{result.err.strip()[-200:]}", flush=True)
    print(f"{failures} of {len(keys)} fail")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
