"""The command line of `gdbvm test`."""
import argparse
import os
import shutil
import sys
import textwrap
import time

from testing import cases, reporters
from testing.execution import Settings
from testing.header import KEYS, UsageError
from testing.machine import Here
from testing.scheduler import Scheduler, repeated

FAILED, USAGE, SKIPPED = 1, 2, 77


class Extension:
    """What a project may add to the header and to the run of its tests; ours: tests/gdb/run.py."""

    keys = {}  # more rows of KEYS
    definitions = []  # as -D gives them, ahead of those
    prelude = ""  # a module whose names Python tests find without an import
    python_path = []  # where gdb's Python finds more modules

    def root(self, _header):
        """Where relative paths of this test start, when not where --root says."""
        return None

    def reason_to_skip(self, _case, _machine):
        return None

    def placeholders(self, _case):
        """{NAME} in `args` → text."""
        return {}

    def command(self, _case):
        """What runs the test, when gdb does not; symbols follow."""
        return None


def _keys_help(keys):
    rows = []
    for name, key in keys.items():
        start = f"  {name} {key.value}".rstrip()
        text = key.help + ("; repeatable" if key.repeat and "several" not in key.help else "")
        rows += textwrap.wrap(text, 110, initial_indent=f"{start:<28}  ", subsequent_indent=" " * 30, break_on_hyphens=False)
    return "\n".join(rows)


def _whole(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _seconds(text):
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError
    return number


_whole.__name__ = "number"  # in argparse's message
_seconds.__name__ = "number of seconds"


def _parser(keys):
    parser = argparse.ArgumentParser(
        prog="gdbvm test",
        usage="gdbvm test [options] FILE|DIR…",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        description="Runs tests: gdb command files (*.gdb) and Python files that run inside gdb (*.py), each with a fresh VM held\n"
        "at its first instruction. Of a folder: all with a header.",
        epilog=f"The header of a test, lines `# gdbvm: KEY VALUE`; paths are relative to the test:\n{_keys_help(keys)}\n\n"
        "Exit status: 0 all passed (some may be skipped), 1 one failed, 2 bad usage, header or no test, 77 all were skipped.",
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="FILE|DIR", help=argparse.SUPPRESS)
    add("-D", dest="definitions", action="append", default=[], metavar="KEY=VALUE", help="a header line for every test, instead of its own")
    add("--root", metavar="DIR", help="relative paths in headers start here, not at the test")
    add("-j", dest="jobs", type=_whole, metavar="N", help="tests at a time [the number of CPUs]")
    add("--timeout", type=_seconds, default=120, metavar="SECONDS", help="the time limit of tests that have none of their own [120]")
    add("--filter", action="append", default=[], metavar="REGEX", help="tests whose name or tag matches; !REGEX: those that do not; repeatable")
    add("--list", action="store_true", help="only say which tests there are")
    add("--repeat", type=_whole, metavar="N", help="each test N times")
    add("--until-fail", action="store_true", help="repeat (at most --repeat times) until a test fails")
    add("--tap", action="store_true", help="tell results by the Test Anything Protocol")
    add("--junit", metavar="FILE", help="write results as JUnit XML")
    add("--json", metavar="FILE", help="write results as JSON")
    add("--keep-logs", metavar="DIR", help="keep what gdb, guest and gdbvm said, and the commands that started them")
    add("--gdb-path", default=os.environ.get("GDB", "gdb"), metavar="PROGRAM", help="the gdb to use [$GDB, else gdb]")
    add("--gdbvm", default=os.environ.get("GDBVM", "gdbvm"), metavar="PROGRAM", help="the gdbvm to use [this one]")
    return parser


def _program(name, what, advice):
    found = shutil.which(name)
    if not found:
        raise UsageError(f"cannot start {what}, {name}: {advice}")
    return os.path.abspath(found)


def _find(options, extension):
    if not options.paths:
        raise UsageError("which tests? Give files or folders (see gdbvm test --help)")
    missing = [path for path in options.paths if not os.path.exists(path)]
    if missing:
        raise UsageError(f"{missing[0]}: no such file or folder")
    keys = KEYS | extension.keys
    found = cases.find_cases(options.paths, extension.definitions + options.definitions, options.root, keys, extension.root)
    selected = cases.select(found, options.filter)
    if not selected:
        behind = f" that --filter {' '.join(options.filter)} selects" if found else ": a test has a line `# gdbvm: image FILE`"
        raise UsageError(f"no test found in {' '.join(options.paths)}{behind}")
    return selected


def _reporter(options):
    told = [reporters.live(options.tap)]
    for path, kind in ((options.junit, reporters.Junit), (options.json, reporters.Json)):
        if path:
            reporters.writable(path)
            told.append(kind(path))
    if options.keep_logs:
        os.makedirs(options.keep_logs, exist_ok=True)
    return reporters.Reporters(told)


def _run(options, extension, machine):
    selected = _find(options, extension)
    if options.list:
        for case in selected:
            print(case.name + (f"  [{' '.join(case.tags)}]" if case.tags else ""))
        return 0
    machine = machine or Here(_program(options.gdbvm, "gdbvm", "set GDBVM or give --gdbvm"))
    gdb = _program(options.gdb_path, "gdb", "install gdb or give --gdb-path")
    settings = Settings(machine, gdb, options.timeout, options.keep_logs, extension)
    times = options.repeat or (None if options.until_fail else 1)
    total = times * len(selected) if times and not options.until_fail else None
    reporter = _reporter(options)
    jobs = min(options.jobs or os.cpu_count() or 1, machine.most or 1024, 1024)
    scheduler = Scheduler(settings, reporter, jobs, options.until_fail)
    reporter.begin(total)
    began = time.monotonic()
    results = scheduler.run(repeated(selected, times, options.until_fail))
    reporter.end(results, time.monotonic() - began)
    if scheduler.signal:
        return 128 + scheduler.signal
    verdicts = {result.verdict for result in results}
    return FAILED if "failed" in verdicts else 0 if "passed" in verdicts else SKIPPED


def main(arguments=None, extension=None, machine=None):
    """The exit status. `machine`: where VMs run, if not on this host (machine.py)."""
    extension = extension or Extension()
    options = _parser(KEYS | extension.keys).parse_args(arguments)
    try:
        return _run(options, extension, machine)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except (UsageError, OSError) as error:
        print(f"gdbvm test: {error}", file=sys.stderr)
        return USAGE
