"""Relaying: to smtp-sink, through a real Postfix, to a hop that is not there or says no."""
import json

from maildir import as_sent, lf, message
from peers import Sink
from server import free_port
from waiting import until

ELSEWHERE = "friend@elsewhere.example"


def send_all(postern, messages, to=ELSEWHERE, sender="user@hidden.gov"):
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        for content in messages:
            d.send(content, to=to, sender=sender)
        d.say("QUIT", 221)


def received(dumps, content):
    """How many of smtp-sink's files end in what was sent? It adds lines at the top."""
    return sum(lf(d).rstrip(b"\n").endswith(lf(content).rstrip(b"\n")) for d in dumps)


def test_through_smtp_sink(new_postern, new_sink, via):
    sink = new_sink()
    postern = new_postern(relay=via(sink.port)).start()
    sent = [message(i, 2000) for i in range(100)]
    send_all(postern, sent)
    until(lambda: len(sink.messages()) >= len(sent), 60, "100 messages in the sink")
    until(lambda: not postern.queue(), 60, "an empty queue")
    dumps = sink.messages()
    assert len(dumps) == len(sent)
    for content in sent:
        assert received(dumps, content) == 1
    page = postern.command("explain", "last", "-c", postern.conf)
    assert ELSEWHERE in page and str(sink.port) in page


def test_to_a_hop_without_extensions(new_postern, new_sink, via):
    sink = new_sink("-p", "-8", "-e")  # no PIPELINING, no 8BITMIME, no EHLO at all
    postern = new_postern(relay=via(sink.port)).start()
    send_all(postern, [message(1, 2000)])
    until(sink.messages, 60, "the message in the sink")
    assert received(sink.messages(), message(1, 2000)) == 1


def test_through_postfix_to_a_second_postern(new_postern, new_postfix, via):
    second = new_postern("second", domain="elsewhere.example", users=["friend"]).start()
    postfix = new_postfix(second.port)
    first = new_postern("first", relay=via(postfix.port)).start()
    sent = [message(i, 5000) for i in range(20)]
    send_all(first, sent)
    second.wait_delivered(len(sent), user="friend")
    have = second.mailbox("friend").messages()
    for content in sent:
        assert sum(as_sent(m, content) for m in have) == 1
    assert b"Postfix" in have[0]
    page = first.command("explain", "last", "-c", first.conf)
    assert str(postfix.port) in page


def test_waits_for_a_hop_that_is_away(new_postern, place, via):
    port = free_port()
    postern = new_postern(relay=via(port)).start()
    send_all(postern, [message(1)])
    until(lambda: postern.queue(), 30, "the message in the queue")
    postern.stop()
    postern.start()
    assert len(postern.queue()) == 1
    sink = Sink(place, port=port)
    try:
        postern.command("queue", "retry", "-c", postern.conf)
        until(lambda: not postern.queue(), 60, "an empty queue")
        assert received(sink.messages(), message(1)) == 1
    finally:
        sink.end()


def test_refusal_comes_back_as_a_report(new_postern, new_sink, via):
    # RFC 3464 2.1, RFC 5321 6.1
    sink = new_sink("-f", "rcpt")  # a permanent refusal
    postern = new_postern(relay=via(sink.port)).start()
    send_all(postern, [message(1)], sender="anna@shop.net")
    postern.wait_delivered(1, user="anna")
    report = lf(postern.mailbox("anna").one())
    assert report.startswith(b"Return-Path: <>\n")
    assert b"multipart/report" in report and b"delivery-status" in report
    assert b"Final-Recipient: rfc822;" in report.replace(b"rfc822; ", b"rfc822;")
    assert b"Action: failed" in report and b"Subject: number 1" in report


def test_no_report_for_a_report(new_postern, new_sink, via):
    # RFC 5321 6.1: the null reverse-path is never answered
    sink = new_sink("-f", "rcpt")
    postern = new_postern(relay=via(sink.port)).start()
    send_all(postern, [message(1)], sender="")
    until(lambda: not postern.queue(), 60, "an empty queue")
    assert len(postern.mailbox("anna")) == len(postern.mailbox("guest")) == 0


def test_queue_list_is_json(new_postern, via):
    postern = new_postern(relay=via(free_port())).start()
    send_all(postern, [message(1)])
    entries = json.loads(postern.command("queue", "list", "--json", "-c", postern.conf))
    assert len(entries) == 1 and entries[0]["id"]
