#!/usr/bin/env python3
"""Runs one gdb test: a fresh VM, stock gdb in batch, both ended whatever happens.

usage: run.py --gdbvm PROGRAM --guests FOLDER TEST.py
exit status: 0 passed, 1 failed, 77 skipped (the reason is printed)

A test is Python that runs inside gdb (see gdbtest.py), with a header of `# gdbvm: KEY VALUE` lines:
  image NAME           of the guests folder (required); several rows: a VM for each, one after the other
  args WORDS           more arguments of `gdbvm run`
  append TEXT          kernel command line; several rows: a VM for each
  running              the guest runs before gdb comes (otherwise: --wait)
  symbols NAME         symbol file, of the guests folder (default: the image, when gdb can read it)
  requires KEY=VALUE   a probe of `gdbvm host` that must have this value; else the test is skipped
  local                needs the VM's own socket, files or process: skipped where the VM is elsewhere (the lab)
  expect-exit N        gdbvm's exit status at the end (otherwise the VM is ended by the test)
  expect-serial REGEX  the console must match, at the end
  timeout SECONDS      a guard against hangs, not a measure (default 120)
"""
import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = {"image", "args", "append", "running", "symbols", "requires", "local", "expect-exit", "expect-serial", "timeout"}
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


def unmet(rows, probes):
    for need in rows.get("requires", []):
        key, value = need.split("=", 1)
        if probes[key]["value"] != value:
            return f"needs {key}={value}, this host has {probes[key]['value']}: {probes[key]['meaning']}"
    return None


def end(process):
    """Ends a process of ours by its pid; returns its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def listening(vm):
    """The endpoint that gdbvm announces on its stderr."""
    said = []
    for line in vm.stderr:
        said.append(line)
        if line.startswith("gdb: listening on "):
            return line.split(" on ", 1)[1].strip()
    end(vm)
    sys.exit("gdbvm did not start:\n" + "".join(said))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gdbvm", required=True)
    parser.add_argument("--guests", required=True)
    parser.add_argument("test")
    options = parser.parse_args()
    rows = header(options.test)

    host = subprocess.run([options.gdbvm, "host", "--json"], capture_output=True, text=True)
    if host.returncode != 0:
        print(f"SKIPPED: {host.stderr.strip()}")
        return SKIPPED
    reason = unmet(rows, json.loads(host.stdout)["probes"])
    if reason:
        print(f"SKIPPED: {reason}")
        return SKIPPED

    for image in rows["image"]:
        for append in rows.get("append", [None]):
            if not run(options, rows, image, append):
                print(f"--- with image {image}, append {append}")
                return 1
    return 0


def start(options, rows, image, append, folder):
    """The VM, and where its gdb server listens."""
    command = [options.gdbvm, "run", "--gdb", f"unix:{folder}/gdb", "--serial", f"file:{folder}/serial"]
    command += [] if "running" in rows else ["--wait"]
    command += shlex.split(rows.get("args", [""])[-1])
    command += [] if append is None else ["--append", append]
    command.append(os.path.join(options.guests, image))
    vm = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return vm, listening(vm)


def debugger(options, rows, image, folder, vm, endpoint):
    """A stock gdb that runs the test, with the guest's symbols where it has them."""
    symbols = os.path.join(options.guests, rows.get("symbols", [image])[-1])
    with open(symbols, "rb") as file:
        is_elf = file.read(4) == b"\x7fELF"
    gdb = [os.environ.get("GDB", "gdb"), "-nx", "-nh", "-batch", "-iex", "set pagination off"]
    gdb += ["-iex", "set confirm off", "-iex", "set debuginfod enabled off", "-ex", "python import gdbtest"]
    gdb += ["-ex", f"python gdbtest.run({os.path.abspath(options.test)!r})"]
    gdb += [symbols] if is_elf else []
    facts = {"ENDPOINT": endpoint.removeprefix("unix:").removeprefix("tcp:"), "FOLDER": folder, "PID": str(vm.pid),
             "IMAGE": os.path.join(options.guests, image), "SERIAL": f"{folder}/serial"}
    environment = dict(os.environ, PYTHONPATH=HERE, **{f"GDBVM_TEST_{key}": value for key, value in facts.items()})
    return subprocess.Popen(gdb, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=environment)


def converse(gdb, limit):
    """What gdb said, and what is wrong with it."""
    try:
        said, _ = gdb.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        gdb.kill()
        said, _ = gdb.communicate()
        return said, ["gdb did not end in time"]
    passed = gdb.returncode == 0 and "gdbtest: passed" in said
    return said, [] if passed else ["the test did not pass"]


def wrong_exit(vm, expected):
    try:
        status = str(vm.wait(20))
    except subprocess.TimeoutExpired:
        status = "none, it still runs"
    return [] if status == expected else [f"gdbvm's exit status is {status}, expected {expected}"]


def run(options, rows, image, append):
    """One VM, one gdb. True when all is well; else everything that helps is printed."""
    with tempfile.TemporaryDirectory(prefix="gdbvm-test-") as folder:
        vm, endpoint = start(options, rows, image, append, folder)
        try:
            gdb = debugger(options, rows, image, folder, vm, endpoint)
            said, problems = converse(gdb, float(rows.get("timeout", ["120"])[-1]))
            if "expect-exit" in rows and not problems:
                problems += wrong_exit(vm, rows["expect-exit"][-1])
        finally:
            end(vm)
        with open(f"{folder}/serial", encoding="latin-1") as file:
            console = file.read()
        for pattern in rows.get("expect-serial", []):
            if not re.search(pattern, console):
                problems.append(f"the console does not match {pattern!r}")
        if problems:
            print(said, *(f"FAILED: {problem}" for problem in problems), sep="\n")
            print(f"--- console:\n{console[-2000:]}\n--- gdbvm said:\n{vm.stderr.read()[-2000:]}")
        return not problems


if __name__ == "__main__":
    sys.exit(main())
