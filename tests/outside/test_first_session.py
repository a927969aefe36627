"""The founding text's session, word for word. RFC 5321 appendix D."""
import pytest

from maildir import as_sent, lf

CONTENT = (b"From: A user <user@hidden.gov>\r\n"
           b"To: The guest <guest@shop.net>\r\n"
           b"Subject: First mail\r\n"
           b"X-Invented: header lines may say anything\r\n"
           b"\r\n"
           b"Hello guest,\r\n"
           b"this is the text of the mail.\r\n")


def founding_session(d):
    d.say("helo", 250)
    d.say("mail from: <user@hidden.gov>", 250)
    d.say("rcpt to: <guest@shop.net>", 250)
    d.say("data", 354)
    d.type(CONTENT)
    stored = d.expect_nothing_then(".\r\n", 250)
    d.say("quit", 221)
    assert d.line() is None
    return stored


@pytest.mark.parametrize("key_by_key", [False, True], ids=["by_line", "key_by_key"])
def test_typed_by_hand(postern, key_by_key):
    with postern.dialogue(key_by_key=key_by_key) as d:
        founding_session(d)
    postern.wait_delivered(1)
    mail = postern.mailbox().one()
    assert as_sent(mail, CONTENT), mail
    assert lf(mail).startswith(b"Return-Path: <user@hidden.gov>\n")
    assert b"\nReceived: " in lf(mail)
    assert not postern.mailbox().unfinished()


def test_explain_last_shows_it(postern):
    with postern.dialogue() as d:
        founding_session(d)
    postern.wait_delivered(1)
    page = postern.command("explain", "last", "-c", postern.conf)
    for line in ("helo", "mail from: <user@hidden.gov>", "rcpt to: <guest@shop.net>", "data",
                 "354", "quit", "221"):
        assert line in page, page


@pytest.mark.parametrize("language, word", [("en", "explanation"), ("de", "Erklärung")])
def test_postern_send_explains(postern, language, word):
    page = postern.command(
        "send", "--server", f"127.0.0.1:{postern.port}", "--classic", "--explain", "--lang",
        language, "--from", "user@hidden.gov", "--to", "guest@shop.net", stdin=CONTENT)
    for line in ("helo", "mail from: <user@hidden.gov>", "rcpt to: <guest@shop.net>", "data",
                 "From: A user <user@hidden.gov>", "354", "quit", "221"):
        assert line in page, page
    assert word.lower() in page.lower(), page
    postern.wait_delivered(1)
    assert as_sent(postern.mailbox().one(), CONTENT)


def test_postern_send_modern(postern):
    postern.command("send", "--server", f"127.0.0.1:{postern.port}", "--from", "user@hidden.gov",
                    "--to", "guest@shop.net", "--to", "anna@shop.net", stdin=CONTENT)
    postern.wait_delivered(1)
    postern.wait_delivered(1, user="anna")


def test_postern_send_refused(postern):
    said = postern.command("send", "--server", f"127.0.0.1:{postern.port}", "--from",
                           "user@hidden.gov", "--to", "nobody@shop.net", stdin=CONTENT,
                           status=None)
    assert "550" in said
    assert len(postern.mailbox()) == 0


def test_second_mail_in_one_session_after_reset(postern):
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.say("MAIL FROM:<user@hidden.gov>", 250)
        d.say("RSET", 250)
        d.say("RCPT TO:<guest@shop.net>", 503)
        d.send(CONTENT)
        d.send(CONTENT)
        d.say("QUIT", 221)
    postern.wait_delivered(2)


@pytest.mark.parametrize("verb", ["NOOP", "noop x", "HELP", "help mail"])
def test_patient_and_helpful(postern, verb):
    with postern.dialogue() as d:
        code, _ = d.ask(verb)
        assert code in (214, 250)
        d.say("VRFY guest", 252)
        code, text = d.ask("MIAL FROM:<user@hidden.gov>")
        assert code == 500 and len(text) > 10
        d.say("helo me", 250)
