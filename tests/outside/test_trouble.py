"""A machine in trouble: no disk, no descriptors, files that the worker may not read."""
import os
import signal
import subprocess
import threading

import pytest

from dialogue import Dialogue, stuffed
from maildir import message
from server import free_port
from test_service import accepts, answers, family
from waiting import until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to begin with")
needs_mounts = pytest.mark.skipif(
    subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="needs a mount namespace of its own")
DISK_BYTES = 24 << 20
LONELY_USER = 64999  # nobody else has processes of this user
PROCESSES_MAX = 100  # and threads
SMALL_SPOOL = 'user = "nobody", loops = 1, record { keep = no }'


def outcome(postern, number):
    """What becomes of one message: the code after MAIL … the dot, the first that is no yes."""
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        for line in ("MAIL FROM:<user@hidden.gov>", "RCPT TO:<guest@shop.net>"):
            code, _ = d.ask(line)
            if code != 250:
                return code
        code, _ = d.ask("DATA")
        if code != 354:
            return code
        d.type(stuffed(message(number, 20000)))
        return d.reply()[0]


class FullDisk:
    """A tmpfs over the spool, seen only by this server, filled from outside."""

    def __init__(self, postern):
        self.spool = os.path.join(postern.dir, "spool")
        os.makedirs(self.spool, exist_ok=True)
        postern.before = ["unshare", "-m", "sh", "-c",
                          f'mount -t tmpfs -o size={DISK_BYTES},mode=777 tmpfs "$0" && '
                          'exec "$@"', self.spool]
        self.postern = postern

    def path(self):
        return f"/proc/{self.postern.process.pid}/root{self.spool}/filler"

    def fill(self):
        with open(self.path(), "ab", buffering=0) as f:
            step = 1 << 20
            while step:
                try:
                    f.write(bytes(step))
                except OSError:
                    step //= 2

    def clear(self):
        os.remove(self.path())


@needs_mounts
@pytest.mark.parametrize("free_space", ["0", "4M"])
def test_full_disk(new_postern, free_space):
    postern = new_postern(as_root=True, more=SMALL_SPOOL)
    text = postern.conf_text().replace(
        "/spool\"", f"/spool\", segment_size = 1M, free_space = {free_space}", 1)
    postern.write_conf(text)
    disk = FullDisk(postern)
    postern.start()
    assert outcome(postern, 1) == 250
    taken, codes = 1, []
    for number in range(2, 300):
        disk.fill()  # again: what is delivered gives its segment back
        codes.append(outcome(postern, number))
        taken += codes[-1] == 250
        if codes[-10:] == [452] * 10:
            break
    # What still had room in a segment was taken; then each got the same temporary answer.
    assert codes[-10:] == [452] * 10, codes
    assert set(codes) <= {250, 452}
    assert b"ENOSPC" in postern.log() or b"out of space" in postern.log()
    assert len(postern.log()) < 4 << 20
    disk.clear()
    until(lambda: outcome(postern, 1000) == 250, 60, "room for mail again")
    postern.wait_delivered(taken + 1)


@needs_mounts
def test_full_disk_at_start(new_postern):
    """It starts, says why it takes nothing, and takes mail as soon as there is some room."""
    postern = new_postern(as_root=True, more=SMALL_SPOOL)
    postern.write_conf(postern.conf_text().replace("/spool\"", "/spool\", free_space = 0", 1))
    disk = FullDisk(postern)
    fill = 'dd if=/dev/zero of="$0/filler" bs=4k 2>/dev/null; exec'
    postern.before[4] = postern.before[4].replace("exec", fill)
    postern.start()
    assert [outcome(postern, n) for n in range(3)] == [452] * 3
    assert b"spool_no_segment" in postern.log() or b"out of" in postern.log()
    # Less than a tenth of a segment: 20 of its 24 MiB stay full.
    os.truncate(disk.path(), 20 << 20)
    until(lambda: outcome(postern, 1000) == 250, 60, "mail is taken again")
    assert len(postern.log()) < 1 << 20
    postern.wait_delivered(1)


def frozen_disk_can_be_had(path):
    """A file system of its own in a file, which can be frozen: whoever writes hangs."""
    image = os.path.join(path, "image")
    script = ('truncate -s 300M "$0" && mkfs.ext4 -q -F "$0" && mkdir -p "$1" && '
              'mount -o loop "$0" "$1" && fsfreeze -f "$1" && fsfreeze -u "$1"')
    return subprocess.run(["unshare", "-m", "sh", "-c", script, image, f"{path}/probe"],
                          capture_output=True, check=False).returncode == 0


@needs_mounts
def test_hanging_disk(new_postern):
    """451 within the time that is set, the sessions stay; all well as soon as it answers."""
    postern = new_postern(as_root=True, more=SMALL_SPOOL)
    if not frozen_disk_can_be_had(postern.dir):
        pytest.skip("no file system can be mounted from a file and frozen here")
    spool = os.path.join(postern.dir, "spool")
    os.makedirs(spool, exist_ok=True)
    postern.write_conf(postern.conf_text().replace("/spool\"", "/spool\", commit_time = 2s", 1))
    postern.before = ["unshare", "-m", "sh", "-c", f'mount -o loop "{postern.dir}/image" "$0" && '
                      'chmod 777 "$0" && exec "$@"', spool]
    postern.start()
    assert outcome(postern, 1) == 250
    inside = f"/proc/{postern.process.pid}/root{spool}"
    subprocess.run(["fsfreeze", "-f", inside], check=True)
    try:
        assert [outcome(postern, n) for n in range(2, 5)] == [451] * 3
        assert b"event=spool_disk_hangs" in postern.log()
        with postern.dialogue() as d:  # it talks, whatever the disk does
            d.say("EHLO me.example.org", 250)
            d.say("NOOP", 250)
    finally:
        subprocess.run(["fsfreeze", "-u", inside], check=True)
    until(lambda: outcome(postern, 1000) == 250, 60, "mail is taken again")
    assert b"event=spool_disk_back" in postern.log()
    postern.wait_delivered(2)  # the first and the last: who was told 451 will send it again


