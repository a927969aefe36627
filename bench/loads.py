"""The workloads. Each run_*(bench) fills bench.results: {(workload, server): {round: figures}}."""
import os
import resource
import shutil
import subprocess
import time

from measure import FILL, Held, figures_of, load, load_start, measured, wait_for_quiet
from server import unprivileged
from servers import CannotStart, Postern, SmtpSink
from waiting import TooLate, until

WARM_UP = {"s": 4, "m": 20, "t": 20}
WARM_UP_SECONDS_MAX = 30
DELIVERY_SECONDS_MAX = 20  # what has not arrived by then does not count
ADDRESSES = 16
POLL_S = 0.05
DESCRIPTORS_SPARE = 500  # not used for idle sessions
SLOW_SESSIONS = 5000
KIB, MIB = 1024, 1024 * 1024

# key, mode, title, options of the generator
RATES = [
    ("one-100", "hold", "one message per connection, 100 sessions", {"k": "one", "s": 100}),
    ("one-20", "hold", "one message per connection, 20 sessions", {"k": "one", "s": 20}),
    ("kept", "hold", "kept connections, lock-step, 20 sessions", {"k": "kept", "s": 20}),
    ("kept-100", "hold", "kept connections, lock-step, 100 sessions", {"k": "kept", "s": 100}),
    ("grouped", "hold", "kept connections, pipelined, 20 sessions", {"k": "grouped", "s": 20}),
    ("grouped-100", "hold", "kept connections, pipelined, 100 sessions",
     {"k": "grouped", "s": 100}),
    ("pipelined", "hold", "kept connections, pipelined beyond the dot, 20 sessions",
     {"k": "pipelined", "s": 20}),
    ("64k", "hold", "64 KiB, one message per connection, 20 sessions",
     {"k": "one", "s": 20, "l": 64 * KIB}),
    ("1m", "hold", "1 MiB, one message per connection, 20 sessions",
     {"k": "one", "s": 20, "l": MIB}),
    ("alone", "hold", "one session alone, kept, lock-step", {"k": "kept", "s": 1}),
    ("maildir", "maildir", "accepted and delivered to Maildir, 20 sessions",
     {"k": "one", "s": 20}),
    ("relay", "relay", "relayed to smtp-sink, 20 sessions", {"k": "one", "s": 20}),
]
TITLES = {key: title for key, _, title, _ in RATES}
TITLES |= {"flushes": "flushes, one message per connection, 100 sessions", "idle": "idle sessions",
           "slow": f"beside {SLOW_SESSIONS:,} slow clients", "queued": "a long queue",
           "start": "start, and then idle"}


class Bench:
    """What is to be run: servers, seconds per load, rounds; and what came of it."""

    def __init__(self, work, servers, seconds, messages):
        self.work, self.servers, self.patience_s = work, servers, 0
        self.limits = {"t": seconds, **({"m": messages} if messages else {})}
        self.results = {}
        self.troubles = []

    def note(self, key, server, number, figures):
        self.results.setdefault((key, server.name), {})[number] = figures
        said = " ".join(f"{k}={v:.5g}" for k, v in figures.items() if isinstance(v, float))
        print(f"  {number} {key} {server.name}: {said}", flush=True)
        if figures.get("error", "-") != "-":
            self.trouble(f"{server.name}, {TITLES[key]}: {figures['failed']:.0f} failed, "
                         f"first: {figures['error']}")

    def trouble(self, text):
        print("  ! " + text, flush=True)
        if text not in self.troubles:
            self.troubles.append(text)

    def start(self, server, mode, next_port=0, traced=False):
        """True: it runs and is warm."""
        if mode == "hold" and "forget" in server.modes:
            mode = "forget"
        if mode not in server.modes:
            return False
        try:
            server.start(mode, next_port, traced)
        except CannotStart as e:
            self.trouble(f"{server.name} could not be started: {str(e)[:200]}")
            return False
        return True

    def of_kind(self, kind):
        return next((s for s in self.servers if isinstance(s, kind)), None)


def warm_up(server, arrived):
    """arrived(): messages that have reached their destination."""
    done = load(server.port, **WARM_UP)["accepted"]
    if server.mode in ("maildir", "relay"):
        until(lambda: arrived() >= done, WARM_UP_SECONDS_MAX, f"{done} messages")
    return int(done)


