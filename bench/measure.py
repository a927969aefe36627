"""What a server costs: CPU, memory, bytes written; and running the load generator."""
import os
import subprocess
import time

from server import TOP

BUILT = os.environ.get("BENCH_BUILT", os.path.join(TOP, "build", "release", "bench"))
LOAD = os.path.join(BUILT, "bench-load")
RAW = os.path.join(BUILT, "bench-raw")
FILL = os.path.join(BUILT, "bench-spool")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
CPUS = os.cpu_count()
SECTOR = 512
LOAD_SECONDS_MAX = 300
QUIET_SAMPLE_S = 0.2
QUIET_SHARE_MAX = 0.25
# What stands between us and a server, and is no part of it.
WRAPPERS = {"unshare", "sh", "prlimit", "strace"}


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def parents():
    """{pid: pid of the parent} of all processes."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found[int(name)] = int(read(f"/proc/{name}/stat").rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                pass
    return found


def process_tree(top):
    """The process `top` and all that descend from it. What is orphaned in a PID namespace
    falls to that namespace's first process, so nothing is lost of a server in a jail."""
    of = parents()
    tree, before = {top}, 0
    while len(tree) != before:
        before = len(tree)
        tree |= {pid for pid, parent in of.items() if parent in tree}
    return sorted(pid for pid in tree if pid in of)


def machine_busy_s():
    fields = [int(v) for v in read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS_PER_S


def own_cpu_s():
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def device_bytes(path):
    """Bytes written so far to the device that holds `path`, by anybody; None: not known."""
    number = os.stat(path).st_dev
    try:
        fields = read(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat").split()
    except OSError:
        return None
    return int(fields[6]) * SECTOR


class Group:
    """A control group that counts the CPU of all its processes, to the nanosecond."""

    def __init__(self, name):
        self.path, self.v2 = None, False
        for base in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup"):
            self.v2 = os.path.exists(os.path.join(base, "cgroup.controllers"))
            if not self.v2 and not os.path.exists(os.path.join(base, "cpuacct.usage")):
                continue
            path = os.path.join(base, f"postern-bench-{os.getpid()}-{name}")
            try:
                os.mkdir(path)
            except OSError:
                continue
            self.path = path
            return

    def add(self, pids):
        for pid in pids:
            try:
                with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as f:
                    f.write(str(pid))
            except OSError:
                pass  # it has ended

    def cpu_s(self):
        if self.v2:
            return int(read(os.path.join(self.path, "cpu.stat")).split()[1]) / 1e6
        return int(read(os.path.join(self.path, "cpuacct.usage"))) / 1e9

    def end(self):
        until = time.monotonic() + 5
        while self.path and time.monotonic() < until:
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.02)  # its processes are on their way out


class Meter:
    """The cost of one running server: of the process `pid` and of all below it."""

    def __init__(self, name, pid):
        self.pid = pid
        self.group = Group(name)
        if self.group.path:
            self.group.add(process_tree(pid))

    @property
    def exact(self):
        return self.group.path is not None

    def cpu_s(self):
        if self.exact:
            return self.group.cpu_s()
        ticks = 0
        for pid in process_tree(self.pid):
            try:
                fields = read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
                ticks += sum(int(v) for v in fields[11:15])  # with children that have ended
            except OSError:
                pass
        return ticks / TICKS_PER_S

    def _values(self, file, key):
        for pid in process_tree(self.pid):
            try:
                if read(f"/proc/{pid}/comm").strip() in WRAPPERS:
                    continue
                for line in read(f"/proc/{pid}/{file}").splitlines():
                    if line.startswith(key):
                        yield int(line.split()[1])
            except OSError:
                pass

    def pss_bytes(self):
        """Memory, with what is shared by several processes counted once."""
        return sum(self._values("smaps_rollup", "Pss:")) * 1024

    def processes(self):
        return sum(1 for _ in self._values("status", "Pid:"))

    def written_bytes(self):
        """Given to the page cache to be written, and not taken back before it was."""
        total = 0
        for pid in process_tree(self.pid):
            try:
                rows = dict(line.split(": ") for line in read(f"/proc/{pid}/io").splitlines())
                total += int(rows["write_bytes"]) - int(rows["cancelled_write_bytes"])
            except OSError:
                pass
        return total

    def end(self):
        self.group.end()


def words(line):
    """key=value words of the generator; numbers become numbers."""
    found = {}
    head, _, error = line.strip().partition(" error=")
    for word in head.split():
        key, _, value = word.partition("=")
        found[key] = float(value)
    found["error"] = error or "-"
    return found


def load_command(port, **options):
    """Options of bench-load by their letters."""
    command = [LOAD, "-p", str(port)]
    for letter, value in options.items():
        command += [f"-{letter}", str(value)]
    return command


def load_start(port, **options):
    return subprocess.Popen(load_command(port, **options), stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def figures_of(process):
    """Of a generator that has ended, or is about to."""
    if not hasattr(process, "figures"):
        out, trouble = process.communicate(timeout=LOAD_SECONDS_MAX)
        if not out:
            raise RuntimeError(f"the load generator: {trouble.strip()}")
        process.figures = words(out)
    return process.figures


def load(port, **options):
    return figures_of(load_start(port, **options))


class Held:
    """Idle or slow sessions, held until end(). letter: i or w."""

    def __init__(self, port, letter, count, addresses):
        command = load_command(port, **{letter: count, "a": addresses, "t": LOAD_SECONDS_MAX})
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.opened = words(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        told = words(self.process.stdout.read())
        self.process.wait()
        return told


def wait_for_quiet(seconds_max):
    """Until other programs leave most of the machine alone, but no longer than that."""
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        busy = machine_busy_s()
        time.sleep(QUIET_SAMPLE_S)
        if machine_busy_s() - busy < QUIET_SHARE_MAX * QUIET_SAMPLE_S * CPUS:
            return


def measured(server, work):
    """Run work(); its figures with `cpu_s`, `written`, `device` and `others`: the share of the
    machine that neither the server nor we used."""
    meter = server.meter
    device, written = device_bytes(server.dir), meter.written_bytes()
    cpu, busy, own, began = meter.cpu_s(), machine_busy_s(), own_cpu_s(), time.monotonic()
    figures = work()
    took = time.monotonic() - began
    figures["cpu_s"] = meter.cpu_s() - cpu
    mine = own_cpu_s() - own + figures["cpu_s"]
    figures["others"] = max(0.0, (machine_busy_s() - busy - mine) / took / CPUS)
    figures["written"] = meter.written_bytes() - written
    if device is not None:
        figures["device"] = device_bytes(server.dir) - device
    return figures
