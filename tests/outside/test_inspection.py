"""The server looks into mail before it says 250, in processes that may die."""
import io
import os
import signal
import subprocess
import zipfile

from dialogue import stuffed
from server import BUILT
from test_inspect import EICAR, mail
from test_service import family
from waiting import until

RULES = 'inspect { reject = ["bad", "executable"], time = 2s }'


def outcome(postern, content):
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.say("MAIL FROM:<user@hidden.gov>", 250)
        d.say("RCPT TO:<guest@shop.net>", 250)
        d.say("DATA", 354)
        d.type(stuffed(content))
        code, text = d.reply()
        return code, text


def inspectors(postern):
    """Of this server: children of any thread of the worker with that word in their command."""
    found = []
    for worker in family(postern.process.pid)[1:]:
        for task in os.listdir(f"/proc/{worker}/task"):
            found += [pid for pid in read(f"/proc/{worker}/task/{task}/children").split()
                      if b"inspector" in read(f"/proc/{int(pid)}/cmdline")]
    return [int(pid) for pid in found]


def read(path):
    """Empty when that process or thread has ended meanwhile."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def test_what_the_rules_name_is_refused(new_postern):
    postern = new_postern(more=RULES).start()
    assert outcome(postern, mail("a.txt", b"some words"))[0] == 250
    code, text = outcome(postern, mail("a.txt", b"some words " + EICAR))
    assert code == 554 and "eicar" in str(text), text
    code, text = outcome(postern, mail("a.exe", b"some words"))
    assert code == 554 and "executable-name" in str(text), text
    # On disk already when it ends, and bad only there.
    assert outcome(postern, mail("a.txt", bytes(3000000) + EICAR))[0] == 554
    assert outcome(postern, mail("a.txt", bytes(3000000)))[0] == 250
    postern.wait_delivered(2)


def test_many_findings_hide_none(new_postern):
    """Neither what counts, nor what came of it in the record; many members are no trouble."""
    postern = new_postern(more=RULES.replace("2s", "30s")).start()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as z:
        for number in range(5000):
            z.writestr(f"{number:04}-{'x' * 60}.iso", b"text")
    assert outcome(postern, mail("a.zip", packed.getvalue()))[0] == 250
    with zipfile.ZipFile(packed, "a") as z:
        z.writestr("last", EICAR)
    code, text = outcome(postern, mail("a.zip", packed.getvalue()))
    assert code == 554 and "eicar" in str(text), text
    told = subprocess.run([BUILT, "explain", "127.0.0.1", "-c", postern.conf, "--width", "200"],
                          capture_output=True, timeout=60, check=False).stdout
    assert b"findings in all" in told and b"content: the EICAR" in told, told


def test_without_rules_nothing_is_inspected(postern):
    assert outcome(postern, mail("a.txt", EICAR))[0] == 250
    assert not inspectors(postern)


def test_dead_and_hanging_inspectors(new_postern):
    postern = new_postern(more=RULES + "\nloops = 1").start()
    good = mail("a.txt", b"some words")
    assert outcome(postern, good)[0] == 250
    for pid in inspectors(postern):
        os.kill(pid, signal.SIGKILL)
    assert outcome(postern, good)[0] == 250  # it had died before; another one read it
    hanging = inspectors(postern)
    assert hanging
    for pid in hanging:
        os.kill(pid, signal.SIGSTOP)
    assert outcome(postern, good)[0] == 451
    assert b"event=inspection_failed" in postern.log()
    until(lambda: not set(hanging) & set(inspectors(postern)), 10, "it is killed")
    assert outcome(postern, good)[0] == 250
    postern.wait_delivered(3)


def test_failure_may_pass(new_postern):
    postern = new_postern(more='loops = 1\ninspect { reject = "bad", on_failure = pass, '
                          'time = 1s }').start()
    assert outcome(postern, mail("a.txt", b"x"))[0] == 250
    for pid in inspectors(postern):
        os.kill(pid, signal.SIGSTOP)
    assert outcome(postern, mail("a.txt", EICAR))[0] == 250
    assert b"event=inspection_failed" in postern.log()


def test_it_ends_with_the_server(new_postern):
    postern = new_postern(more=RULES).start()
    assert outcome(postern, mail("a.txt", b"x"))[0] == 250
    left = inspectors(postern)
    assert left
    postern.stop()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left), 10, "they are gone")
