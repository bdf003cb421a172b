#!/usr/bin/env python3
"""Runs one gdb test: a fresh VM, stock gdb in batch, both ended whatever happens.

usage: run.py (--gdbvm PROGRAM | --lab FOLDER) --guests FOLDER TEST.py
       --lab: the VM runs in the lab served in FOLDER (tests/lab/README.md), gdb here
exit status: 0 passed, 1 failed, 77 skipped (the reason is printed)

A test is Python that runs inside gdb (see gdbtest.py; or, with `mi`, outside), with a header of `# gdbvm: KEY VALUE` lines:
  image NAME           of the guests folder (required); several rows: a VM for each, one after the other
  firmware FILE        the image is a drive that this ROM boots; skipped where one of the two is not there
  linux                the guests folder is that of guests/linux/build; skipped where it has not been run
  args WORDS           more arguments of `gdbvm run`; {guests} in them is the guests folder
  disk NAME            of the guests folder: {disk} in `args` is a copy of it that the test may change
  expect-disk REGEX    that copy must match, at the end
  append TEXT          kernel command line; several rows: a VM for each
  mi                   the test runs outside gdb and drives it by its machine interface (see mi.py)
  running              the guest runs before gdb comes (otherwise: --wait)
  symbols NAME         symbol file, of the guests folder (default: the image, when gdb can read it)
  requires KEY=VALUE   a probe of `gdbvm host` that must have this value; else the test is skipped
  local                needs the VM's own socket, files or process: skipped where the VM is elsewhere (the lab, where
                       a lost connection looks like silence on the line)
  expect-exit N        gdbvm's exit status at the end (otherwise the VM is ended by the test)
  expect-serial REGEX  the console must match, at the end
  timeout SECONDS      a guard against hangs, not a measure (default 120)
"""
import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "lab"))
KEYS = {"image", "firmware", "linux", "args", "append", "mi", "running", "symbols", "requires", "local", "disk", "expect-disk",
        "expect-exit", "expect-serial", "timeout"}
SKIPPED = 77


def header(path):
    rows = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r"# gdbvm: (\S+)\s*(.*)", line)
            if not found:
                continue
            if found[1] not in KEYS:
                sys.exit(f"{path}:{number}: unknown key {found[1]}")
            rows.setdefault(found[1], []).append(found[2].strip())
    return rows


def missing(options, rows):
    """Of a test with firmware: what has not been installed or made."""
    files = rows.get("firmware", []) and [rows["firmware"][-1], *(os.path.join(options.guests, name) for name in rows["image"])]
    return next((f"there is no {file}: see scripts/packages" for file in files if not os.path.exists(file)), None)


def unmet(rows, probes):
    for need in rows.get("requires", []):
        key, value = need.split("=", 1)
        if probes[key]["value"] != value:
            return f"needs {key}={value}, this host has {probes[key]['value']}: {probes[key]['meaning']}"
    return None


class Here:
    """A VM on this host."""

    def __init__(self, gdbvm):
        self._gdbvm = gdbvm
        self.slow = False

    def probe(self):
        host = subprocess.run([self._gdbvm, "host", "--json"], capture_output=True, text=True)
        return (json.loads(host.stdout)["probes"], None) if host.returncode == 0 else (None, host.stderr.strip())

    def start(self, arguments, folder):
        """Returns where the gdb server listens."""
        self._serial = f"{folder}/serial"
        command = [self._gdbvm, "run", "--gdb", f"unix:{folder}/gdb", "--serial", f"file:{self._serial}", *arguments]
        self._vm = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.pid = self._vm.pid
        said = []
        for line in self._vm.stderr:
            said.append(line)
            if line.startswith("gdb: listening on "):
                return line.split(" on ", 1)[1].strip().removeprefix("unix:")
        self.end()
        sys.exit("gdbvm did not start:\n" + "".join(said))

    def status(self):
        """gdbvm's exit status, when it ends by itself."""
        try:
            return str(self._vm.wait(20))
        except subprocess.TimeoutExpired:
            return "none, it still runs"

    def end(self):
        """Ends it by its pid, if it has not ended."""
        if self._vm.poll() is None:
            self._vm.send_signal(signal.SIGTERM)
            try:
                self._vm.wait(5)
            except subprocess.TimeoutExpired:
                self._vm.kill()
        self._vm.wait()

    def console(self):
        with open(self._serial, encoding="latin-1") as file:
            return file.read()

    def said(self):
        return self._vm.stderr.read()

    def copy(self, path, folder):
        """Where the VM finds a copy of the file."""
        return shutil.copy(path, f"{folder}/disk")

    def content(self, path):
        with open(path, encoding="latin-1") as file:
            return file.read()


