"""What a test of `gdbvm test` uses: `from runner import *`, beside all of tests/cli/cli.py."""
import json
import os
import sys
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
TESTING = os.path.join(HERE, "..", "..", "vmm", "testing")
sys.path[1:1] = [os.path.join(HERE, "..", "cli"), os.path.dirname(TESTING)]
sys.dont_write_bytecode = True

from cli import *  # noqa: E402, F403

RUNNER = [sys.executable, "-P", os.path.join(TESTING, "__main__.py")]
TESTS = os.path.join(FOLDER, "tests")
ROOT = os.path.dirname(guest("kernel64"))
ENVIRONMENT = dict(os.environ, GDBVM=GDBVM, TMPDIR=os.path.join(FOLDER, "tmp"))
os.mkdir(TESTS)
os.mkdir(ENVIRONMENT["TMPDIR"])


def test(name, text, **header):
    """Writes a test file; `header`: key=value or key=[values], with _ for -. Returns its path."""
    rows = [(key.replace("_", "-"), row) for key, value in header.items() for row in (value if isinstance(value, list) else [value])]
    path = os.path.join(TESTS, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(f"# gdbvm: {key} {value}\n" for key, value in rows)
        out.write(textwrap.dedent(text))
    return path


def start_runner(*arguments, **how):
    return start(*RUNNER[1:], "--root", ROOT, *arguments, program=RUNNER[0], **({"env": ENVIRONMENT, "cwd": FOLDER} | how))


def gdbvm_test(*arguments, **how):
    """(exit status, stdout, stderr)"""
    process = start_runner(*arguments, **how)
    out, err = process.communicate(timeout=10 * LIMIT)
    return process.returncode, out, err


def results(*arguments):
    """Runs tests; the rows of the JSON report, by name."""
    path = os.path.join(FOLDER, "report.json")
    gdbvm_test(*arguments, "--json", path)
    with open(path, encoding="utf-8") as report:
        return {row["name"]: row for row in json.load(report)["tests"]}


def left_running():
    """Processes that a runner has started, and their commands: each has our folder in its environment."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environment, open(f"/proc/{pid}/cmdline", "rb") as command:
                if int(pid) != os.getpid() and FOLDER.encode() in environment.read():
                    found[int(pid)] = command.read().decode(errors="replace").replace("\0", " ")
        except OSError:
            pass
    return found


def none_left():
    """Nothing runs that we started, and no folder of a test is left."""
    equal(left_running(), {}, "processes")
    equal(os.listdir(ENVIRONMENT["TMPDIR"]), [], "folders")
