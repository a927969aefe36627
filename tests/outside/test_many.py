"""Many sessions at once: every message exactly once."""
import os

from peers import smtp_source

MESSAGES = int(os.environ.get("POSTERN_MESSAGES", "20000"))
SESSIONS = 100


def test_smtp_source(postern):
    smtp_source(postern.port, "-s", str(SESSIONS), "-m", str(MESSAGES), "-l", "1024",
                "-f", "user@hidden.gov", "-t", "guest@shop.net")
    postern.wait_delivered(MESSAGES, seconds_max=400)
    assert not postern.mailbox().unfinished()


def test_smtp_source_kept_connections(postern):
    smtp_source(postern.port, "-d", "-s", "20", "-m", "2000", "-l", "4096",
                "-f", "user@hidden.gov", "-t", "guest@shop.net")
    postern.wait_delivered(2000)
