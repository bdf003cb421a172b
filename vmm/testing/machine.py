"""Where VMs run. This host is one place; another has the same methods (tests/lab/machine.py: the lab)."""
import asyncio
import json
import os
import shutil

from testing import process

MOST_KEPT = 1024 * 1024  # of what gdbvm itself says


class Vm:
    """One `gdbvm run`. Its console is FOLDER/serial, in step with what gdb is told: a stop comes after what was printed
    before it."""

    def __init__(self, gdbvm, folder):
        self._gdbvm = gdbvm
        self._folder = folder
        self._process = None
        self._said = b""
        self.endpoint = f"{folder}/gdb.sock"
        self.serial = f"{folder}/serial"
        self.command = []

    async def start(self, words, console="serial"):
        """Starts it; this console is the test's. What it was called with is `command`."""
        os.mkfifo(f"{self._folder}/input", 0o600)
        self.command = [self._gdbvm, "run", "--gdb", f"unix:{self.endpoint}", f"--{console}", "stdio", *words]
        output = os.open(self.serial, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        typed = os.open(f"{self._folder}/input", os.O_RDWR)  # so that it never ends
        try:
            pipe = asyncio.subprocess.PIPE
            self._process = await process.start(self.command, stdin=typed, stdout=output, stderr=pipe)
        finally:
            os.close(output)
            os.close(typed)
        self._ready = asyncio.Event()
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self):
        while piece := await self._process.stderr.read(65536):
            if len(self._said) < MOST_KEPT:
                self._said += piece
            if b"gdb: listening on " in self._said:
                self._ready.set()

    @property
    def pid(self):
        return self._process.pid

    async def ready(self):
        """Whether gdb can come; False: it has ended, and said() has the reason."""
        waiting = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait([waiting, self._listener], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return self._ready.is_set()

    async def wait(self, seconds):
        """The exit status (negative: a signal), or None if it still runs."""
        return await process.wait(self._process, seconds)

    async def end(self):
        """Ends it, when it has not ended; then console() and said() are whole."""
        if self._process is not None:
            await process.end(self._process, politely=5)
            await asyncio.wait([self._listener], timeout=5)
            self._listener.cancel()

    def said(self):
        return self._said.decode("utf-8", "backslashreplace")


class Here:
    """VMs on this host."""

    patience = 1  # time limits are multiplied by it
    most = None  # how many VMs at a time
    elsewhere = ""  # why files and sockets of the VM are out of reach

    def __init__(self, gdbvm):
        self.gdbvm = gdbvm
        self._probes = None

    async def probes(self):
        """What the host can do, and None; or None, and why it can't run VMs."""
        if self._probes is None:
            pipe = asyncio.subprocess.PIPE
            host = await process.start([self.gdbvm, "host", "--json"], stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe)
            try:
                out, err = await host.communicate()
            finally:
                await process.end(host)
            good = host.returncode == 0
            self._probes = (json.loads(out)["probes"], None) if good else (None, err.decode(errors="replace").strip())
        return self._probes

    def vm(self, folder):
        return Vm(self.gdbvm, folder)

    async def copy(self, path, folder):
        """Where a VM finds a copy of the file that it may change."""
        return shutil.copy(path, f"{folder}/disk")

    async def content(self, path):
        with open(path, encoding="latin-1") as file:
            return file.read()
