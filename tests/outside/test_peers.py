"""The peers themselves work, so that a failure elsewhere is Postern's."""
from dialogue import Dialogue
from peers import smtp_source
from waiting import until


def test_sink_takes_what_smtp_source_sends(new_sink):
    sink = new_sink()
    smtp_source(sink.port, "-s", "2", "-m", "10", "-f", "a@example.org", "-t", "b@example.org")
    until(lambda: len(sink.messages()) == 10, 10, "10 messages in the sink")


def test_postfix_relays_to_a_sink(new_sink, new_postfix):
    sink = new_sink()
    postfix = new_postfix(sink.port)
    with Dialogue(postfix.port) as d:
        d.say("EHLO me.example.org", 250)
        d.send(b"Subject: x\r\n\r\n.\r\n..two\r\n", to="guest@elsewhere.example")
        d.say("QUIT", 221)
    until(sink.messages, 30, "the message in the sink")
    assert b"\n.\n..two\n" in sink.messages()[0]