def until_arrived(options, server, arrived):
    """The load, and the time until all of it has arrived. The rate is that of the whole."""
    before, began = arrived(), time.monotonic()
    process = load_start(server.port, **options)
    count = last = 0
    while process.poll() is None or count < figures_of(process)["accepted"]:
        time.sleep(POLL_S)
        now = arrived() - before
        if now != count:
            count, last = now, time.monotonic()
        if time.monotonic() - began > DELIVERY_SECONDS_MAX:
            last = time.monotonic()
            break
    figures = figures_of(process)
    figures["accepted_rate"] = figures["rate"]
    figures["rate"] = count / max(last - began, POLL_S)
    figures["missing"] = figures["accepted"] - count
    return figures


def rate(bench, row, server, number, arrived):
    key, mode, _, options = row
    if options["k"] in ("grouped", "pipelined") and not server.pipelining:
        return
    options = {**options, **bench.limits}

    def work():  # what is measured
        if mode == "hold":
            return load(server.port, **options)
        return until_arrived(options, server, arrived)
    wait_for_quiet(bench.patience_s)
    flushes = server.flushes() if server.counts_flushes else 0
    try:
        figures = measured(server, work)
    except (TooLate, RuntimeError) as e:
        bench.trouble(f"{server.name}, {TITLES[key]}: {e}")
        return
    n = max(1.0, figures["accepted"])
    size = options.get("l", 4 * KIB)
    figures["cpu_us"] = figures["cpu_s"] * 1e6 / n
    if server.counts_flushes:
        figures["flushes"] = (server.flushes() - flushes) / n
        if key == "one-100":
            bench.note("flushes", server, number, {"flushes": figures["flushes"]})
    for name in ("written", "device"):
        if name in figures:
            figures[name] = figures[name] / (n * size)
    bench.note(key, server, number, figures)


def run_rates(bench, number, wanted):
    """All servers of a mode run side by side; each load goes to one after the other."""
    for mode in ("hold", "maildir", "relay"):
        rows = [row for row in RATES if row[1] == mode and row[0] in wanted]
        sink = SmtpSink(bench.work, bench.of_kind(SmtpSink).peers) \
            if mode == "relay" and rows and bench.of_kind(SmtpSink) else None
        if not rows or (mode == "relay" and not sink):
            continue
        try:
            if sink:
                sink.dir += "-next"
                sink.start("forget")
            run_mode(bench, number, rows, sink)
        finally:
            if sink:
                sink.stop()


def run_mode(bench, number, rows, sink):
    mode, running = rows[0][1], []
    try:
        for server in bench.servers:
            if bench.start(server, mode, sink.port if sink else 0):
                running.append((server, sink.delivered if sink else server.delivered))
                memory = float(server.meter.pss_bytes())
                if mode == "hold":
                    bench.note("start", server, number,
                               {"start_ms": server.start_ms, "pss": memory})
        for server, arrived in list(running):
            try:
                warm_up(server, arrived)
            except (TooLate, RuntimeError) as e:
                bench.trouble(f"{server.name}, {mode}: {e}")
                running.remove((server, arrived))
        for row in rows:
            for server, arrived in running:
                rate(bench, row, server, number, arrived)
    finally:
        for server in bench.servers:
            if server.meter:
                server.stop()


def beside_others(bench, key, server, work, traced=False):
    """work(server) gives figures of a server that runs and is warm; what fails is told."""
    if not bench.start(server, "hold", traced=traced):
        return
    try:
        load(server.port, **WARM_UP)
        bench.note(key, server, 0, work(server))
    except (TooLate, RuntimeError, OSError) as e:
        bench.trouble(f"{server.name}, {TITLES[key]}: {e}")
    finally:
        server.stop()


def run_flushes(bench):
    """Of those that do not count themselves: with strace, in a run of its own."""
    def count(server):
        before = server.flushes()
        figures = load(server.port, k="one", s=100, **bench.limits)
        time.sleep(0.5)
        figures["flushes"] = (server.flushes() - before) / max(1.0, figures["accepted"])
        return figures
    if not shutil.which("strace"):
        bench.trouble("flushes were not counted: strace is not installed")
        return
    for server in bench.servers:
        if not server.counts_flushes and "forget" not in server.modes:
            beside_others(bench, "flushes", server, count, traced=True)


