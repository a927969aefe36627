"""What the documentation says about the program is what the program says."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from server import BUILT, TOP

MANUALS = sorted(glob.glob(os.path.join(TOP, "docs/man/*.scd")))
COMMANDS = {"serve": 8, "check": 1, "send": 1, "queue": 1, "explain": 1, "inspect": 1,
            "spool": 1}
PAGES = [os.path.join(TOP, "docs/configuration.md"), os.path.join(TOP, "README.md"),
         *sorted(glob.glob(os.path.join(TOP, "docs/handbook/*.md"))), *MANUALS]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def said(*words):
    return subprocess.run([BUILT, *words], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("path", MANUALS, ids=os.path.basename)
def test_manual_compiles(path):
    if not shutil.which("scdoc"):
        pytest.skip("scdoc is not installed")
    done = subprocess.run(["scdoc"], input=read(path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".SH") >= 3


def test_every_command_has_its_page():
    listed = re.findall(r"^  (\w+) {2,}", said("--help"), re.M)
    assert sorted(listed) == sorted(COMMANDS)
    overview = read(os.path.join(TOP, "docs/man/postern.1.scd"))
    for name, section in COMMANDS.items():
        assert f"*postern-{name}*({section})" in overview
        assert os.path.join(TOP, f"docs/man/postern-{name}.{section}.scd") in MANUALS


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_those_of_the_program(name):
    page = read(os.path.join(TOP, f"docs/man/postern-{name}.{COMMANDS[name]}.scd"))
    known = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", said(name, "--help"), re.M)
    letters = re.findall(r"^ +(-\w), --", said(name, "--help"), re.M)
    told = [o for line in re.findall(r"^\*-.*$", page, re.M)
            for o in re.findall(r"\*(--?[\w-]+)\*", line)]
    assert sorted(told) == sorted(known + letters)


def test_sections_are_those_of_the_program():
    top = said("check", "--reference").split("\n## ")[0]
    known = re.findall(r"^\| `(\w+)` \|", top, re.M)
    page = read(os.path.join(TOP, "docs/man/postern.conf.5.scd"))
    told = [w for line in re.findall(r"^\*.*$", page.split("# SECTIONS")[1].split("# EX")[0], re.M)
            for w in re.findall(r"\*(\w+)\*", line)]
    assert sorted(told) == sorted(known)


def test_events_are_those_of_the_program():
    """Events that a condition chooses are literals, too, but not beside their call."""
    code = "".join(map(read, [p for p in glob.glob(os.path.join(TOP, "src/*/*.c"))
                              if not p.endswith("_test.c")]))
    known = set(re.findall(r'log_(?:text\(|begin\(&l,)\s*LOG_[A-Z]+,\s*"(\w+)"', code))
    page = read(os.path.join(TOP, "docs/handbook/operating.md")).split("\n## The log\n")[1]
    told = {w for row in re.findall(r"^\| (`[^|]*) \|", page, re.M)
            for w in re.findall(r"`(\w+)`", row)}
    assert len(known) > 30 and known - told == set()
    assert [w for w in told if f'"{w}"' not in code] == []


@pytest.mark.parametrize("path", PAGES, ids=os.path.basename)
def test_examples_are_usable(path, tmp_path):
    """Every whole configuration shown in a page passes `postern check` without a warning."""
    for shown in re.findall(r"^```\n(.*?)^```", read(path), re.M | re.S):
        if not shown.startswith("hostname"):
            continue
        conf = tmp_path / "postern.conf"
        conf.write_text(shown, encoding="utf-8")
        done = subprocess.run([BUILT, "check", "-c", str(conf)], capture_output=True, text=True,
                              cwd=tmp_path)
        assert done.returncode == 0 and "warning" not in done.stdout, shown + done.stdout
