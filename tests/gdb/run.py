#!/usr/bin/env python3
"""Our gdb tests by `gdbvm test` (vmm/testing), with what only they need.

usage: run.py (--gdbvm PROGRAM | --lab FOLDER) --guests FOLDER [options of gdbvm test] TEST.py…
       --lab: the VM runs in the lab served in FOLDER (tests/lab/README.md), gdb here

Paths in headers are relative to the guests folder, which is {guests} in `args`. gdb is not connected: the tests do that in their own ways.
They find all names of gdbtest.py without an import. More header keys:
  linux   the guests folder is that of guests/linux/build; skipped where it has not been run
  local   needs the VM's own socket, files or process: skipped where the VM is elsewhere (the lab, where a lost connection looks like
          silence on the line)
  mi      the test runs outside gdb and drives it by its machine interface (mi.py)
"""
import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "..", "vmm"), os.path.join(HERE, "..", "lab")]
sys.dont_write_bytecode = True

from testing import cli  # noqa: E402
from testing.header import Key  # noqa: E402

LINUX = os.environ.get("GDBVM_LINUX") or os.path.expanduser("~/.cache/gdbvm/linux")


class Ours(cli.Extension):
    keys = {
        "linux": Key("", "the guests are those of guests/linux/build"),
        "local": Key("", "needs the VM's own socket, files or process"),
        "mi": Key("", "runs outside gdb and drives it by its machine interface"),
    }
    definitions = ["connect=no", "may-miss=."]
    prelude = "gdbtest"
    python_path = [HERE]

    def root(self, header):
        return LINUX if "linux" in header else None

    def reason_to_skip(self, case, machine):
        if "local" in case.header and machine.elsewhere:
            return f"needs {machine.elsewhere}"
        names = [case.image, *case.header.all("disk"), *re.findall(r"\{guests\}/([\w.-]+)", case.header.get("args", ""))]
        missing = next((name for name in names if not os.path.exists(case.file(name))), None)
        if missing and "linux" in case.header:
            return f"{LINUX} has no {missing}: run guests/linux/build, which takes some minutes"
        if missing and "firmware" in case.header:
            return f"there is no {case.file(missing)}: see scripts/packages"
        return None

    def placeholders(self, case):
        return {"guests": case.root}

    def command(self, case):
        return [sys.executable, os.path.join(HERE, "mi.py"), case.path] if "mi" in case.header else None


def main():
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--lab")
    parser.add_argument("--guests", required=True)
    options, others = parser.parse_known_args()
    machine = None
    if options.lab:
        from machine import Lab

        machine = Lab(options.lab)
    return cli.main(["--root", options.guests, *others], Ours(), machine)


if __name__ == "__main__":
    sys.exit(main())
