"""swaks, the tester's client, in its usual forms."""
import subprocess

import pytest

from peers import program

RCPT_REFUSED = 24  # swaks(1), exit codes


def swaks(postern, *options, to="guest@shop.net"):
    return subprocess.run(
        [program("swaks", "swaks"), "--server", f"127.0.0.1:{postern.port}", "--from",
         "user@hidden.gov", "--to", to, "--helo", "me.example.org", *options],
        capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("options", [
    [], ["--protocol", "SMTP"], ["--pipeline"], ["--add-header", "X-Invented: yes"],
    ["--body", "ä ö ü €"], ["--attach-type", "text/plain", "--attach", "@/etc/hostname"],
], ids=["esmtp", "smtp", "pipeline", "header", "utf8", "attachment"])
def test_swaks(postern, options):
    done = swaks(postern, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    postern.wait_delivered(1)


def test_swaks_several_recipients(postern):
    done = swaks(postern, "--pipeline", to="guest@shop.net,anna@shop.net")
    assert done.returncode == 0, done.stdout
    postern.wait_delivered(1)
    postern.wait_delivered(1, user="anna")


def test_swaks_unknown_user(postern):
    done = swaks(postern, to="who@shop.net")
    assert done.returncode == RCPT_REFUSED, done.stdout
    assert "550 5.1.1" in done.stdout
    assert len(postern.mailbox()) == 0


def test_explain_after_swaks(postern):
    swaks(postern)
    postern.wait_delivered(1)
    page = postern.command("explain", "last", "-c", postern.conf)
    assert "EHLO me.example.org" in page and "guest@shop.net" in page
