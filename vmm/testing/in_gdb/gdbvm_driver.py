"""Inside gdb: runs the one test, and tells the runner how that went."""
import importlib
import os
import re
import sys
import traceback

import gdb
import gdbvm
import gdbvm_report

_TEST = os.environ["GDBVM_TEST_FILE"]
_told = False


def run():
    """Leaves gdb at once when the test has failed."""
    if hasattr(gdb.events, "gdb_exiting"):
        gdb.events.gdb_exiting.connect(_on_quit)
    gdbvm_report.wait_for_vm()
    problems, reason = [], None
    try:
        if (how := os.environ["GDBVM_TEST_CONNECT"]) != "no":
            gdbvm.connect(how)
        _run_commands() if _TEST.endswith(".gdb") else _run_python()
    except gdbvm.Skipped as skipped:
        reason = str(skipped)
    except SystemExit as error:
        if error.code not in (None, 0):
            problems.append(["python-exception", f"the test ended with {error.code!r}"])
    except BaseException as error:  # noqa: BLE001 - whatever it was, the test has failed
        problems.append(_problem(error))
    _finish(problems, reason)


def _run_commands():
    gdb.execute(f"source -v {_TEST}")


def _run_python():
    with open(_TEST, "rb") as file:
        code = compile(file.read(), _TEST, "exec")
    names = {"__name__": "__main__", "__file__": _TEST}
    if prelude := os.environ["GDBVM_TEST_PRELUDE"]:
        names |= {name: value for name, value in vars(importlib.import_module(prelude)).items() if not name.startswith("_")}
    sys.argv = [_TEST]
    sys.path.insert(0, os.path.dirname(_TEST))
    exec(code, names)


def _problem(error):
    """[kind, text], with the test's own line."""
    if not isinstance(error, gdb.error) or not _TEST.endswith(".gdb"):
        trace = "".join(traceback.format_exception(error)).replace("\0", "\\0")  # gdb prints neither this nor surrogates
        print(trace.encode("utf-8", "backslashreplace").decode(), end="", flush=True)
    lines = [row.lineno for row in traceback.extract_tb(error.__traceback__) if row.filename == _TEST]
    where = f"{_TEST}:{lines[-1]}: " if lines else ""
    text = str(error).strip()
    if isinstance(error, gdbvm.Failed):
        return [error.kind, where + text]
    if isinstance(error, gdb.error):
        text = re.sub(r"^(.*:\d+): Error in sourced command file:\n", r"\1: ", text, flags=re.MULTILINE)
        # A `python` block of a command file: gdb has printed the trace.
        raised = re.findall(r"^Traceback .*\n(?: .*\n)+(\S.*)$", gdbvm._printed(0), re.MULTILINE)
        vague = "Error while executing Python code."
        if text.endswith(vague) and raised:
            return ["python-exception", where + text.removesuffix(vague) + raised[-1]]
        return ["gdb-error", where + text]
    kind = type(error).__name__
    return ["python-exception", f"{where}{kind}: {text}" if text else f"{where}{kind}"]


def _on_quit(event):
    """`quit` in a test ends it, as passed when its status is 0."""
    status = event.exit_code or 0
    if not _told:
        _finish([["gdb-error", f"the test left gdb with status {status}"]] if status else [], None)


def _finish(problems, reason):
    global _told
    _told = True
    crash = next((stop.text for stop in gdbvm._unseen if stop.how == "crashed"), None)
    ended = next((stop.status for stop in reversed(gdbvm._unseen) if stop.how == "ended"), None)
    for stop in gdbvm._unseen:
        if stop.unhit:
            problems.insert(0, ["breakpoint-never-hit", f"never hit: {', '.join(stop.unhit)}: the guest {stop.text}"])
    verdict = "failed" if problems else "skipped" if reason is not None else "passed"
    sys.stdout.flush()
    gdb.flush(gdb.STDOUT)
    gdb.flush(gdb.STDERR)
    sys.stderr.flush()
    gdbvm_report.tell(verdict=verdict, problems=problems, reason=reason, crash=crash, crashed=gdbvm._crash, ended=ended)
    if problems:
        os._exit(1)
