"""A service among others: signals, reload, rights, a lack of descriptors."""
import os
import pwd
import re
import resource
import signal

import pytest

from dialogue import Dialogue
from maildir import message
from server import free_port
from waiting import until

CONFIG_FAULT = 78  # sysexits.h: EX_CONFIG


def accepts(postern, address):
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.say("MAIL FROM:<user@hidden.gov>", 250)
        return d.ask(f"RCPT TO:<{address}>")[0] == 250


def test_reload_with_an_open_session(postern):
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.say("MAIL FROM:<user@hidden.gov>", 250)
        postern.settings["users"].append("bert")
        postern.write_conf()
        postern.signal(signal.SIGHUP)
        until(lambda: accepts(postern, "bert@shop.net"), 30, "the new user")
        d.say("RCPT TO:<guest@shop.net>", 250)
        d.say("DATA", 354)
        d.type(b"Subject: over a reload\r\n\r\n.\r\n")
        d.expect(250)
        d.say("QUIT", 221)
    postern.wait_delivered(1)


def test_broken_configuration_changes_nothing(postern):
    good = postern.conf_text()
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        postern.write_conf(good.replace("users", "usres"))
        before = len(postern.log())
        postern.signal(signal.SIGHUP)
        until(lambda: b"usres" in postern.log()[before:], 30, "the fault in the log")
        assert b"postern.conf:" in postern.log()[before:]
        d.send(message(1))
        d.say("QUIT", 221)
    assert accepts(postern, "guest@shop.net")
    assert not accepts(postern, "bert@shop.net")
    postern.settings["users"].append("bert")
    postern.write_conf()
    postern.signal(signal.SIGHUP)
    until(lambda: accepts(postern, "bert@shop.net"), 30, "the repaired configuration")
    postern.wait_delivered(1)


def test_check_names_the_place(new_postern):
    postern = new_postern()
    postern.write_conf(postern.conf_text().replace("hostname =", "hostnme ="))
    said = postern.command("check", "-c", postern.conf, status=CONFIG_FAULT)
    assert "postern.conf:1:1" in said and "hostname" in said
    postern.write_conf()
    postern.command("check", "-c", postern.conf)


def test_serve_refuses_a_broken_configuration(new_postern):
    postern = new_postern()
    postern.write_conf("hostname = {\n")
    said = postern.command("serve", "-c", postern.conf, status=CONFIG_FAULT)
    assert "postern.conf:" in said


def test_port_in_use(postern, new_postern):
    second = new_postern("second")
    second.port = postern.port
    second.write_conf()
    with pytest.raises(AssertionError, match="at start"):
        second.start()
    assert second.process.returncode > 0
    second.process = None
    assert str(postern.port).encode() in second.log()
    second.check_log()


def test_sigterm_drains(postern):
    d = postern.dialogue()
    d.say("EHLO me.example.org", 250)
    d.say("MAIL FROM:<user@hidden.gov>", 250)
    d.say("RCPT TO:<guest@shop.net>", 250)
    d.say("DATA", 354)
    d.type(b"Subject: while it ends\r\n")
    postern.signal(signal.SIGTERM)

    def refuses():
        try:
            with Dialogue(postern.port, greeting=0) as other:
                return other.reply()[0] in (421, None)
        except OSError:
            return True
    until(refuses, 30, "no new connections")
    d.type(b"\r\n.\r\n")
    d.expect(250)
    code, _ = d.reply()
    assert code in (421, None)
    d.socket.close()
    assert postern.wait() == 0
    postern.check_log()
    postern.start()
    postern.wait_delivered(1)


def test_sigterm_with_an_idle_session(postern):
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        postern.signal(signal.SIGTERM)
        assert d.reply()[0] in (421, None)
    assert postern.wait() == 0


def cpu_seconds(pids):
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / ticks


def family(pid):
    """The process and its children."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [pid, *map(int, f.read().split())]


def test_out_of_descriptors(new_postern):
    postern = new_postern(files_max=96).start()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    crowd = []
    try:
        for _ in range(300):
            crowd.append(Dialogue(postern.port, greeting=0))
        pids = family(postern.process.pid)
        before = cpu_seconds(pids)
        answered = sum(d.unread != b"" or has_greeting(d) for d in crowd)
        assert 0 < answered < 300
        # Were it spinning, the seconds that this takes would be seconds of its processor.
        assert cpu_seconds(pids) - before < 5
        assert postern.process.poll() is None
    finally:
        for d in crowd:
            d.socket.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.send(message(1))
    postern.wait_delivered(1)


def has_greeting(d):
    d.socket.settimeout(0.05)
    try:
        return d.reply()[0] == 220
    except (TimeoutError, OSError):
        return False


def user_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"^Uid:\t\d+\t(\d+)", f.read(), re.M).group(1))


def test_worker_that_dies_is_replaced(postern):
    workers = family(postern.process.pid)[1:]
    assert workers, "the master has no worker"
    os.kill(workers[0], signal.SIGKILL)
    until(lambda: set(family(postern.process.pid)[1:]) - set(workers), 60, "a new worker")
    until(lambda: answers(postern), 60, "a greeting")
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.send(message(1))
    postern.wait_delivered(1)


def answers(postern):
    try:
        postern.dialogue().socket.close()
        return True
    except (OSError, AssertionError):
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to begin with")
def test_started_as_root_drops(new_postern):
    postern = new_postern(as_root=True, more='user = "nobody"').start()
    master, *others = family(postern.process.pid)
    assert user_of(master) == 0
    assert others and all(user_of(pid) == pwd.getpwnam("nobody").pw_uid for pid in others)
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.send(message(1))
        d.say("QUIT", 221)
    postern.wait_delivered(1)


def test_started_as_a_user_works(postern):
    assert all(user_of(pid) != 0 for pid in family(postern.process.pid))
    assert accepts(postern, "guest@shop.net")


def test_every_command_has_help(new_postern):
    postern = new_postern()
    for words in ([], ["serve"], ["check"], ["send"], ["queue"], ["explain"]):
        said = postern.command(*words, "--help")
        assert "postern" in said and len(said) > 60
    assert postern.command("nonsense", status=64)


def test_unused_port_is_unused():
    """The frame itself: a free port is one that nobody answers on."""
    with pytest.raises(OSError):
        Dialogue(free_port())
