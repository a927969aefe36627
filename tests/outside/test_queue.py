"""The queue's commands, and explain, on messages that cannot leave yet."""
import json

import pytest

from maildir import message
from server import free_port
from waiting import until

TO = "friend@elsewhere.example"


@pytest.fixture
def postern(new_postern, via):
    return new_postern(relay=via(free_port())).start()


@pytest.fixture
def stored(postern):
    """The id of a message in the queue, and the text of its final 250."""
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        text = d.send(message(1, 1000), to=TO)
        d.say("QUIT", 221)
    return postern.queue()[0]["id"], text


def queue(postern, *words, **how):
    return postern.command("queue", *words, "-c", postern.conf, **how)


def test_id_is_in_the_final_reply(stored):
    assert stored[0] in stored[1]


def test_list_and_show(postern, stored):
    listed = queue(postern, "list")
    assert stored[0] in listed and TO in listed and "user@hidden.gov" in listed
    shown = queue(postern, "show", stored[0])
    assert TO in shown and "Subject: number 1" in shown
    assert json.loads(queue(postern, "list", "--json"))[0]["id"] == stored[0]


def test_hold_and_release(postern, stored):
    queue(postern, "hold", stored[0])
    assert "hold" in queue(postern, "list") or "held" in queue(postern, "list")
    queue(postern, "release", stored[0])
    assert "held" not in queue(postern, "list")


def test_held_over_a_restart(postern, stored):
    queue(postern, "hold", stored[0])
    postern.stop()
    postern.start()
    assert "hold" in queue(postern, "list") or "held" in queue(postern, "list")


def test_delete(postern, stored):
    queue(postern, "delete", stored[0])
    assert postern.queue() == []
    postern.stop()
    postern.start()
    assert postern.queue() == []


def test_unknown_id(postern, stored):
    assert queue(postern, "show", "none", status=None)
    assert len(postern.queue()) == 1


@pytest.mark.parametrize("what", ["last", "id", TO, "user@hidden.gov"])
def test_explain(postern, stored, what):
    def page():
        key = stored[0] if what == "id" else what
        return postern.command("explain", key, "--width", "200", "-c", postern.conf, status=None)
    until(lambda: "refused" in page().lower(), 30, "the attempt in the record")
    for word in ("EHLO me.example.org", f"RCPT TO:<{TO}>", stored[0]):
        assert word in page()


def test_without_a_server(postern, stored):
    postern.stop()
    said = queue(postern, "list", status=None)
    assert "control" in said  # what could not be reached, and what to do