class InLab:
    """A VM inside the lab; the lab itself lives on. Paths are the same there."""

    def __init__(self, folder):
        from client import Lab
        self._lab = Lab(folder)
        self._result = None
        self.slow = True
        self.pid = 0

    def probe(self):
        host = self._lab.run(["gdbvm", "host", "--json"])
        return (json.loads(host.stdout)["probes"], None) if host.status == 0 else (None, host.output.decode())

    def start(self, arguments, folder):
        self._result = None
        words = ["gdbvm", "run", "--gdb", "tty:/dev/ttyS1", "--serial", "file:/tmp/serial", *arguments]
        self._lab.start(words, timeout=1200)
        return self._lab.rsp_endpoint()

    def status(self):
        self._result = self._result or self._lab.wait()
        return str(self._result.status)

    def end(self):
        if self._result is None:
            self._lab.kill()
            self._result = self._lab.wait()

    def console(self):
        return self._lab.run(["cat", "/tmp/serial"]).stdout.decode("latin-1").replace("\r\n", "\n")

    def said(self):
        return self._result.stderr.decode("latin-1")

    def copy(self, path, _folder):
        copied = self._lab.run(["cp", path, "/tmp/disk"])
        if copied.status != 0:
            sys.exit(copied.output.decode("latin-1"))
        return "/tmp/disk"

    def content(self, path):
        return self._lab.run(["cat", path]).stdout.decode("latin-1")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gdbvm")
    parser.add_argument("--lab")
    parser.add_argument("--guests", required=True)
    parser.add_argument("test")
    options = parser.parse_args()
    options.guests = os.path.abspath(options.guests)
    rows = header(options.test)
    if reason := missing(options, rows):
        print(f"SKIPPED: {reason}")
        return SKIPPED
    if "linux" in rows:
        options.guests = os.environ.get("GDBVM_LINUX") or os.path.expanduser("~/.cache/gdbvm/linux")
        lacking = [name for name in rows["image"] if not os.path.exists(os.path.join(options.guests, name))]
        if lacking:
            print(f"SKIPPED: {options.guests} has no {lacking[0]}: run guests/linux/build, which takes some minutes")
            return SKIPPED
    if options.lab and "local" in rows:
        print("SKIPPED: needs gdbvm's own socket, files or process, which are inside the lab")
        return SKIPPED
    vm = InLab(options.lab) if options.lab else Here(options.gdbvm)
    probes, reason = vm.probe()
    reason = reason or unmet(rows, probes)
    if reason:
        print(f"SKIPPED: {reason}")
        return SKIPPED

    for image in rows["image"]:
        for append in rows.get("append", [None]):
            problems, skipped = run(vm, options, rows, image, append)
            if problems:
                print(f"--- with image {image}, append {append}")
                return 1
            reason = reason or skipped
    if reason:
        print(f"SKIPPED: {reason}")
        return SKIPPED
    return 0


