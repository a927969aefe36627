"""
Coroutines for gdb, in a live process and in a core dump:

    (gdb) source tools/gdb/co.py
    (gdb) co              every coroutine: name, what it waits for, backtrace
    (gdb) co list         the same without backtraces
    (gdb) co 3            one of them
    (gdb) co 3 bt full    one of them, with any command run on its stack

Nothing of the process is changed: a parked coroutine is shown by an unwinder that lets the
innermost frame of the selected thread continue on the parked stack. The layout of the saved
registers is that of src/rt/co_switch.c.
"""

import re

import gdb
import gdb.unwinder

X86_64 = {
    "size": 64,
    "sp": "rsp",
    "pc": ("rip", 56),
    "saved": {"r15": 8, "r14": 16, "r13": 24, "r12": 32, "rbx": 40, "rbp": 48},
}
AARCH64 = {
    "size": 176,
    "sp": "sp",
    "pc": ("pc", 88),
    "saved": {"x%d" % n: (n - 19) * 8 for n in range(19, 31)},
}


def word(address):
    """The 64-bit word at an address."""
    kind = gdb.lookup_type("unsigned long").pointer()
    return int(gdb.Value(address).cast(kind).dereference()) & (2**64 - 1)


class FrameId:
    def __init__(self, sp, pc):
        self.sp = gdb.Value(sp)
        self.pc = gdb.Value(pc)


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """Below the innermost frame comes the parked coroutine, while one is chosen."""

    def __init__(self):
        super().__init__("parked coroutine")
        self.parked_sp = None

    def __call__(self, pending):
        if self.parked_sp is None or pending.level() != 0:
            return None
        cpu = AARCH64 if "aarch64" in pending.architecture().name() else X86_64
        sp = self.parked_sp
        kind = gdb.lookup_type("unsigned long")
        info = pending.create_unwind_info(FrameId(sp, word(sp + cpu["pc"][1])))
        for name, offset in cpu["saved"].items():
            info.add_saved_register(name, gdb.Value(word(sp + offset)).cast(kind))
        info.add_saved_register(cpu["pc"][0], gdb.Value(word(sp + cpu["pc"][1])).cast(kind))
        info.add_saved_register(cpu["sp"], gdb.Value(sp + cpu["size"]).cast(kind))
        return info

    def on(self, sp, command):
        """The output of a command run on the stack parked at sp."""
        width = gdb.parameter("width")
        self.parked_sp = sp
        gdb.invalidate_cached_frames()
        try:
            gdb.execute("set width 0")
            gdb.newest_frame().older().select()
            return gdb.execute(command, to_string=True)
        finally:
            self.parked_sp = None
            gdb.invalidate_cached_frames()
            gdb.execute("set width %s" % (width or 0))


UNWINDER = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


def items(head, type_name, member):
    """Each struct of an intrusive list (base/list.h)."""
    kind = gdb.lookup_type(type_name)
    offset = next(f.bitpos for f in kind.fields() if f.name == member) // 8
    node = head["next"]
    while node != head.address:
        yield gdb.Value(int(node) - offset).cast(kind.pointer()).dereference()
        node = node["next"]


def coroutines():
    """(loop number, struct co, is it running) of every coroutine."""
    try:
        loops = gdb.parse_and_eval("rt_loops")
    except gdb.error as error:
        raise gdb.GdbError("no debug information of rt/: %s" % error)
    for number, loop in enumerate(items(loops, "struct loop", "node")):
        for co in items(loop["alive"], "struct co", "alive"):
            yield number, co, int(loop["current"]) == int(co.address)


def text(pointer):
    return pointer.string(errors="replace") if int(pointer) else ""


def state(co, running):
    if running:
        return "running: see the backtrace of its thread"
    if int(co["waiter"]):
        return "waits: " + text(co["what"])
    return "ready"


def without_innermost(backtrace):
    """Leave out frame 0, which is the thread's, and count from there."""
    frames = re.split(r"(?m)^(?=#\d)", backtrace)
    shown = [f for f in frames if f.startswith("#") and not re.match(r"#0\b", f)]
    number = lambda m: "#%-3d" % (int(m.group(1)) - 1)
    return "".join(re.sub(r"^#(\d+) *", number, f) for f in shown)


class Co(gdb.Command):
    """co [list | NUMBER [COMMAND]]: every coroutine, what it waits for, its backtrace."""

    def __init__(self):
        super().__init__("co", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = argument.split(None, 1)
        only = int(words[0]) if words and words[0].isdigit() else None
        command = words[1] if only is not None and len(words) > 1 else "bt"
        for number, (loop, co, running) in enumerate(coroutines()):
            if only is not None and number != only:
                continue
            print("%d: loop %d, %s, %s%s" % (number, loop, text(co["name"]),
                  state(co, running), ", cancelled" if co["cancelled"] else ""))
            if running or argument.strip() == "list":
                continue
            output = UNWINDER.on(int(co["context"]["sp"]), command)
            print(without_innermost(output) if command.startswith("bt") else output)


Co()
