"""One run of one case: a VM, a gdb, a folder; all gone afterwards."""
import asyncio
import contextlib
import json
import os
import shlex
import shutil
import tempfile
import time

from testing import process
from testing.verdict import Evidence, Problem, Result, judge

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_OUTPUT = 64 * 1024 * 1024  # of a console, and of what gdb says
TAIL = 4000  # characters of each that a result keeps
GRACE = 20  # seconds, at least, that a VM which should end by itself is given


class Settings:
    """What all runs share."""

    def __init__(self, machine, gdb, seconds, keep_logs=None, extension=None):
        self.machine = machine
        self.gdb = gdb
        self.seconds = seconds  # for tests that do not say
        self.keep_logs = keep_logs
        self.extension = extension


class Run:
    def __init__(self, case, settings):
        self._case = case
        self._header = case.header
        self._settings = settings
        self._machine = settings.machine
        self._limit = (self._header.get("timeout") or settings.seconds) * self._machine.patience
        self._result = Result(case)

    async def result(self):
        began = time.monotonic()
        try:
            self._result.skipped = await self._reason_to_skip()
            if self._result.skipped is None and not self._check_files():
                await self._in_folder()
        except OSError as error:
            self._fail("vm-not-started", str(error))
        self._result.seconds = time.monotonic() - began
        return self._result

    def _fail(self, kind, text):
        self._result.problems.append(Problem(kind, text))

    async def _reason_to_skip(self):
        header, extension = self._header, self._settings.extension
        reason = extension.reason_to_skip(self._case, self._machine) if extension else None
        if reason is None and "firmware" in header and not os.path.exists(path := self._case.file(header.get("firmware"))):
            reason = f"there is no {path}"
        if reason is None and header.all("requires"):
            reason = await self._unmet()
        for command in header.all("skip-if") if reason is None else []:
            null = asyncio.subprocess.DEVNULL
            asked = await process.start(["/bin/sh", "-c", command], cwd=self._case.root, stdin=null, stdout=null, stderr=null)
            try:
                status = await process.wait(asked, self._limit)
            finally:
                await process.end(asked)
            if status == 0:
                return f"skip-if: {command}"
        return reason

    async def _unmet(self):
        probes, reason = await self._machine.probes()
        for need in self._header.all("requires") if reason is None else []:
            key, _, wanted = need.partition("=")
            key = {"data-watchpoints": "data-debug-registers"}.get(key, key)
            if key not in probes:
                self._fail("vm-not-started", f"requires {need}: `gdbvm host` knows {', '.join(probes)}")
                return None
            if probes[key]["value"] != (wanted or "yes"):
                return f"needs {key}={wanted or 'yes'}, this host has {probes[key]['value']}: {probes[key]['meaning']}"
        return reason

    def _check_files(self):
        case, header = self._case, self._header
        named = [case.image, *(header.get(key) for key in ("initrd", "symbols", "disk"))]
        for path in filter(None, named):
            if not os.path.isfile(case.file(path)):
                self._fail("vm-not-started", f"{case.file(path)}: no such file")
        return self._result.problems

    async def _in_folder(self):
        base = tempfile.gettempdir()
        # A Unix socket's name is short.
        self._folder = tempfile.mkdtemp(prefix="gdbvm-test-", dir=base if len(os.fsencode(base)) < 70 else "/tmp")
        try:
            await self._with_vm()
        finally:
            if self._settings.keep_logs:
                self._result.logs = self._keep()
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _with_vm(self):
        disk = None
        if "disk" in self._header:
            disk = await self._machine.copy(self._case.file(self._header.get("disk")), self._folder)
        vm = self._machine.vm(self._folder)
        gdb_status, report, vm_status = None, {}, None
        try:
            await vm.start(self._vm_words(disk), self._header.get("console", "serial"))
            gdb_status = await self._with_gdb(vm)
            report = self._report()
            if not self._result.problems and gdb_status is not None:
                vm_status = await self._vm_status(vm, report)
        finally:
            await vm.end()
            self._read_logs(vm)
        if self._result.problems or self._result.skipped is not None:
            return
        content = await self._machine.content(disk) if "expect-disk" in self._header else None
        evidence = Evidence(report, gdb_status, vm_status, self._limit, self._serial, self._said, vm.said(), content)
        self._result.problems, self._result.skipped = judge(self._header, evidence)

    async def _vm_status(self, vm, report):
        """Of a VM that should have ended, or may have died."""
        if report.get("reason") is not None:
            return None
        if report.get("verdict") == "passed":
            return await vm.wait(max(GRACE, self._limit / 2) if "expect-exit" in self._header else 0)
        lost = not report.get("problems") or report["problems"][0][0] == "gdb-error"
        return await vm.wait(1 if lost else 0)

    async def _with_gdb(self, vm):
        """Its exit status; None when it was ended, as time ran out (or what _result says)."""
        came, goes = os.pipe()
        try:
            gdb = await self._start_gdb(vm, came)
        finally:
            os.close(came)
        try:
            if not await vm.ready():
                return await self._explain(vm)
            with contextlib.suppress(BrokenPipeError):  # gdb has ended already
                os.write(goes, b"1")
            return await self._watch(gdb, vm)
        finally:
            os.close(goes)
            await process.end(gdb)

    async def _explain(self, vm):
        status = await vm.wait(5)
        _, reason = await self._machine.probes()
        if reason:
            self._result.skipped = reason
            return
        said = vm.said().strip().removeprefix("gdbvm: ")
        self._fail("vm-not-started", f"the VM did not start (exit status {status}): {said or 'gdbvm said nothing'}")

    async def _watch(self, gdb, vm):
        end = time.monotonic() + self._limit
        while (left := end - time.monotonic()) > 0:
            status = await process.wait(gdb, min(left, 1))
            for path, what in ((vm.serial, "the console"), (f"{self._folder}/gdb.log", "gdb's output")):
                if os.path.exists(path) and os.path.getsize(path) > MOST_OUTPUT:
                    self._fail("too-much-output", f"{what} has more than {MOST_OUTPUT // 1024 // 1024} MiB")
                    return None
            if status is not None:
                return status
        return None

    async def _start_gdb(self, vm, ready):
        case, header, extension = self._case, self._header, self._settings.extension
        symbols = self._symbols()
        words = [self._settings.gdb, "-nx", "-nh", "-batch", "-iex", "set pagination off", "-iex", "set confirm off"]
        words += ["-iex", "set breakpoint pending off"]  # an unknown function is an error
        if self._machine.elsewhere:  # a large image takes it more than gdb's two seconds to start
            words += ["-iex", "set remotetimeout 30"]
        words += ["-ex", "python import gdbvm_driver; gdbvm_driver.run()"]
        paths = [f"{HERE}/in_gdb", *(extension.python_path if extension else [])]
        if other := extension.command(case) if extension else None:
            words = other
        facts = {
            "FILE": case.path, "ENDPOINT": vm.endpoint, "FOLDER": self._folder, "SERIAL": vm.serial, "PID": str(vm.pid),
            "IMAGE": case.file(case.image) if case.image else "", "SLOW": "1" if self._machine.elsewhere else "",
            "CONNECT": header.get("connect", "remote"), "READY": str(ready), "REPORT": f"{self._folder}/report.json",
            "PRELUDE": extension.prelude if extension else "", "GDB": self._settings.gdb,
            "MAY_MISS": "\0".join(row.pattern for row in header.all("may-miss")).replace("\0", "\n"),
        }  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"}
        environment |= {f"GDBVM_TEST_{key}": value for key, value in facts.items()}
        environment |= {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": self._folder, "PYTHONDONTWRITEBYTECODE": "1"}
        self._commands = [shlex.join(vm.command), shlex.join([*words, *symbols])]
        log = os.open(f"{self._folder}/gdb.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await process.start([*words, *symbols], stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=environment, cwd=os.path.dirname(case.path), pass_fds=[ready])  # fmt: skip
        finally:
            os.close(log)

    def _symbols(self):
        """The file that gdb is given, as arguments."""
        named = self._header.get("symbols") or self._case.image
        if not named:
            return []
        with open(self._case.file(named), "rb") as file:
            return [self._case.file(named)] if file.read(4) == b"\x7fELF" else []

    def _vm_words(self, disk):
        """What follows `gdbvm run` beside where gdb and the console are."""
        case, header = self._case, self._header
        words = [] if "running" in header else ["--wait"]
        for key in ("memory", "cpus"):
            words += [f"--{key}", str(header.get(key))] if key in header else []
        words += ["--initrd", case.file(header.get("initrd"))] if "initrd" in header else []
        for path in case.files("module"):
            words += ["--module", path]
        for path in case.files("drive"):
            options = path.partition(",")[2].split(",")
            words += ["--drive", path if {"ro", "snapshot"} & set(options) else f"{path},snapshot"]
        words += self._more_words(disk)
        words += ["--append", case.append] if case.append is not None else []
        image = case.file(case.image) if case.image else None
        if "firmware" in header:
            drive = ["--drive", f"{image.replace(',', ',,')},snapshot"] if image else []
            return [*words, "--firmware", case.file(header.get("firmware")), *drive]
        return [*words, image]

    def _more_words(self, disk):
        extension = self._settings.extension
        names = {"root": self._case.root, "folder": self._folder, "disk": disk or "{disk}"}
        names |= extension.placeholders(self._case) if extension else {}
        text = self._header.get("args", "")
        found = []
        for word in shlex.split(text):
            for name, value in names.items():
                word = word.replace(f"{{{name}}}", value)
            found.append(word)
        return found

    def _report(self):
        try:
            with open(f"{self._folder}/report.json", "rb") as file:
                report = json.load(file)
            return report if isinstance(report, dict) else {}
        except (OSError, ValueError):
            return {}

    def _read_logs(self, vm):
        self._said = _text(f"{self._folder}/gdb.log")
        self._serial = _text(vm.serial)
        self._result.serial = self._serial[-TAIL:]
        self._result.gdb = self._said[-TAIL:]
        self._result.gdbvm = vm.said()[-TAIL:]

    def _keep(self):
        """Moves what is worth it; returns where to."""
        name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in self._case.title)
        folder = tempfile.mkdtemp(prefix=f"{name}.", dir=self._settings.keep_logs)
        for log in ("gdb.log", "serial", "report.json"):
            if os.path.exists(f"{self._folder}/{log}"):
                shutil.move(f"{self._folder}/{log}", folder)
        with open(f"{folder}/gdbvm.log", "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(self._result.gdbvm)
        with open(f"{folder}/commands", "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{line}\n" for line in getattr(self, "_commands", []))
        return folder


def _text(path):
    try:
        with open(path, encoding="utf-8", errors="backslashreplace", newline="") as file:
            return file.read(MOST_OUTPUT)
    except OSError:
        return ""
