"""kill -9 in the middle of the work: nothing that was acknowledged is lost.

`make kill` runs it with 20,000 messages (POSTERN_KILL_MESSAGES), `make test` with fewer.
"""
import os
import random
import re
import signal

import pytest

from load import Load
from maildir import as_sent, message
from server import is_alive, members
from waiting import until

KILLS = 10
MESSAGES = int(os.environ.get("POSTERN_KILL_MESSAGES", "2000"))
SIZE = 2000 if MESSAGES < 10000 else 600
IN_FLIGHT_MAX = 300  # deliveries that may happen twice, for each kill


def deliveries(postern):
    """{number: [messages]} of what lies in the mailbox."""
    found = {}
    for mail in postern.mailbox().messages():
        number = int(re.search(rb"^X-Invented: (\d+)", mail, re.M).group(1))
        found.setdefault(number, []).append(mail)
    return found


def nothing_lost(postern, load, kills):
    """Every acknowledged message is delivered byte for byte, and nothing else is."""
    assert not load.unexpected
    until(lambda: not postern.queue(), 120, "an empty queue")
    have = deliveries(postern)
    lost = load.acknowledged - set(have)
    assert not lost, f"{len(lost)} acknowledged messages are lost: {sorted(lost)[:20]}"
    invented = set(have) - load.acknowledged - load.uncertain
    assert not invented, invented
    for number, mails in have.items():
        for mail in mails:
            assert as_sent(mail, message(number, load.size)), f"message {number} was changed"
    twice = sum(len(mails) - 1 for mails in have.values())
    assert twice <= kills * IN_FLIGHT_MAX, f"{twice} duplicates"
    postern.check_log()
    print(f"{len(load.acknowledged)} acknowledged, {len(load.uncertain)} uncertain, "
          f"{twice} delivered twice, {kills} kills")


@pytest.mark.parametrize("seed", [1])
def test_kill_and_restart(new_postern, seed):
    """Master and workers at once, as when the machine's memory runs out."""
    rng = random.Random(seed)
    postern = new_postern().start()
    load = Load(postern.port, size=SIZE)
    step = MESSAGES // (KILLS + 1)
    try:
        for _ in range(KILLS):
            load.wait_acknowledged(rng.randrange(step // 2, step + step // 2))
            postern.kill()
            postern.start()
        load.wait_acknowledged(max(20, MESSAGES - len(load.acknowledged)))
    finally:
        load.end()
    nothing_lost(postern, load, KILLS)
    assert len(load.acknowledged) >= MESSAGES


def worker(postern):
    return [pid for pid in members(postern.process.pid) if pid != postern.process.pid]


def test_kill_the_workers(new_postern):
    """The master, who stays, starts a new one after a while."""
    postern = new_postern().start()
    load = Load(postern.port, size=SIZE)
    try:
        for _ in range(4):
            load.wait_acknowledged(MESSAGES // 20)
            old = worker(postern)
            assert old, "the master has no worker"
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            until(lambda: not any(map(is_alive, old)), 60, "the end of the workers")
            until(lambda: set(worker(postern)) - set(old), 60, "a new worker")
        load.wait_acknowledged(MESSAGES // 20)
    finally:
        load.end()
    nothing_lost(postern, load, 4)
    assert postern.process.poll() is None


def test_kill_the_master(new_postern):
    """Its workers end by themselves, in order; the next server takes over."""
    postern = new_postern().start()
    load = Load(postern.port, size=SIZE, farewells=True)
    try:
        for _ in range(3):
            load.wait_acknowledged(MESSAGES // 20)
            group = members(postern.process.pid)
            postern.process.kill()
            postern.process.wait()
            postern.start()
            until(lambda: not any(map(is_alive, group)), 60, "the end of the old workers")
        load.wait_acknowledged(MESSAGES // 20)
    finally:
        load.end()
    nothing_lost(postern, load, 3)
