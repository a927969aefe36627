"""The servers under test. Each: start(mode, next_port), stop(), delivered(), meter.

Modes: `hold` – accepted and kept, not delivered while we measure; `maildir` – delivered to
the mailbox of guest@shop.net; `relay` – sent on to next_port; `forget` – stored nowhere.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import server as postern_server
from measure import RAW, Meter
from server import TOP, answers, free_port
from waiting import TooLate, until

START_SECONDS_MAX = 30
WITH_US = ["setpriv", "--pdeathsig", "KILL"]  # it ends when we are killed
FLUSH_CALLS = "trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync"


class CannotStart(RuntimeError):
    pass


def count_files(path):
    try:
        with os.scandir(path) as entries:
            return sum(1 for _ in entries)
    except FileNotFoundError:
        return 0


class Server:
    name = says = ""
    modes = ()
    pipelining = True
    idle_max = 1000000  # idle sessions that it is asked to hold

    def __init__(self, work, peers):
        self.dir, self.peers = os.path.join(work, self.name), peers
        self.port = self.meter = self.mode = None
        self.traced = False
        self.start_ms = 0.0
        self.began = 0.0  # when the program was run: what lay there before is removed by then

    def start(self, mode, next_port=0, traced=False):
        """Until it says 220."""
        self.mode, self.traced, self.port = mode, traced, free_port()
        self.began = time.monotonic()
        try:
            pid = self.launch(next_port)
            until(lambda: self.ended() or (answers(self.port) and self.ready()),
                  START_SECONDS_MAX, "a 220")
        except (TooLate, OSError, AssertionError) as e:
            self.stop()
            raise CannotStart(f"{e}; {self.last_words()}") from e
        if self.ended():
            self.stop()
            raise CannotStart(self.last_words())
        self.start_ms = (time.monotonic() - self.began) * 1e3
        self.meter = Meter(self.name, pid)
        return self

    def stop(self):
        self.end()
        if self.meter:
            self.meter.end()
            self.meter = None

    def strace(self, out, bpf=True):
        """Words before a command that write its flushes to a file."""
        if not self.traced:
            return []
        fast = ["--seccomp-bpf"] if bpf else []
        return ["strace", "-f", "-qq", *fast, "-e", FLUSH_CALLS, "-o", out]

    def trace_path(self):
        return os.path.join(self.dir, "var", "tmp", "strace")

    def ready(self):
        return True

    def flushes(self):
        """So far, when started with traced=True."""
        with open(self.trace_path(), encoding="utf-8", errors="replace") as f:
            return sum(1 for line in f if "sync" in line and "resumed>" not in line)

    counts_flushes = False  # by itself: no strace is needed

    def delivered(self):
        return count_files(os.path.join(self.dir, "var", "mail", "guest", "new"))

    def last_words(self):
        return ""

    def missing(self):
        """Why this server cannot be had here, or None."""
        return None


class Process(Server):
    """One program in the foreground, without a jail."""

    process = None

    def spawn(self, command):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "var", "tmp"))
        self.began = time.monotonic()
        with open(os.path.join(self.dir, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [*WITH_US, *self.strace(self.trace_path()), *command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.dir, start_new_session=True)
        return self.process.pid

    def ended(self):
        return self.process.poll() is not None

    def end(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)  # what strace traces outlives it
            self.process.wait()
            self.process = None

    def last_words(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-200:].strip()


class Raw(Process):
    name = "raw"
    says = "no mail server: one append to a log and one fdatasync for all that came meanwhile"
    modes = ("hold",)

    def launch(self, _next_port):
        log = os.path.join(self.dir, "raw")
        command = [RAW, "-p", str(self.port), "-d", log]
        shutil.rmtree(self.dir, ignore_errors=True)
        return self.spawn(["sh", "-c", f'mkdir "{log}"; exec "$@"', "sh", *command])


class Forget(Process):
    name = "raw, discarding"
    says = "no mail server: nothing"
    modes = ("forget",)

    def launch(self, _next_port):
        return self.spawn([RAW, "-p", str(self.port)])


class SmtpSink(Process):
    name = "smtp-sink"
    says = "stores nothing"
    modes = ("forget",)
    sessions_max = 20000
    idle_max = 2000

    def missing(self):
        path = os.path.join(self.peers, "bin", "smtp-sink")
        return None if os.path.exists(path) else "Postfix could not be fetched"

    def launch(self, _next_port):
        rights = ["-u", "nobody"] if os.geteuid() == 0 else []
        return self.spawn([os.path.join(self.peers, "bin", "smtp-sink"), *rights, "-c", "-m",
                           str(self.sessions_max), f"127.0.0.1:{self.port}", "1024"])

    def delivered(self):
        """Messages taken so far. It prints the number at each connection, as it was before."""
        answers(self.port)
        with open(os.path.join(self.dir, "log"), "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 400))
            words = f.read().replace(b"\r", b" ").replace(b"\n", b" ").split()
        counts = [w[5:] for w in words[:-1] if w.startswith(b"mesg=") and w[5:].isdigit()]
        return int(counts[-1]) if counts else 0


class Postern(Server):
    name = "Postern"
    says = "appends message and envelope to its log; one fdatasync for all that wait"
    modes = ("hold", "maildir", "relay")
    counts_flushes = True
    held = None

    def __init__(self, work, peers):
        super().__init__(work, peers)
        self.place = work
        self.more = ""
        self.keep = False  # the spool of the run before

    def conf(self, next_port):
        deliver = {"hold": "discard", "relay": f'"smtp:127.0.0.1:{next_port}"',
                   "maildir": "maildir"}[self.mode]
        boxes = f'mailboxes = "{self.dir}/var/mail", users = ["guest"]'
        queue = "queue { active_max = 0 }" if self.mode == "hold" else ""
        return f"""hostname = "mx.example.org"
spool {{ path = "{self.dir}/spool" }}
control = "{self.dir}/control"
listen {{ mx {{ address = ["127.0.0.1:{self.port}"] }} }}
domain "shop.net" {{ deliver = {deliver}, {boxes if self.mode == "maildir" else ""} }}
limits {{ connections_per_address = 0 }}
{queue}
{self.more}
"""

    def launch(self, next_port):
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.held = postern_server.Postern(self.place, self.name)
            self.held.before = WITH_US
            for name in ("var", "var/mail", "var/tmp"):
                os.mkdir(os.path.join(self.dir, name))
                self.held.own(os.path.join(self.dir, name))
        self.held.port = self.port
        self.held.write_conf(self.conf(next_port))
        self.began = time.monotonic()
        self.held.start()
        return self.held.process.pid

    def ended(self):
        return self.held.process.poll() is not None

    def end(self):
        if self.held and self.held.process and self.held.process.poll() is None:
            self.held.kill()

    def flushes(self):
        """Its own counter."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(START_SECONDS_MAX)
            s.connect(os.path.join(self.dir, "control"))
            s.sendall(b'{"do":"stats"}\n')
            with s.makefile("rb") as lines:
                return json.loads(lines.readline())["flushes"]

    def last_words(self):
        return self.held.log_tail()[-200:] if self.held else ""


def all_servers(work, peers):
    import mailers  # it needs this module
    kinds = [Postern, Raw, SmtpSink, mailers.Postfix, mailers.OpenSmtpd, mailers.Exim,
             mailers.Haraka, Forget]
    return [kind(work, peers) for kind in kinds]


def fetch(package):
    """tools/peers: unpack a Debian package without installing it; why not, or None."""
    done = subprocess.run([os.path.join(TOP, "tools", "peers"), package], capture_output=True,
                          text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None
