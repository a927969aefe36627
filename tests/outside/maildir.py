"""Reading what was delivered: Maildirs and messages."""
import os

ADDED = (b"return-path:", b"delivered-to:", b"received:", b"x-original-to:")


class Maildir:
    def __init__(self, path):
        self.path = path

    def _names(self, sub):
        try:
            return sorted(os.listdir(os.path.join(self.path, sub)))
        except FileNotFoundError:
            return []

    def __len__(self):
        return len(self._names("new"))

    def messages(self):
        """The bytes of every new message, by file name."""
        found = []
        for name in self._names("new"):
            with open(os.path.join(self.path, "new", name), "rb") as f:
                found.append(f.read())
        return found

    def one(self):
        messages = self.messages()
        assert len(messages) == 1, f"{len(messages)} messages in {self.path}"
        return messages[0]

    def unfinished(self):
        return self._names("tmp")


def lf(data):
    return data.replace(b"\r\n", b"\n")


def as_sent(delivered, sent):
    """Is `delivered` what was sent, below the header lines that servers put on top?"""
    delivered, sent = lf(delivered), lf(sent)
    if not delivered.endswith(sent):
        return False
    for line in delivered[:len(delivered) - len(sent)].splitlines():
        if not line.startswith((b" ", b"\t")) and not line.lower().startswith(ADDED):
            return False
    return True


def message(number, size=0, sender=b"user@hidden.gov", to=b"guest@shop.net"):
    """A message that can be told from all others, of about `size` bytes."""
    head = (b"From: <" + sender + b">\r\nTo: <" + to + b">\r\n"
            b"Subject: number %d\r\nX-Invented: %d\r\n\r\n" % (number, number))
    line = b".%d a line that begins with a dot, and one that is only a dot:\r\n.\r\n" % number
    return head + line * max(1, (size - len(head)) // len(line))