def run_idle(bench, wanted):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - DESCRIPTORS_SPARE

    def hold(server):
        count = min(wanted, server.idle_max, limit)
        before = server.meter.pss_bytes()
        held = Held(server.port, "i", count, ADDRESSES)
        try:
            time.sleep(1)
            ready = held.opened["ready"]
            each = (server.meter.pss_bytes() - before) / max(1.0, ready)
            beside = load(server.port, **WARM_UP)
        finally:
            held.end()
        return {"held": ready, "wanted": float(count), "each": each,
                "serves": beside["accepted"], "seconds": held.opened["seconds"]}
    for server in bench.servers:
        beside_others(bench, "idle", server, hold)


def run_slow(bench, pairs):
    """The same load with and without slow clients beside it, by turns."""
    server = bench.of_kind(Postern)
    if not server or not bench.start(server, "hold"):
        return
    options = {"k": "kept", "s": 4, **bench.limits}
    try:
        load(server.port, **WARM_UP)
        for number in range(pairs):
            wait_for_quiet(bench.patience_s)
            without = load(server.port, **options)
            held = Held(server.port, "w", SLOW_SESSIONS, ADDRESSES)
            beside = load(server.port, **options)
            dropped = held.end()["dropped"]
            bench.note("slow", server, number, {
                "without": without["dot_p99"], "beside": beside["dot_p99"],
                "rate": beside["rate"] / without["rate"], "dropped": dropped,
                "held": held.opened["ready"]})
    except RuntimeError as e:
        bench.trouble(f"slow clients: {e}")
    finally:
        server.stop()


def fill(path, count):
    """A spool with `count` messages of 1 KiB: the last 1,000 due now, all others in a month."""
    os.makedirs(path)
    subprocess.run([FILL, path, "200", str(count), "1024", "queue"], check=True,
                   stdout=subprocess.DEVNULL, timeout=900)
    user = unprivileged()
    if user:
        for top, _, names in os.walk(path):
            for entry in [top, *(os.path.join(top, n) for n in names)]:
                os.chown(entry, user["user"], user["group"])


def run_queued(bench, count, pairs):
    """A start over a long queue, and what it then costs; beside one with an empty queue."""
    if not bench.of_kind(Postern):
        return
    peers = bench.of_kind(Postern).peers
    empty, full = Postern(bench.work, peers), Postern(bench.work, peers)
    empty.name, full.name = "Postern", "Postern, long queue"
    full.dir = os.path.join(bench.work, full.name)
    try:
        if not bench.start(empty, "maildir") or not bench.start(full, "maildir"):
            return
        full.stop()
        shutil.rmtree(os.path.join(full.dir, "spool"))
        began = time.monotonic()
        fill(os.path.join(full.dir, "spool"), count)
        figures = {"count": float(count), "fill_s": time.monotonic() - began}
        full.keep = True
        began = time.monotonic()
        if not bench.start(full, "maildir"):
            return
        figures["start_ms"] = full.start_ms
        until(full.delivered, WARM_UP_SECONDS_MAX, "the first delivery")
        figures["first_s"] = time.monotonic() - began
        until(lambda: full.delivered() >= 1000, WARM_UP_SECONDS_MAX, "those that are due")
        load(empty.port, **WARM_UP)
        time.sleep(1)
        figures["each"] = (full.meter.pss_bytes() - empty.meter.pss_bytes()) / count
        bench.note("queued", empty, -1, figures)
        for number in range(pairs):
            wait_for_quiet(bench.patience_s)
            options = {"k": "one", "s": 100, **bench.limits}
            rates = [load(s.port, **options)["rate"] for s in (empty, full)]
            bench.note("queued", empty, number, {"empty": rates[0], "full": rates[1]})
    except (TooLate, RuntimeError) as e:
        bench.trouble(f"a long queue: {e}")
    finally:
        for server in (empty, full):
            if server.meter:
                server.stop()
