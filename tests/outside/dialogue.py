"""A session typed by hand over a raw TCP connection."""
import socket

SECONDS_MAX = 60


class Dialogue:
    def __init__(self, port, key_by_key=False, greeting=220):
        self.key_by_key = key_by_key
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""
        self.greeting = self.expect(greeting) if greeting else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def type(self, data):
        """Send bytes, each in a packet of its own when typing key by key."""
        if isinstance(data, str):
            data = data.encode()
        if self.key_by_key:
            for i in range(len(data)):
                self.socket.sendall(data[i:i + 1])
        else:
            self.socket.sendall(data)

    def line(self):
        """One line from the server without CRLF; None at the end."""
        while b"\n" not in self.unread:
            some = self.socket.recv(65536)
            if not some:
                return None
            self.unread += some
        line, self.unread = self.unread.split(b"\n", 1)
        assert line.endswith(b"\r"), f"the server ended a line in a bare LF: {line!r}"
        return line[:-1].decode()

    def reply(self):
        """A whole reply: (code, [texts])."""
        texts = []
        while True:
            line = self.line()
            if line is None:
                return None, texts
            texts.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), texts

    def expect(self, code):
        have, texts = self.reply()
        assert have == code, f"expected {code}, have {have} {texts}"
        return texts

    def say(self, line, code):
        self.type(line + "\r\n" if isinstance(line, str) else line + b"\r\n")
        return self.expect(code)

    def expect_nothing_then(self, last, code):
        """What was typed so far drew no answer; `last` draws this one."""
        self.socket.setblocking(False)
        try:
            self.unread += self.socket.recv(65536)
        except BlockingIOError:
            pass
        self.socket.settimeout(SECONDS_MAX)
        assert not self.unread, f"an answer too early: {self.unread!r}"
        self.type(last)
        return self.expect(code)[-1]

    def ask(self, line):
        """A command whose reply is not known beforehand: (code, text)."""
        self.type(line + "\r\n" if isinstance(line, str) else line + b"\r\n")
        code, texts = self.reply()
        return code, " / ".join(texts)

    def send(self, content, sender="user@hidden.gov", to="guest@shop.net"):
        """One message in the open session; returns the text of the last reply."""
        self.say(f"MAIL FROM:<{sender}>", 250)
        self.say(f"RCPT TO:<{to}>", 250)
        self.say("DATA", 354)
        self.type(stuffed(content))
        return self.expect(250)[-1]


def stuffed(content):
    """Content as it travels after DATA: RFC 5321 4.5.2, with the final dot."""
    return b"".join(b"." + line if line.startswith(b".") else line
                    for line in content.splitlines(keepends=True)) + b".\r\n"
