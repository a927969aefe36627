"""postern spool: looking into the spool; and what becomes of damage in it."""
import glob
import json
import os

import pytest

from maildir import as_sent, message
from server import free_port
from waiting import until


@pytest.fixture
def waiting(new_postern, via):
    """A server with messages that cannot leave yet, and their ids."""
    postern = new_postern(relay=via(free_port())).start()
    for number in range(3):
        with postern.dialogue() as d:
            d.say("EHLO me.example.org", 250)
            d.send(message(number, 3000), to="friend@elsewhere.example")
    return postern, [m["id"] for m in postern.queue()]


def spool(postern, *words, **how):
    return postern.command("spool", *words, "-c", postern.conf, **how)


def flip(postern, text):
    """Change one bit of what follows `text` in a segment, behind the server's back."""
    for path in glob.glob(os.path.join(postern.dir, "spool", "log", "*.seg")):
        with open(path, "r+b") as f:
            at = f.read().find(text)
            if at >= 0:
                f.seek(at)
                f.write(bytes([text[0] ^ 1]))
                return
    raise AssertionError(f"{text} is in no segment")


def all_there(postern, ids):
    assert all(i in spool(postern, "ls") for i in ids)
    assert [m["id"] for m in json.loads(spool(postern, "ls", "--json"))] == ids
    for number, i in enumerate(ids):
        assert as_sent(spool(postern, "cat", i).encode(), message(number, 3000))
    told = json.loads(spool(postern, "check", "--json"))
    assert told["messages"] == 3 and not told["faults"]


def test_with_and_without_the_server(waiting):
    postern, ids = waiting
    all_there(postern, ids)
    postern.stop()
    all_there(postern, ids)


def test_not_there(postern):
    postern.command("spool", "ls", "--path", postern.dir + "/nowhere", status=66)
    spool(postern, "cat", "0000000000001", status=66)


def damaged(postern, i):
    told = spool(postern, "check", status=65)
    assert i in told and "segment " in told
    assert "damaged" in spool(postern, "cat", i, status=65)


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_damage_is_not_delivered(waiting, new_sink, via, stopped):
    """The sound ones go, the damaged one stays, deferred, with its reason."""
    postern, ids = waiting
    if stopped:
        postern.stop()
    flip(postern, b"X-Invented: 1\r\n")
    damaged(postern, ids[1])
    sink = new_sink()
    postern.settings["relay"] = via(sink.port)
    postern.write_conf()
    if not stopped:
        postern.stop()
    postern.start()
    postern.command("queue", "retry", "-c", postern.conf)
    until(lambda: [m["id"] for m in postern.queue()] == [ids[1]], 60, "only one is left")
    listed = until(lambda: (s := postern.command("queue", "list", "-c", postern.conf))
                   and "damaged on our disk" in s and s, 60, "the reason")
    assert ids[1] in listed
    assert b"spool_content_damaged" in postern.log() and ids[1].encode() in postern.log()
