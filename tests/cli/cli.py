"""What a test of the command line uses: `from cli import *`, run as `python3 TEST.py --gdbvm PROGRAM --guests FOLDER`.

Everything a test starts is ended with it, and its files go with FOLDER. A test that calls needs_kvm() is skipped (77)
where /dev/kvm cannot be used.
"""
import argparse
import atexit
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

_parser = argparse.ArgumentParser()
_parser.add_argument("--gdbvm", required=True)
_parser.add_argument("--guests", required=True)
_options = _parser.parse_args()
GDBVM = os.path.abspath(_options.gdbvm)
FOLDER = tempfile.mkdtemp(prefix="gdbvm-test-")
LIMIT = 60  # seconds; only guards against hangs
_started = []


def _clean_up():
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(FOLDER)


atexit.register(_clean_up)


def guest(name):
    return os.path.join(os.path.abspath(_options.guests), name)


def needs_kvm():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("SKIPPED: /dev/kvm is not usable here")
        sys.exit(77)


def start(*arguments, program=None, **how):
    """Starts gdbvm with its output in pipes; `how` goes to Popen."""
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | how
    process = subprocess.Popen([program or GDBVM, *arguments], **how)
    _started.append(process)
    return process


def run(*arguments, **how):
    """Runs gdbvm to its end; returns (exit status, stdout, stderr)."""
    process = start(*arguments, **how)
    out, err = process.communicate(timeout=LIMIT)
    return process.returncode, out, err


def gdb(*commands, files=()):
    """Runs a stock gdb in batch; returns all that it said."""
    arguments = ["-nx", "-nh", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set confirm off"]
    for command in commands:
        arguments += ["-ex", command]
    process = start(*arguments, *files, program=os.environ.get("GDB", "gdb"), stderr=subprocess.STDOUT)
    return process.communicate(timeout=LIMIT)[0]


def announced(process, what="gdb: listening on "):
    """The rest of the line on stderr that begins so."""
    for line in process.stderr:
        if line.startswith(what):
            return line.removeprefix(what).strip()
    raise AssertionError(f"gdbvm never said {what!r}")


def file(name, content):
    path = os.path.join(FOLDER, name)
    with open(path, "wb") as out:
        out.write(content)
    return path


def equal(found, expected, what="value"):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def matches(text, pattern):
    assert re.search(pattern, text), f"expected {pattern!r} in:\n{text}"


def read_until(fd, pattern):
    """What arrives at a descriptor until it matches."""
    text = ""
    while not re.search(pattern, text):
        ready, _, _ = select.select([fd], [], [], LIMIT)
        assert ready, f"never came: {pattern!r}; seen:\n{text}"
        text += os.read(fd, 4096).decode("latin-1")
    return text
