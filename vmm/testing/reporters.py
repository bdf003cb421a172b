"""What is told of results: while they come (Progress, Tap), and at the end (Junit, Json)."""
import collections
import json
import os
import re
import socket
import sys
import time
import xml.etree.ElementTree as xml

LINES = 12  # of console and gdb, in a summary


def _tail(text, lines=LINES):
    """Its last lines, harmless to a terminal."""
    clean = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r\n", "\n"))
    clean = re.sub(r"[^\n\t -~\xa0-\ud7ff\ue000-\U0010ffff]", "?", clean)
    return clean.rstrip().split("\n")[-lines:] if clean.strip() else []


def _one_line(text):
    return " ".join(_tail(text, 1000)) if "\n" in text else "".join(_tail(text))


def _counted(results):
    return collections.Counter(result.verdict for result in results)


def totals(results, seconds):
    count = _counted(results)
    return f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped in {seconds:.1f} s"


class Reporter:
    """total: how many results will come, or None."""

    def begin(self, total):
        pass

    def started(self, case):
        pass

    def finished(self, result):
        pass

    def end(self, results, seconds):
        pass


class Reporters(Reporter):
    def __init__(self, all_of_them):
        self._all = all_of_them

    def begin(self, total):
        for one in self._all:
            one.begin(total)

    def started(self, case):
        for one in self._all:
            one.started(case)

    def finished(self, result):
        for one in self._all:
            one.finished(result)

    def end(self, results, seconds):
        for one in self._all:
            one.end(results, seconds)


class Progress(Reporter):
    """In a terminal one line that changes, else a line for each result; then what went wrong."""

    def __init__(self, out):
        self._out = out
        self._moving = out.isatty()
        self._running = []
        self._count = collections.Counter()
        self._total = None

    def begin(self, total):
        self._total = total

    def started(self, case):
        self._running.append(case.title)
        self._show()

    def finished(self, result):
        self._running.remove(result.case.title)
        self._count[result.verdict] += 1
        if not self._moving or result.verdict == "failed":
            self._clear()
            what = f": {_one_line(result.problems[0].text)[:200]}" if result.problems else ""
            print(f"{result.verdict:<7} {result.case.title} ({result.seconds:.2f} s){what}", file=self._out, flush=True)
        self._show()

    def _show(self):
        if not self._moving:
            return
        done = sum(self._count.values())
        failed = f", {self._count['failed']} failed" if self._count["failed"] else ""
        line = f"[{done}{f'/{self._total}' if self._total else ''}{failed}] {', '.join(self._running)}"
        width = max(20, os.get_terminal_size(self._out.fileno()).columns)
        self._out.write("\r\x1b[K" + line[: width - 1])
        self._out.flush()

    def _clear(self):
        if self._moving:
            self._out.write("\r\x1b[K")

    def end(self, results, seconds):
        self._clear()
        skipped, failed = ([row for row in results if row.verdict == verdict] for verdict in ("skipped", "failed"))
        for result in failed:
            self._tell(result)
        for result in skipped:
            print(f"SKIPPED: {result.case.title}: {_one_line(result.skipped)}", file=self._out)
        for result in failed:
            print(f"FAILED: {result.case.title}: {_one_line(result.problems[0].text)}", file=self._out)
        print(totals(results, seconds), file=self._out, flush=True)

    def _tell(self, result):
        print(f"\n=== {result.case.title} ({result.case.path})", file=self._out)
        for problem in result.problems:
            print(f"{problem.kind}: " + "\n  ".join(_tail(problem.text, 40)), file=self._out)
        for what, text in (("console", result.serial), ("gdb", result.gdb), ("gdbvm", result.gdbvm)):
            if lines := _tail(text):
                print(f"--- {what}, its last lines:", *(f"  {line}" for line in lines), sep="\n", file=self._out)
        if result.logs:
            print(f"--- logs: {result.logs}", file=self._out)
        print(file=self._out)


