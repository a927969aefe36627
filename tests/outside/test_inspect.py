"""postern inspect: message files from the command line."""
import base64
import json
import os
import subprocess

from server import BUILT

EICAR = (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" +
         b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")


def inspect(*args, stdin=b""):
    return subprocess.run([BUILT, "inspect", *args], input=stdin, capture_output=True, timeout=60,
                          check=False)


def mail(name, content):
    return (b"From: <user@hidden.gov>\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n"
            b"Content-Type: application/octet-stream; name=\"" + name.encode() + b"\"\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" +
            base64.encodebytes(content).replace(b"\n", b"\r\n") + b"--b--\r\n")


def write(place, name, content):
    path = os.path.join(place, name)
    with open(path, "wb") as f:
        f.write(content)
    return path


def test_what_is_found_decides_the_exit_status(place):
    clean = inspect(write(place, "clean", mail("notes.txt", b"some words")))
    assert clean.returncode == 0, clean
    assert b": clean\n" in clean.stdout
    bad = inspect(write(place, "bad", mail("a.txt", b"some words " + EICAR)))
    assert bad.returncode == 1, bad
    assert b"eicar" in bad.stdout and b"@11" in bad.stdout
    missing = inspect(os.path.join(place, "missing"))
    assert missing.returncode == 2
    assert b"No such file" in missing.stderr
    assert inspect().returncode == 64


def test_json_and_standard_input(place):
    del place
    done = inspect("--json", "-", stdin=mail("invoice.pdf.exe", b"MZ" + bytes(100)))
    found = json.loads(done.stdout)
    assert found["worst"] == "odd"
    assert {f["id"] for f in found["findings"]} >= {"executable", "executable-name",
                                                    "name-double-extension"}
    part = next(o for o in found["objects"] if o.get("view") == "base64")
    assert part["types"] == ["dos"] and part["bytes"] == 102 and part["path"] == "2"
    assert len(part["sha256"]) == 64


def test_a_directory_is_a_table(place):
    folder = os.path.join(place, "mails")
    os.mkdir(folder)
    write(folder, "1.eml", mail("a.txt", b"text"))
    write(folder, "2.eml", mail("a.iso", b"text"))
    write(folder, ".hidden", mail("a.txt", EICAR))
    done = inspect(folder)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert [line.split()[0] for line in lines] == ["clean", "risk"], lines
    assert "disk-image-name" in lines[1]


def test_raw_file_and_hostile_name(place):
    """A name of a file may not steer a terminal."""
    done = inspect("--raw", write(place, "a\x1b[2J.com", EICAR))
    assert done.returncode == 1
    assert b"\x1b" not in done.stdout
    assert b"executable-name" in done.stdout
