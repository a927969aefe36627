"""The benchmark runs and yields its tables: the figures do not matter here."""
import os
import subprocess
import sys

from server import BUILT, TOP

MESSAGES = 50
SECONDS_MAX = 300
LOADS = ["one-100", "one-20", "kept", "grouped", "pipelined", "64k", "1m", "alone", "maildir", "relay",
         "idle", "queued"]


def cells(page, first, second):
    """The row of a table whose first filled cell above is `first` and second is `second`."""
    title = ""
    for line in page.splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")]
        title = row[0] or title
        if len(row) > 2 and title == first and row[1] == second:
            return row
    raise AssertionError(f"no row for {first}, {second} in:\n{page}")


def test_quick_run_yields_the_tables(place):
    out = os.path.join(place, "bench.md")
    env = {**os.environ, "POSTERN": BUILT, "PEERS": "", "ROUNDS": "",
           "BENCH_BUILT": os.path.join(os.path.dirname(os.path.dirname(BUILT)), "bench")}
    done = subprocess.run(
        [sys.executable, os.path.join(TOP, "bench", "run"), "--quick", "--servers",
         "postern,raw,smtp-sink", "--messages", str(MESSAGES), "--idle", str(MESSAGES), "--queued",
         "2000", "--loads", ",".join(LOADS), "--work", place, "--out", out],
        env=env, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(out, encoding="utf-8") as f:
        page = f.read()
    for server in ("Postern", "raw"):
        row = cells(page, "kept connections, lock-step, 20 sessions", server)
        assert float(row[2].replace(",", "")) > 0, page
    assert "50 of 50 held" in cells(page, "idle sessions", "Postern")[2]
    assert "bytes of memory each" in cells(page, "2,000 queued messages", "Postern")[2]
    delivered = cells(page, "accepted and delivered to Maildir, 20 sessions", "Postern")
    assert float(delivered[2].split(";")[0].replace(",", "")) > 0, page
    assert cells(page, "1 MiB: MB/s / raw", "at least 0.8")[2] != "not measured"
    if "smtp-sink is left out" not in page:
        goal = cells(page, "the same with 20 sessions", "at least 1.1")
        assert float(goal[2]) > 0, page
    assert " failed, first:" not in page and "could not be started" not in page, page
    assert not [name for name in os.listdir(place) if name.startswith("postern-bench-")]
