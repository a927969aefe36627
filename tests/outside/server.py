"""A running Postern of its own: configuration, spool, mailboxes and ports for one test."""
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess

from dialogue import Dialogue
from maildir import Maildir
from waiting import until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILT = os.environ.get("POSTERN", os.path.join(TOP, "build", "asan", "src", "postern"))
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 90
COMMAND_SECONDS_MAX = 60
DELIVERY_SECONDS_MAX = 120
LOG_SHOWN_BYTES = 6000
REPORTS = re.compile(rb"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    """Somebody on this port says 220."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(5)
            return s.recv(3) == b"220"
    except OSError:
        return False


def unprivileged():
    """Popen arguments that make a child of root a user without rights."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def process_state(pid):
    """(state, process group), or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[2])


def is_alive(pid):
    """Also when the first thread has ended: the others hold its files a moment longer."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return False
    states = (process_state(f"{pid}/task/{thread}") for thread in threads)
    return any(state is not None and state[0] not in "ZX" for state in states)


def members(group):
    """The processes of a process group."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if (process_state(pid) or ("", 0))[1] == group]


class Postern:
    """`place`: a directory that every user may pass through (the fixture of that name)."""

    def __init__(self, place, name="postern", **settings):
        self.program = os.path.join(place, "bin", "postern")
        self.dir = os.path.join(place, name)
        self.port = free_port()
        self.process = None
        self.as_root = settings.pop("as_root", False)
        self.files_max = settings.pop("files_max", 0)
        self.before = []  # a command that runs the program
        self.settings = {"hostname": "mx.example.org", "users": ["guest", "anna"],
                         "domain": "shop.net", "relay": "", "more": "", **settings}
        os.makedirs(self.dir)
        self.own(self.dir)
        self.conf = os.path.join(self.dir, "postern.conf")
        self.write_conf()

    def own(self, path):
        user = unprivileged()
        if user and not self.as_root:
            os.chown(path, user["user"], user["group"])

    def conf_text(self):
        s = self.settings
        users = ", ".join(f'"{u}"' for u in s["users"])
        return f"""hostname = "{s["hostname"]}"
spool {{ path = "{self.dir}/spool" }}
control = "{self.dir}/control"
listen {{ mx {{ address = ["127.0.0.1:{self.port}"] }} }}
domain "{s["domain"]}" {{
    deliver = maildir, mailboxes = "{self.dir}/mail", users = [{users}]
}}
{s["relay"]}
{s["more"]}
"""

    def write_conf(self, text=None):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self.conf_text() if text is None else text)

    @property
    def log_path(self):
        return os.path.join(self.dir, "log")

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read()

    def log_tail(self):
        return self.log()[-LOG_SHOWN_BYTES:].decode(errors="replace")

    def mailbox(self, user="guest"):
        return Maildir(os.path.join(self.dir, "mail", user))

    def dialogue(self, **how):
        return Dialogue(self.port, **how)

    def rights(self):
        return {} if self.as_root else unprivileged()

    def start(self):
        """Start and wait for READY=1. The log of all starts goes to one file."""
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.dir, "ready")
        if os.path.exists(path):
            os.remove(path)
        ready.bind(path)
        os.chmod(path, 0o777)
        ready.setblocking(False)
        command = [*self.before, self.program, "serve", "-c", self.conf]
        if self.files_max:
            command = ["prlimit", f"--nofile={self.files_max}:{self.files_max}", *command]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": path}, start_new_session=True,
                **self.rights())

        def is_ready():
            assert self.process.poll() is None, \
                f"ended with {self.process.returncode} at start:\n{self.log_tail()}"
            try:
                return b"READY=1" in ready.recv(4096)
            except BlockingIOError:
                return False
        try:
            until(is_ready, READY_SECONDS_MAX, "READY=1")
        finally:
            ready.close()
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(STOP_SECONDS_MAX)

    def stop(self):
        """SIGTERM: it ends in order, with 0 and without a sanitizer report."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.log_tail()
        self.process = None
        self.check_log()

    def kill(self):
        """kill -9 of the master and all its children at once; returns when they are gone."""
        group = members(self.process.pid)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        until(lambda: not any(map(is_alive, group)), STOP_SECONDS_MAX, "the end of all children")

    def end(self):
        """At the end of a test, whatever happened."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.stop()
        else:
            code = self.process.returncode
            assert code == 0, f"ended with {code}:\n{self.log_tail()}"

    def check_log(self):
        report = REPORTS.search(self.log())
        assert not report, self.log()[report.start():][:LOG_SHOWN_BYTES].decode(errors="replace")

    def command(self, *words, status=0, stdin=b""):
        """Run a subcommand; its standard output. status None: any."""
        done = subprocess.run([self.program, *words], input=stdin, capture_output=True,
                              cwd=self.dir, timeout=COMMAND_SECONDS_MAX, **self.rights())
        said = done.stdout.decode() + done.stderr.decode()
        assert not REPORTS.search(done.stderr), said
        assert status is None or done.returncode == status, \
            f"{' '.join(words)} ended with {done.returncode}: {said}"
        return done.stdout.decode() if status == 0 else said

    def queue(self):
        return json.loads(self.command("queue", "list", "--json", "-c", self.conf))

    def wait_delivered(self, count, user="guest", seconds_max=DELIVERY_SECONDS_MAX):
        """Exactly `count` messages lie in the mailbox and nothing waits any more."""
        box = self.mailbox(user)
        until(lambda: len(box) >= count, seconds_max, f"{count} messages, only {len(box)}")
        until(lambda: not self.queue(), seconds_max, "an empty queue")
        assert len(box) == count


def install(place):
    """Copy the program to where any user may run it."""
    assert os.path.exists(BUILT), f"{BUILT} is not built"
    os.makedirs(os.path.join(place, "bin"))
    shutil.copy(BUILT, os.path.join(place, "bin", "postern"))
