"""One run of one case: a VM, a gdb, a folder; all gone afterwards."""
import asyncio
import contextlib
import json
import os
import shlex
import shutil
import tempfile
import time

from testing import commands, process
from testing.verdict import Evidence, Problem, Result, judge

MOST_OUTPUT = 64 * 1024 * 1024  # of a console, and of what gdb says
TAIL = 4000  # characters of each that a result keeps
GRACE = 20  # seconds, at least, that a VM which should end by itself is given


class Settings:
    """What all runs share."""

    def __init__(self, machine, gdb, seconds, keep_logs, extension):
        self.machine = machine
        self.gdb = gdb
        self.seconds = seconds  # for tests that do not say
        self.keep_logs = keep_logs
        self.extension = extension  # cli.Extension


class Run:
    def __init__(self, case, settings):
        self._case = case
        self._header = case.header
        self._settings = settings
        self._machine = settings.machine
        self._commands = []
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
        header = self._header
        reason = self._settings.extension.reason_to_skip(self._case, self._machine)
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
            await vm.start(commands.vm(self._case, self._folder, disk, self._settings.extension), self._header.get("console", "serial"))
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
        settings = self._settings
        command = commands.gdb(self._case, settings.gdb, settings.extension, self._machine.elsewhere)
        environment = commands.environment(self._case, vm, self._folder, ready, settings.gdb, settings.extension, self._machine.elsewhere)
        self._commands = [shlex.join(vm.command), shlex.join(command)]
        log = os.open(f"{self._folder}/gdb.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await process.start(command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                       cwd=os.path.dirname(self._case.path), pass_fds=[ready])  # fmt: skip
        finally:
            os.close(log)

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
            file.writelines(f"{line}\n" for line in self._commands)
        return folder


def _text(path):
    try:
        with open(path, encoding="utf-8", errors="backslashreplace", newline="") as file:
            return file.read(MOST_OUTPUT)
    except OSError:
        return ""
