"""What the house checks share: finding files, blanking comments, functions, the verdict."""
import argparse
import fnmatch
import os
import re
import sys

SKIPPED_FOLDERS = {".git", "build", "run", "__pycache__", ".pytest_cache", ".cache"}


class House:
    """The tree under --root (default: the one this script lies in) and the faults found."""

    def __init__(self, name, about):
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        parser = argparse.ArgumentParser(prog="tools/" + name, description=about)
        parser.add_argument("--root", default=here, help="another tree to look at")
        parser.add_argument("--write", action="store_true", help="write generated files")
        self.args = parser.parse_args()
        self.name = name
        self.root = self.args.root
        self.faults = []

    def files(self, *patterns, under=""):
        """Paths from the root that match one of the patterns, sorted."""
        found = []
        for folder, subs, names in os.walk(os.path.join(self.root, under)):
            subs[:] = sorted(s for s in subs if s not in SKIPPED_FOLDERS)
            for name in names:
                if name not in SKIPPED_FOLDERS and any(fnmatch.fnmatch(name, p) for p in patterns):
                    found.append(os.path.relpath(os.path.join(folder, name), self.root))
        return sorted(found)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
            return f.read()

    def fault(self, path, line, text):
        self.faults.append(f"{path}:{line}: {text}" if line else f"{path}: {text}")

    def verdict(self, note):
        """Print what was found and leave: 0 clean, 1 faults."""
        for fault in self.faults:
            print(fault)
        if self.faults:
            print(f"FAIL {self.name}: {len(self.faults)} faults; {note}")
        else:
            print(f"ok   {self.name}: {note}")
        sys.exit(1 if self.faults else 0)


def is_test(path):
    return path.endswith("_test.c") or path.startswith(("tests/", "fuzz/"))


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """The C text with comments and the insides of literals blanked, lines kept."""
    def replace(match):
        s = match.group()
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[0]
        return re.sub(r"[^\n]", " ", s)
    return _TOKEN.sub(replace, text)


def blank_directives(text):
    """Blanked text without preprocessor lines, so that only declarations remain."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.M)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


_NOT_A_NAME = {"__attribute__", "PRINTF", "CLEANUP", "_Alignas"}


def declared_name(head):
    """The function a declarator such as "CO int f(struct x *a) PRINTF(1, 2)" names, or ''."""
    at = len(head)
    while True:
        close = head.rfind(")", 0, at)
        if close < 0:
            return ""
        depth, open_ = 0, close
        while open_ >= 0:
            depth += {")": 1, "(": -1}.get(head[open_], 0)
            if depth == 0:
                break
            open_ -= 1
        name = re.search(r"(\w+)\s*$", head[:max(open_, 0)])
        if name and name.group(1) not in _NOT_A_NAME:
            return name.group(1)
        pointer = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*$", head[:max(open_, 0)])
        if pointer:
            return pointer.group(1)
        if open_ <= 0:
            return ""
        at = open_


class Function:
    def __init__(self, name, head, body, start_line, end_line):
        self.name, self.head, self.body = name, head, body
        self.start_line = start_line
        self.body_line = end_line - body.count("\n")
        self.lines = end_line - start_line + 1


def functions(blanked):
    """Every function defined in a blanked C text."""
    text = blank_directives(blanked)
    found, depth, begin, open_at = [], 0, 0, 0
    for m in re.finditer(r"[;{}]", text):
        c, at = m.group(), m.start()
        if c == "{":
            if depth == 0:
                open_at = at
            depth += 1
        elif c == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                head = text[begin:open_at]
                if re.search(r"\)\s*$", head) and "=" not in head:
                    found.append(_function(text, head, begin, open_at, at))
                    begin = at + 1
                elif not re.match(r"\s*[;=\w*,\[]", text[at + 1:]):
                    begin = at + 1
        elif depth == 0:
            begin = at + 1
    return found


def _function(text, head, begin, open_at, close_at):
    name = declared_name(head)
    first = begin + max(re.search(rf"\b{re.escape(name)}\s*\(", head).start(), 0)
    return Function(name, head, text[open_at:close_at + 1],
                    line_of(text, first), line_of(text, close_at))