class Tap(Reporter):
    """The Test Anything Protocol, version 13."""

    def __init__(self, out):
        self._out = out
        self._number = 0
        self._total = None

    def begin(self, total):
        self._total = total
        print("TAP version 13", file=self._out)
        if total is not None:
            print(f"1..{total}", file=self._out, flush=True)

    def finished(self, result):
        self._number += 1
        name = result.case.title.replace("#", "\\#")
        skip = f" # SKIP {_one_line(result.skipped)}" if result.verdict == "skipped" else ""
        print(f"{'not ok' if result.verdict == 'failed' else 'ok'} {self._number} - {name}{skip}", file=self._out)
        if result.problems:
            facts = {"kind": result.problems[0].kind, "message": result.problems[0].text, "file": result.case.path,
                     "serial": "\n".join(_tail(result.serial)), "gdb": "\n".join(_tail(result.gdb))}  # fmt: skip
            rows = [f"  {key}: {json.dumps(value)}" for key, value in facts.items()]  # JSON's strings are YAML's
            print("  ---", *rows, "  ...", sep="\n", file=self._out)
        self._out.flush()

    def end(self, results, seconds):
        if self._total is None:
            print(f"1..{self._number}", file=self._out)
        elif self._number < self._total:
            print("Bail out! interrupted", file=self._out)
        self._out.flush()


def _printable(text):
    """Without what XML 1.0 has no way to say."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


class Junit(Reporter):
    """One file at the end, as CI systems read it."""

    def __init__(self, path):
        self._path = path

    def end(self, results, seconds):
        count = _counted(results)
        numbers = {"tests": str(len(results)), "failures": str(count["failed"]), "errors": "0", "skipped": str(count["skipped"])}
        root = xml.Element("testsuites", name="gdbvm", time=f"{seconds:.3f}", **numbers)
        began = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - seconds))
        suite = xml.SubElement(root, "testsuite", name="gdbvm", timestamp=began, hostname=socket.gethostname(),
                               time=f"{seconds:.3f}", **numbers)  # fmt: skip
        for result in results:
            self._add(suite, result)
        xml.ElementTree(root).write(self._path, encoding="utf-8", xml_declaration=True)

    def _add(self, suite, result):
        folder = os.path.basename(os.path.dirname(result.case.path)) or "gdbvm"
        row = xml.SubElement(suite, "testcase", name=_printable(result.case.title), classname=_printable(folder),
                             time=f"{result.seconds:.3f}")  # fmt: skip
        if result.verdict == "skipped":
            xml.SubElement(row, "skipped", message=_printable(result.skipped))
        if result.problems:
            first = result.problems[0]
            failure = xml.SubElement(row, "failure", type=first.kind, message=_printable(first.text))
            failure.text = _printable("\n".join(f"{problem.kind}: {problem.text}" for problem in result.problems))
        if result.verdict == "failed":
            xml.SubElement(row, "system-out").text = _printable(result.serial)
            xml.SubElement(row, "system-err").text = _printable(result.gdb + result.gdbvm)


class Json(Reporter):
    def __init__(self, path):
        self._path = path

    def end(self, results, seconds):
        rows = [
            {"name": row.case.name, "run": row.case.number, "file": row.case.path, "verdict": row.verdict,
             "seconds": round(row.seconds, 4), "tags": row.case.tags, "skipped": row.skipped,
             "problems": [{"kind": kind, "text": text} for kind, text in row.problems],
             "serial": row.serial, "gdb": row.gdb, "gdbvm": row.gdbvm, "logs": row.logs}
            for row in results
        ]  # fmt: skip
        count = _counted(results)
        facts = {key: count[key] for key in ("passed", "failed", "skipped")} | {"seconds": round(seconds, 4), "tests": rows}
        with open(self._path, "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=1)
            file.write("\n")


def writable(path):
    """Finds out before the tests run whether a report can be written. Raises OSError."""
    with open(path, "a", encoding="utf-8"):
        pass


def live(tap):
    """Of standard output."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    return Tap(sys.stdout) if tap else Progress(sys.stdout)
