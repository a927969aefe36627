"""Real mail programs as peers, unpacked by tools/peers: smtp-source, smtp-sink, Postfix."""
import glob
import os
import pwd
import grp
import shutil
import signal
import subprocess

import pytest

from server import TOP, answers, free_port
from waiting import until

READY_SECONDS_MAX = 30


def program(package, name):
    """The path of a program of a Debian package; skips the test if it cannot be had."""
    done = subprocess.run([os.path.join(TOP, "tools", "peers"), package], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        pytest.skip(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    return os.path.join(done.stdout.strip(), name)


class Sink:
    """smtp-sink: takes mail and writes each message to a file below `dumps`."""

    def __init__(self, place, *options, port=0, dump=True):
        self.port = port or free_port()
        self.dumps = os.path.join(place, f"sink-{self.port}")
        os.makedirs(self.dumps, exist_ok=True)
        os.chmod(self.dumps, 0o777)
        command = [program("postfix", "smtp-sink")]
        if dump:
            command += ["-d", os.path.join(self.dumps, "m.")]
        if os.geteuid() == 0:
            command += ["-u", "nobody"]
        command += [*options, f"127.0.0.1:{self.port}", "128"]
        self.process = subprocess.Popen(command, cwd=self.dumps, stdin=subprocess.DEVNULL)
        until(lambda: answers(self.port), READY_SECONDS_MAX, "a greeting of smtp-sink")

    def _being_written(self):
        """Paths that smtp-sink still holds open: their messages are not whole yet."""
        paths = set()
        for link in glob.glob(f"/proc/{self.process.pid}/fd/*"):
            try:
                paths.add(os.readlink(link))
            except FileNotFoundError:
                pass
        return paths

    def messages(self):
        paths = set(glob.glob(os.path.join(self.dumps, "m.*")))
        found = []
        for path in sorted(paths - self._being_written()):
            with open(path, "rb") as f:
                found.append(f.read())
        return found

    def end(self):
        self.process.terminate()
        self.process.wait()


def smtp_source(port, *options, seconds_max=600):
    """Run smtp-source to its end; exit 0 means that every message was accepted."""
    subprocess.run([program("postfix", "smtp-source"), *options, f"127.0.0.1:{port}"], check=True,
                   stdin=subprocess.DEVNULL, timeout=seconds_max)


MAIN_CF = """compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = {tree}/usr/sbin
daemon_directory = {tree}/usr/lib/postfix/sbin
shlib_directory = {tree}/usr/lib/postfix
meta_directory = {dir}/conf
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
myhostname = postfix.example.org
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{next_port}
disable_dns_lookups = yes
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtputf8_enable = yes
local_header_rewrite_clients =
smtpd_client_connection_count_limit = 0
"""
MASTER_CF = """127.0.0.1:{port} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
QUEUES = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
          "private", "saved", "trace"]


class Postfix:
    """A whole Postfix on a loopback port that relays everything to next_port. Needs root."""

    def __init__(self, place, next_port):
        if os.geteuid() != 0:
            pytest.skip("Postfix starts only as root")
        starter = program("postfix", "postfix")
        unpacked = os.path.join(os.path.dirname(os.path.dirname(starter)), "postfix", "tree")
        self.dir = os.path.join(place, "postfix")
        self.tree = os.path.join(self.dir, "tree")
        self.port = free_port()
        shutil.copytree(unpacked, self.tree, symlinks=True)
        self._write(next_port)
        self._folders()
        self._start()

    def _write(self, next_port):
        values = {"dir": self.dir, "tree": self.tree, "owner": "mail", "group": "news",
                  "next_port": next_port, "port": self.port}
        os.makedirs(os.path.join(self.dir, "conf"))
        for name, text in (("main.cf", MAIN_CF), ("master.cf", MASTER_CF)):
            with open(os.path.join(self.dir, "conf", name), "w", encoding="utf-8") as f:
                f.write(text.format(**values))

    def _folders(self):
        owner, group = pwd.getpwnam("mail").pw_uid, grp.getgrnam("news").gr_gid
        os.makedirs(os.path.join(self.dir, "queue", "pid"))
        for name in QUEUES:
            path = os.path.join(self.dir, "queue", name)
            os.mkdir(path, 0o700)
            os.chown(path, owner, 0)
        for path, mode in (("queue/public", 0o710), ("queue/maildrop", 0o730)):
            path = os.path.join(self.dir, path)
            os.mkdir(path)
            os.chown(path, owner, group)
            os.chmod(path, mode)
        os.mkdir(os.path.join(self.dir, "data"), 0o700)
        os.chown(os.path.join(self.dir, "data"), owner, 0)

    def _start(self):
        libraries = [os.path.join(self.tree, "usr/lib/postfix")]
        libraries += glob.glob(os.path.join(self.tree, "usr/lib/*-linux-gnu"))
        conf = os.path.join(self.dir, "conf")
        env = {"PATH": os.environ["PATH"], "MAIL_CONFIG": conf,
               "LD_LIBRARY_PATH": ":".join(libraries)}
        master = os.path.join(self.tree, "usr/lib/postfix/sbin/master")
        self.process = subprocess.Popen([master, "-d", "-c", conf], env=env,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        until(lambda: answers(self.port), READY_SECONDS_MAX, "a greeting of Postfix")

    def log(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def end(self):
        """The master and what it started: they share its session's process group."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
