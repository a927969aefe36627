"""The table of a run and the table of goals, as Markdown."""
import os
import platform
import statistics
import time

from loads import MIB, RATES, TITLES

QUIET = 0.3  # share of the machine that other programs used
POSTERN, RAW, SINK, POSTFIX = "Postern", "raw", "smtp-sink", "Postfix"


def number(value):
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class Results:
    """results of loads.Bench, with medians over the rounds."""

    def __init__(self, results):
        self.results = results

    def values(self, key, server, field, noisy_too=True):
        """{round: value} of the quiet loads; noisy_too: of all, if none was quiet."""
        rounds = self.results.get((key, server), {})
        every = {n: f[field] for n, f in rounds.items() if field in f}
        quiet = {n: v for n, v in every.items() if rounds[n].get("others", 0) <= QUIET}
        return every if noisy_too and not quiet else quiet

    def median(self, key, server, field):
        values = list(self.values(key, server, field).values())
        return statistics.median(values) if values else None

    def span(self, key, server, field):
        values = list(self.values(key, server, field).values())
        if not values:
            return "–"
        if len(values) == 1:
            return number(values[0])
        return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"

    def ratio(self, key, field, above, below):
        """Median of the ratios inside each round: what drifts from round to round cancels."""
        for noisy_too in (False, True):
            a = self.values(key, above, field, noisy_too)
            b = self.values(key, below, field, noisy_too)
            ratios = [a[n] / b[n] for n in a if b.get(n)]
            if ratios:
                return statistics.median(ratios)
        a, b = self.median(key, above, field), self.median(key, below, field)
        return a / b if a and b else None


def milliseconds(us):
    return "–" if us is None else f"{us / 1e3:.2f}"


def rate_rows(r, servers):
    rows = []
    for key, _, title, _ in RATES:
        for server in servers:
            if r.median(key, server.name, "rate") is None:
                continue
            rate = r.span(key, server.name, "rate")
            cpu = r.median(key, server.name, "cpu_us")
            times = [milliseconds(r.median(key, server.name, f)) for f in ("dot_p50", "dot_p99")]
            written = [number(r.median(key, server.name, f)) for f in ("written", "device")]
            rows.append((title, server.name, rate, *times, number(cpu), *written, server.says))
            title = ""
            accepted = r.median(key, server.name, "accepted_rate")
            if accepted:
                missing = r.median(key, server.name, "missing")
                late = f", {missing:.0f} had not arrived" if missing else ""
                rows[-1] = (*rows[-1][:2], f"{rate}; {number(accepted)} accepted{late}",
                            *rows[-1][3:])
    return rows


def other_rows(r, servers):
    rows = []
    for server in servers:
        n = server.name
        if r.median("start", n, "pss"):
            rows.append((TITLES["start"], n, f"{r.median('start', n, 'start_ms'):.0f} ms to the "
                         f"first 220, {r.median('start', n, 'pss') / MIB:.1f} MiB"))
    for server in servers:
        n = server.name
        if r.median("idle", n, "held") is not None:
            rows.append((TITLES["idle"], n,
                         f"{r.median('idle', n, 'held'):,.0f} of {r.median('idle', n, 'wanted'):,.0f}"
                         f" held, {r.median('idle', n, 'each') / 1024:.1f} KiB each; beside them "
                         f"{r.median('idle', n, 'serves'):.0f} of 20 messages accepted"))
    for server in servers:
        if r.median("flushes", server.name, "flushes") is not None:
            rows.append((TITLES["flushes"], server.name,
                         f"{r.median('flushes', server.name, 'flushes'):.4f} per message"))
    if r.median("slow", POSTERN, "beside"):
        rows.append((TITLES["slow"], POSTERN, "250 after the dot, 99th percentile: "
                     f"{r.span('slow', POSTERN, 'beside')} µs, without them "
                     f"{r.span('slow', POSTERN, 'without')} µs; rate × "
                     f"{r.median('slow', POSTERN, 'rate'):.2f}"))
    if r.median("queued", POSTERN, "count"):
        rows.append((f"{r.median('queued', POSTERN, 'count'):,.0f} queued messages", POSTERN,
                     f"{r.median('queued', POSTERN, 'each'):.0f} bytes of memory each; from start "
                     f"to 220 {r.median('queued', POSTERN, 'start_ms'):.0f} ms, to the first "
                     f"delivery {r.median('queued', POSTERN, 'first_s'):.2f} s; accepted "
                     f"{r.span('queued', POSTERN, 'full')}/s, beside an empty queue "
                     f"{r.span('queued', POSTERN, 'empty')}/s"))
    return rows


def idle_share(r):
    held, wanted = r.median("idle", POSTERN, "held"), r.median("idle", POSTERN, "wanted")
    return held / wanted if held is not None else None


def median_ratio(r, key, above, below):
    a, b = r.median(key, POSTERN, above), r.median(key, POSTERN, below)
    return a / b if a and b else None


