"""VMs inside a served lab, for `gdbvm test`: what vmm/testing/machine.py is for this host. Paths are the same there."""
import asyncio
import json
import os

import client


class Vm:
    """Console and messages come by the control line: soon, but not in step with gdb."""

    pid = 0

    def __init__(self, lab, folder):
        self._lab = lab
        self._running = None
        self._said = b""
        self._folder = folder
        self._input = None
        self.endpoint = lab.rsp_endpoint()
        self.serial = f"{folder}/serial"
        self.command = []

    async def start(self, words, console="serial"):
        self.command = ["gdbvm", "run", "--gdb", "tty:/dev/ttyS1", f"--{console}", "stdio", *words]
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._take_input()
        await asyncio.to_thread(self._lab.start, self.command, 1200, typed=True)
        self._running = asyncio.create_task(asyncio.to_thread(self._wait))

    def _take_input(self):
        os.mkfifo(f"{self._folder}/input", 0o600)
        self._input = os.open(f"{self._folder}/input", os.O_RDWR | os.O_NONBLOCK)
        self._loop.add_reader(self._input, lambda: self._lab.type(os.read(self._input, 4096).decode(errors="replace")))

    def _wait(self):
        with open(self.serial, "ab", buffering=0) as serial:

            def sink(name, data):
                if name == "stdout":
                    serial.write(data)
                    return
                self._said += data
                if b"gdb: listening on " in self._said:
                    self._loop.call_soon_threadsafe(self._ready.set)

            return self._lab.wait(sink).status

    async def ready(self):
        waiting = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait([waiting, self._running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return self._ready.is_set()

    async def wait(self, seconds):
        done, _ = await asyncio.wait([self._running], timeout=seconds)
        return self._running.result() if done else None

    async def end(self):
        if self._running is None:
            return
        if self._input is not None:
            self._loop.remove_reader(self._input)
            os.close(self._input)
        if not self._running.done():
            self._lab.kill()
        await asyncio.wait([self._running])

    def said(self):
        return self._said.decode("utf-8", "backslashreplace")


class Lab:
    """One VM at a time; the lab itself lives on."""

    patience = 5
    most = 1
    elsewhere = "gdbvm's own socket, files or process, which are inside the lab"

    def __init__(self, folder):
        self._lab = client.Lab(folder)
        self._probes = None

    async def probes(self):
        if self._probes is None:
            host = await asyncio.to_thread(self._lab.run, ["gdbvm", "host", "--json"])
            good = host.status == 0
            self._probes = (json.loads(host.stdout)["probes"], None) if good else (None, host.output.decode(errors="replace"))
        return self._probes

    def vm(self, folder):
        return Vm(self._lab, folder)

    async def copy(self, path, _folder):
        copied = await asyncio.to_thread(self._lab.run, ["cp", path, "/tmp/disk"])
        if copied.status != 0:
            raise OSError(copied.output.decode(errors="replace"))
        return "/tmp/disk"

    async def content(self, path):
        return (await asyncio.to_thread(self._lab.run, ["cat", path])).stdout.decode("latin-1")
