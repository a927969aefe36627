"""Clients that are sent away: they hear why, and the log says it."""
from dialogue import Dialogue
from waiting import until

MANY = b"MAIL FROM:<user@hidden.gov>\r\n" * 2000


def test_too_many_connections(new_postern):
    postern = new_postern(more="loops = 1\nlimits { connections = 1 }").start()
    with postern.dialogue():
        for _ in range(10):
            with Dialogue(postern.port, greeting=None) as refused:
                refused.type(MANY)
                refused.expect(421)
                assert refused.line() is None
    until(lambda: b"event=connection_refused" in postern.log(), 10, "a line in the log")
    line = [l for l in postern.log().splitlines() if b"connection_refused" in l][0]
    assert b"client=127.0.0.1" in line and b"code=421" in line and b"refused=1" in line


def test_last_words_reach_a_client_that_goes_on(postern):
    for _ in range(10):
        with postern.dialogue() as d:
            d.type(b"GET / HTTP/1.1\r\n" + MANY)
            assert d.reply()[0] == 554
            assert d.line() is None


def test_greeting_delay(new_postern):
    postern = new_postern(more="limits { greeting_delay = 300ms }").start()
    with Dialogue(postern.port, greeting=None) as early:
        early.type("EHLO x.example\r\n")
        early.expect(554)
        assert early.line() is None
    with postern.dialogue() as patient:
        patient.say("QUIT", 221)