def goals(r):
    """(goal, comparison, bound, measured or None); of rates: (measured, the same of raw)."""
    def rate(key, other):
        return tuple(r.ratio(key, "rate", server, other) for server in (POSTERN, RAW))

    def cpu(key, other):
        return r.ratio(key, "cpu_us", POSTERN, other)

    def own(key, field, unit):
        value = r.median(key, POSTERN, field)
        return None if value is None else value / unit
    return [
        ("one message per connection, 100 sessions: rate / smtp-sink", ">=", 1.2,
         rate("one-100", SINK)),
        ("the same with 20 sessions: rate / smtp-sink", ">=", 1.0, rate("one-20", SINK)),
        ("one message per connection, 100 sessions: rate / Postfix", ">=", 10,
         rate("one-100", POSTFIX)),
        ("kept, lock-step, 100 sessions: rate / smtp-sink", ">=", 1.1, rate("kept-100", SINK)),
        ("the same with 20 sessions", ">=", 1.1, rate("kept", SINK)),
        ("kept, lock-step, 100 sessions: rate / Postfix", ">=", 12, rate("kept-100", POSTFIX)),
        ("the same with 20 sessions", ">=", 12, rate("kept", POSTFIX)),
        ("kept, pipelined, 100 sessions: rate / smtp-sink", ">=", 1.2,
         rate("grouped-100", SINK)),
        ("the same with 20 sessions", ">=", 1.2, rate("grouped", SINK)),
        ("kept, pipelined, 100 sessions: rate / Postfix", ">=", 20,
         rate("grouped-100", POSTFIX)),
        ("the same with 20 sessions", ">=", 20, rate("grouped", POSTFIX)),
        ("64 KiB: rate / smtp-sink", ">=", 2, rate("64k", SINK)),
        ("1 MiB: MB/s / raw", ">=", 0.8, rate("1m", RAW)),
        ("CPU per message / raw, one per connection", "<=", 1.4, cpu("one-100", RAW)),
        ("CPU per message / raw, kept", "<=", 1.4, cpu("kept", RAW)),
        ("CPU per message / raw, pipelined", "<=", 1.4, cpu("grouped", RAW)),
        ("CPU per message / Postfix, one per connection", "<=", 0.05,
         cpu("one-100", POSTFIX)),
        ("accepted and delivered to Maildir: rate / Postfix", ">=", 8, rate("maildir", POSTFIX)),
        ("relayed to smtp-sink: rate / Postfix", ">=", 15, rate("relay", POSTFIX)),
        ("one session alone: 250 after the dot, median, ms", "<=", 0.8,
         own("alone", "dot_p50", 1e3)),
        ("one session alone: 99th percentile, ms", "<=", 3, own("alone", "dot_p99", 1e3)),
        ("bytes written to the device per message byte, 100 sessions", "<=", 1.3,
         own("one-100", "device", 1)),
        ("flushes per message, 100 sessions", "<=", 0.05, own("flushes", "flushes", 1)),
        ("memory of an idle connection, KiB", "<=", 8, own("idle", "each", 1024)),
        ("idle connections held / asked for", ">=", 1, idle_share(r)),
        ("messages accepted beside them, of 20", ">=", 20, own("idle", "serves", 1)),
        ("99th percentile beside slow clients / without", "<=", 1.1,
         median_ratio(r, "slow", "beside", "without")),
        ("memory of a queued message, bytes", "<=", 250, own("queued", "each", 1)),
        ("first delivery after a start over a long queue, s", "<=", 5,
         own("queued", "first_s", 1)),
        ("rate beside a long queue / an empty one", ">=", 0.9,
         median_ratio(r, "queued", "full", "empty")),
        ("start to first 220, ms", "<=", 100, own("start", "start_ms", 1)),
        ("memory when idle, MB", "<=", 12, own("start", "pss", 1e6)),
    ]


def goal_rows(r):
    rows = []
    for goal, how, bound, value in goals(r):
        value, ruler = value if isinstance(value, tuple) else (value, None)
        met = value is not None and (value >= bound if how == ">=" else value <= bound)
        sign = "at least" if how == ">=" else "at most"
        measured = "not measured" if value is None else f"{value:.3g}"
        rows.append((goal, f"{sign} {bound:g}", measured,
                     "" if ruler is None else f"{ruler:.3g}",
                     "–" if value is None else "yes" if met else "**no**"))
    return rows


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def others(results):
    shares = [f["others"] for rounds in results.values() for f in rounds.values()
              if "others" in f]
    if not shares:
        return ""
    return (f"Other programs used {statistics.median(shares) * 100:.0f} % of the machine (median "
            f"of all loads), {max(shares) * 100:.0f} % at most; loads with more than "
            f"{QUIET * 100:.0f} % count only where no quieter one was to be had.")


def page(bench, rounds, took_s):
    r = Results(bench.results)
    seconds = bench.limits["t"]
    text = [f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} processors, "
            f"{platform.system()} {platform.release()}; rounds: {rounds}, {seconds} s per load, "
            f"{took_s / 60:.0f} minutes in all. {others(bench.results)}", ""]
    text += [table(("workload", "server", "messages/s", "250 after the dot, ms: median",
                    "99 %", "CPU µs per message", "written per byte", "device, per byte",
                    "before it says 250"), rate_rows(r, bench.servers)), ""]
    rest = other_rows(r, bench.servers)
    if rest:
        text += [table(("workload", "server", "figures"), rest), ""]
    text += [table(("goal", "bound", "measured", "raw", "met"), goal_rows(r)), ""]
    text += [f"- {trouble}" for trouble in bench.troubles]
    return "\n".join(text).rstrip() + "\n"