@needs_root
def test_no_processes(new_postern):
    """fork fails: a line in the log, and a worker as soon as there is one to be had."""
    postern = new_postern(as_root=True, more="loops = 1")
    os.chown(postern.dir, LONELY_USER, LONELY_USER)
    postern.before = ["setpriv", f"--reuid={LONELY_USER}", f"--regid={LONELY_USER}",
                      "--clear-groups", "prlimit", f"--nproc={PROCESSES_MAX}"]
    postern.start()
    master = postern.process.pid
    crowd = [subprocess.Popen(["sleep", "600"], user=LONELY_USER) for _ in range(PROCESSES_MAX)]
    try:
        for pid in family(master)[1:]:
            os.kill(pid, signal.SIGKILL)
        until(lambda: b"event=worker_not_started" in postern.log(), 60, "a line in the log")
        assert b"EAGAIN" in postern.log()
        assert len(family(master)) == 1
    finally:
        for sleeper in crowd:
            sleeper.kill()
            sleeper.wait()
    until(lambda: answers(postern), 60, "a greeting")
    assert outcome(postern, 1) == 250
    postern.wait_delivered(1)


def test_old_worker_has_the_sockets_for_a_while(postern):
    """The master is killed while its worker cannot end at once: the next server waits for it."""
    worker = family(postern.process.pid)[1]
    os.kill(worker, signal.SIGSTOP)
    postern.process.kill()
    postern.process.wait()
    threading.Timer(1.0, os.kill, (worker, signal.SIGCONT)).start()
    postern.start()
    assert outcome(postern, 1) == 250
    postern.wait_delivered(1)


@needs_root
def test_refused_reload_leaves_the_ports_alone(new_postern):
    """The master can read the file of users, the worker cannot: the old ports go on."""
    postern = new_postern(as_root=True, more='user = "nobody"').start()
    secret = os.path.join(postern.dir, "users")
    with open(secret, "w", encoding="ascii") as f:
        f.write("guest\nanna\n")
    os.chmod(secret, 0o600)
    good, old, new = postern.conf_text(), postern.port, free_port()
    bad = good.replace('"guest", "anna"', f'"{secret}"')
    bad = bad.replace(f":{old}", f":{new}").replace("/control", "/control2")
    assert secret in bad and str(new) in bad
    postern.write_conf(bad)
    postern.signal(signal.SIGHUP)
    until(lambda: b"reload_refused" in postern.log(), 60, "the refusal")
    for _ in range(8):  # every loop has a socket of its own
        assert accepts(postern, "guest@shop.net")
    with pytest.raises(OSError):
        until(lambda: Dialogue(new), 1, "nobody answers")
    postern.write_conf(good)
    assert postern.queue() == []
    # And it is not the end of reloading.
    os.chmod(secret, 0o644)
    postern.write_conf(bad)
    postern.signal(signal.SIGHUP)
    postern.port = new
    until(lambda: answers(postern), 60, "the new port")
    until(lambda: not port_answers(old), 60, "the end of the old port")
    assert postern.queue() == []


def port_answers(port):
    try:
        Dialogue(port, greeting=0).socket.close()
        return True
    except OSError:
        return False


def test_reload_while_no_worker_runs(postern):
    """What changes between two workers is in force with the next one, ports too."""
    for _ in range(4):
        until(lambda: family(postern.process.pid)[1:], 60, "a worker")
        worker = family(postern.process.pid)[1]
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in family(postern.process.pid), 60, "its end")
    old, postern.port = postern.port, free_port()
    postern.write_conf()
    postern.signal(signal.SIGHUP)
    until(lambda: answers(postern), 60, "the new port")
    until(lambda: not port_answers(old), 60, "the end of the old port")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_reload_without_descriptors(new_postern):
    """A listener that cannot be handed over makes the reload fail, and the next one works."""
    probe = new_postern("probe").start()
    used = descriptors(family(probe.process.pid)[1])
    probe.stop()
    postern = new_postern(files_max=used + 12).start()
    worker = family(postern.process.pid)[1]
    crowd = []
    try:
        while descriptors(worker) < used + 12 and len(crowd) < 200:
            crowd.append(Dialogue(postern.port, greeting=0))
            crowd[-1].socket.settimeout(0.1)
            try:
                crowd[-1].reply()
            except OSError:
                pass
        assert descriptors(worker) == used + 12
        old, new = postern.port, free_port()
        postern.write_conf(postern.conf_text().replace(
            f'"127.0.0.1:{old}"', f'"127.0.0.1:{old}", "127.0.0.1:{new}"'))
        postern.signal(signal.SIGHUP)
        until(lambda: b"reload_refused" in postern.log(), 60, "the refusal")
        assert not port_answers(new)
    finally:
        for d in crowd:
            d.socket.close()
    until(lambda: answers(postern), 60, "a greeting")

    def reloaded():
        postern.signal(signal.SIGHUP)
        try:
            return until(lambda: port_answers(new), 2, "the new port")
        except AssertionError:
            return False  # the crowd was not all gone yet
    until(reloaded, 60, "the new port")
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.send(message(1))
    postern.wait_delivered(1)