def arguments(options, rows, image, append, disk):
    """What follows `gdbvm run` beside where gdb and the console are."""
    words = [] if "running" in rows else ["--wait"]
    text = rows.get("args", [""])[-1].replace("{guests}", options.guests)
    words += shlex.split(text.replace("{disk}", disk) if disk else text)
    words += [] if append is None else ["--append", append]
    path = os.path.join(options.guests, image)
    return words + (["--firmware", rows["firmware"][-1], "--drive", f"{path},snapshot"] if "firmware" in rows else [path])


def debugger(vm, options, rows, image, folder, endpoint):
    """A stock gdb that runs the test, with the guest's symbols where it has them."""
    symbols = os.path.join(options.guests, rows.get("symbols", [image])[-1])
    with open(symbols, "rb") as file:
        is_elf = file.read(4) == b"\x7fELF"
    gdb = [os.environ.get("GDB", "gdb"), "-nx", "-nh", "-batch", "-iex", "set pagination off"]
    gdb += ["-iex", "set confirm off", "-iex", "set debuginfod enabled off", "-ex", "python import gdbtest"]
    if vm.slow:  # a large image takes it more than gdb's two seconds to start
        gdb += ["-iex", "set remotetimeout 30"]
    gdb += ["-ex", f"python gdbtest.run({os.path.abspath(options.test)!r})"]
    if "mi" in rows:
        gdb = [sys.executable, os.path.join(HERE, "mi.py"), os.path.abspath(options.test)]
    gdb += [symbols] if is_elf else []
    facts = {"ENDPOINT": endpoint, "FOLDER": folder, "PID": str(vm.pid), "SLOW": "1" if vm.slow else "",
             "IMAGE": os.path.join(options.guests, image), "SERIAL": f"{folder}/serial"}
    environment = dict(os.environ, PYTHONPATH=HERE, **{f"GDBVM_TEST_{key}": value for key, value in facts.items()})
    return subprocess.Popen(gdb, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=environment, start_new_session=True)


def converse(gdb, limit):
    """What gdb said, what is wrong with it, and the reason why the test skipped the rest."""
    try:
        said, _ = gdb.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(gdb.pid, signal.SIGKILL)  # with the gdb that mi.py started
        said, _ = gdb.communicate()
        return said, ["gdb did not end in time"], None
    ended = re.search(r"^gdbtest: (passed|skipped: (.*))$", said, re.MULTILINE)
    passed = gdb.returncode == 0 and ended
    return said, [] if passed else ["the test did not pass"], ended and ended[2]


def run(vm, options, rows, image, append):
    """One VM, one gdb. Returns the problems, printed with everything that helps, and the reason for skipping the rest."""
    with tempfile.TemporaryDirectory(prefix="gdbvm-test-") as folder:
        disk = vm.copy(os.path.join(options.guests, rows["disk"][-1]), folder) if "disk" in rows else None
        endpoint = vm.start(arguments(options, rows, image, append, disk), folder)
        try:
            gdb = debugger(vm, options, rows, image, folder, endpoint)
            said, problems, skipped = converse(gdb, float(rows.get("timeout", ["120"])[-1]) * (5 if vm.slow else 1))
            if "expect-exit" in rows and not problems and not skipped and vm.status() != rows["expect-exit"][-1]:
                problems.append(f"gdbvm's exit status is {vm.status()}, expected {rows['expect-exit'][-1]}")
        finally:
            vm.end()
        console = vm.console()
        for pattern in rows.get("expect-serial", []) if not skipped else []:
            if not re.search(pattern, console):
                problems.append(f"the console does not match {pattern!r}")
        for pattern in rows.get("expect-disk", []) if not skipped else []:
            if not re.search(pattern, vm.content(disk)):
                problems.append(f"the disk does not match {pattern!r}")
        if problems:
            print(said, *(f"FAILED: {problem}" for problem in problems), sep="\n")
            print(f"--- console:\n{console[-2000:]}\n--- gdbvm said:\n{vm.said()[-2000:]}")
        return problems, skipped


if __name__ == "__main__":
    sys.exit(main())
