"""Python's smtplib: several messages, 8-bit, UTF-8 addresses, large ones."""
import smtplib

import pytest

from maildir import as_sent, message

MIB = 1024 * 1024


@pytest.fixture
def client(postern):
    with smtplib.SMTP("127.0.0.1", postern.port, "me.example.org", timeout=120) as c:
        yield c


def test_extensions(client):
    client.ehlo()
    for name in ("pipelining", "size", "8bitmime", "smtputf8", "chunking", "binarymime",
                 "enhancedstatuscodes", "dsn", "limits"):
        assert client.has_extn(name), name


def test_several_messages_in_one_session(postern, client):
    sent = [message(i, 3000) for i in range(20)]
    for content in sent:
        assert client.sendmail("user@hidden.gov", ["guest@shop.net"], content) == {}
    postern.wait_delivered(len(sent))
    have = postern.mailbox().messages()
    for content in sent:
        assert sum(as_sent(m, content) for m in have) == 1


def test_8bitmime(postern, client):
    # RFC 6152 3
    content = "Subject: grün\r\n\r\nÄpfel\r\n".encode() + bytes(range(128, 256)) + b"\r\n"
    client.sendmail("user@hidden.gov", ["guest@shop.net"], content, ["BODY=8BITMIME"])
    postern.wait_delivered(1)
    assert as_sent(postern.mailbox().one(), content)


def test_smtputf8(postern, client):
    # RFC 6531 3.4
    content = "From: jürgen@größe.example\r\n\r\nx\r\n".encode()
    client.sendmail("jürgen@größe.example", ["guest@shop.net"], content,
                    ["SMTPUTF8", "BODY=8BITMIME"])
    postern.wait_delivered(1)
    assert as_sent(postern.mailbox().one(), content)
    assert "Return-Path: <jürgen@größe.example>".encode() in postern.mailbox().one()


def test_utf8_address_only_with_smtputf8(client):
    client.ehlo()
    client.send("MAIL FROM:<jürgen@example.org>\r\n".encode())
    code, _ = client.getreply()
    assert code in (501, 550, 553, 555)


def test_large_message(postern, client):
    content = message(1, 5 * MIB)
    client.sendmail("user@hidden.gov", ["guest@shop.net"], content)
    postern.wait_delivered(1)
    assert as_sent(postern.mailbox().one(), content)


def test_declared_size_over_the_limit(client):
    # RFC 1870 6.1
    client.ehlo()
    limit = int(client.esmtp_features["size"])
    assert limit > 0
    code, _ = client.docmd(f"MAIL FROM:<user@hidden.gov> SIZE={limit + 1}")
    assert code == 552


def test_unknown_user_among_known(postern, client):
    refused = client.sendmail("user@hidden.gov", ["guest@shop.net", "who@shop.net"], message(1))
    assert list(refused) == ["who@shop.net"] and refused["who@shop.net"][0] == 550
    postern.wait_delivered(1)


def test_bdat(postern, client):
    # RFC 3030 2
    client.ehlo()
    content = message(7, 10000)
    client.docmd("MAIL FROM:<user@hidden.gov>")
    client.docmd("RCPT TO:<guest@shop.net>")
    for part, last in ((content[:4000], ""), (content[4000:], " LAST")):
        client.send(b"BDAT %d%s\r\n" % (len(part), last.encode()) + part)
        assert client.getreply()[0] == 250
    postern.wait_delivered(1)
    assert as_sent(postern.mailbox().one(), content)
