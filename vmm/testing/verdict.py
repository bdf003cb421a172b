"""What has become of a test: the evidence of a run → passed, failed (with its kinds) or skipped."""
import dataclasses
import re
import signal
import typing

# Each kind of failure: reports name it so.
KINDS = {
    "breakpoint-never-hit": "a breakpoint was never hit",
    "guest-crash": "the guest crashed",
    "gdb-error": "a gdb command failed",
    "python-exception": "a Python exception",
    "expectation": "an expectation does not hold",
    "exit-status": "the VM ended otherwise than expected",
    "time-out": "time ran out",
    "vm-not-started": "the VM did not start",
    "vm-died": "gdbvm itself ended",
    "gdb-died": "gdb ended in the middle of the test",
    "too-much-output": "more output than is kept",
}


class Problem(typing.NamedTuple):
    kind: str
    text: str


@dataclasses.dataclass
class Result:
    case: typing.Any
    problems: list = dataclasses.field(default_factory=list)
    skipped: str | None = None  # the reason
    seconds: float = 0.0
    serial: str = ""
    gdb: str = ""
    gdbvm: str = ""  # what it said itself
    logs: str | None = None  # the folder where they have been kept

    @property
    def verdict(self):
        return "failed" if self.problems else "skipped" if self.skipped is not None else "passed"


@dataclasses.dataclass
class Evidence:
    report: dict  # of in_gdb/gdbvm_report.py; empty: none came
    gdb_status: int | None  # None: it was killed when time ran out
    vm_status: int | None  # None: it was ended by us
    seconds: float  # the time limit
    serial: str
    gdb: str
    gdbvm: str
    disk: str | None = None


def judge(header, evidence):
    """The problems in order of their causes, and the reason of a skip."""
    report = evidence.report
    if evidence.gdb_status is None:
        return [_time_out(report, evidence.seconds)], None
    problems = [Problem(*row) for row in report.get("problems", [])]
    problems = _deaths(problems, evidence) + problems
    if report.get("crash") and "expect-crash" not in header:
        problems.insert(0, Problem("guest-crash", f"the guest {report['crash']}"))
    if not problems and report.get("reason") is not None:
        return [], report["reason"]
    problems += _unhandled_exceptions(evidence.gdb) if not problems else []
    if not problems:
        problems = [*_of_crash(header, report), *_of_exit(header, evidence), *_of_texts(header, evidence)]
    return problems, None


def _time_out(report, seconds):
    limit = f"time ran out after {seconds:g} s"
    if report.get("unhit"):
        return Problem("breakpoint-never-hit", f"never hit: {', '.join(report['unhit'])}: {limit}, while the guest ran")
    what = "ran" if report.get("running") else "stood"
    return Problem("time-out", f"{limit}, while the guest {what}" if report else f"{limit}, before gdb was there")


def _status(status):
    """For a sentence: how a process ended."""
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"


def _deaths(problems, evidence):
    """Processes that ended as they should not; what the test says of it comes behind."""
    vm, gdb = evidence.vm_status, evidence.gdb_status
    lost = any(kind == "gdb-error" for kind, _ in problems) or "verdict" not in evidence.report
    if vm is not None and (vm < 0 or vm == 2 and lost):
        return [Problem("vm-died", f"gdbvm {_status(vm)}: {_last_line(evidence.gdbvm) or 'it said nothing'}")]
    if "verdict" not in evidence.report:
        if "Python scripting is not supported" in evidence.gdb:
            return [Problem("gdb-died", "this gdb has no Python, which tests need: give another by --gdb-path")]
        return [Problem("gdb-died", f"gdb {_status(gdb)} before the test's end: {_last_line(evidence.gdb) or 'it said nothing'}")]
    if gdb != 0 and not problems:
        return [Problem("gdb-died", f"gdb {_status(gdb)} behind the test's end")]
    return []


def _last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def _unhandled_exceptions(said):
    """Of event handlers and breakpoints' stop(), which gdb prints, and goes on."""
    found = re.search(r"^Python Exception <class '(.*?)'>: (.*?):? ?$", said, re.MULTILINE)
    return [Problem("python-exception", f"{found[1]}: {found[2]}")] if found else []


def _of_crash(header, report):
    wanted = header.get("expect-crash")
    if wanted is None:
        return
    if not report.get("crashed"):
        yield Problem("expectation", f"expect-crash: expected a crash that matches {wanted.pattern!r}, found none")
    elif not wanted.search(report["crashed"]):
        yield Problem("guest-crash", f"expect-crash: expected {wanted.pattern!r}, found: {report['crashed']}")


def _of_exit(header, evidence):
    expected = header.get("expect-exit")
    status = evidence.vm_status
    crash = re.search(r"^gdbvm: the guest crashed: (.*?)(; registers.*)?$", evidence.gdbvm, re.MULTILINE)
    if expected is None:
        ended = evidence.report.get("ended")
        if ended:
            yield Problem("exit-status", f"the guest ended with exit status {ended}: where that is right, say `expect-exit {ended}`")
    elif status is None:
        yield Problem("exit-status", f"expected exit status {expected}, but the VM still runs")
    elif status != expected and status == 3 and crash:
        yield Problem("guest-crash", f"the guest crashed behind the test's end: {crash[1]}")
    elif status != expected:
        yield Problem("exit-status", f"expected exit status {expected}, found {status}")


def _of_texts(header, evidence):
    said = "".join(_without_echo(header, evidence.gdb))
    yield from _in_order("expect-serial", "the console", header.all("expect-serial"), evidence.serial.replace("\r\n", "\n"))
    yield from _in_order("expect-gdb", "what gdb said", header.all("expect-gdb"), said)
    if evidence.disk is not None:
        for pattern in header.all("expect-disk"):
            if not pattern.search(evidence.disk):
                yield Problem("expectation", f"expect-disk: expected {pattern.pattern!r} on the copy of `disk`, found nothing like it")


def _without_echo(header, said):
    """A test's own commands, which gdb shows behind a `+`, are not what it says."""
    commands = set()
    if header.path.endswith(".gdb"):
        with open(header.path, encoding="utf-8", errors="replace") as file:
            commands = {line.strip() for line in file}
    return (line for line in said.splitlines(keepends=True) if not (line[:1] == "+" and line.lstrip("+").strip() in commands))


def _in_order(key, what, patterns, text):
    at = 0
    for number, pattern in enumerate(patterns):
        found = pattern.search(text, at)
        if not found:
            behind = f" behind {patterns[number - 1].pattern!r}" if number and pattern.search(text) else ""
            last = text[-300:].strip()
            yield Problem("expectation", f"{key}: expected {pattern.pattern!r} in {what}{behind}; found, at its end:\n{last}")
            return
        at = found.end()
