"""kill -9 in the middle of the work: nothing that was acknowledged is lost."""
import random
import re

import pytest

from load import Load
from maildir import as_sent, message
from waiting import until

KILLS = 10


def deliveries(postern):
    """{number: [messages]} of what lies in the mailbox."""
    found = {}
    for mail in postern.mailbox().messages():
        number = int(re.search(rb"^X-Invented: (\d+)", mail, re.M).group(1))
        found.setdefault(number, []).append(mail)
    return found


@pytest.mark.parametrize("seed", [1])
def test_kill_and_restart(new_postern, seed):
    rng = random.Random(seed)
    postern = new_postern().start()
    load = Load(postern.port)
    try:
        for _ in range(KILLS):
            load.wait_acknowledged(rng.randrange(1, 200))
            postern.kill()
            postern.start()
        load.wait_acknowledged(20)
    finally:
        load.end()
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
    assert twice <= KILLS * 64, f"{twice} duplicates"
    postern.check_log()
