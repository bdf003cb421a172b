"""Runs commands inside a lab. For tests:

    from client import Lab                       # with tests/lab in sys.path
    with Lab(folder) as lab:                     # a lab served there: scripts/lab --serve FOLDER
        status, output = lab.run(["sh", "-c", "ls /dev/kvm; exit 7"], timeout=30)[:2]
        lab.start(["gdbvm", "run", "--gdb", "tty:/dev/ttyS1", "/guests/hello16"])
        gdb("target remote " + lab.rsp_endpoint())
        lab.kill()
        status = lab.wait().status
"""

import base64
import json
import pathlib
import socket
import typing

from image import LabError


class Result(typing.NamedTuple):
    status: int  # as a shell sees it: 128 + N for signal N, 124 for a command that ran out of time
    output: bytes  # stdout and stderr as they came
    stdout: bytes
    stderr: bytes
    timed_out: bool


class Lab:
    """A connection to a served lab. While it is open, everybody else waits. One command at a time."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder).resolve()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(self._folder / "control.sock"))
        except OSError as error:
            raise LabError(f"no lab is being served in {self._folder}: {error.strerror}") from None
        self._lines = self._socket.makefile("rb")
        self._chunks = []

    def run(self, argv, timeout=120, sink=None):
        """start() and wait()."""
        self.start(argv, timeout)
        return self.wait(sink)

    def start(self, argv, timeout=120, typed=False):
        """Starts a command inside and returns when it has started. `timeout`: seconds until it is killed there; `typed`:
        its stdin is what type() sends, otherwise empty."""
        self._chunks = []
        self._send(run=[str(word) for word in argv], timeout=timeout, typed=typed)
        while "started" not in self._receive():
            pass

    def wait(self, sink=None):
        """The Result of the command. sink(name, data) is told of each piece of output as it comes."""
        told = 0
        while True:
            for name, data in self._chunks[told:] if sink else ():
                sink(name, data)
            told = len(self._chunks)
            message = self._receive()
            if "exit" in message:
                parts = {name: b"".join(data for n, data in self._chunks if n == name) for name in ("stdout", "stderr")}
                output = b"".join(data for _, data in self._chunks)
                return Result(message["exit"], output, parts["stdout"], parts["stderr"], message["timeout"])

    def type(self, text):
        """To the stdin of the command; from any thread."""
        self._send(type=text)

    def kill(self):
        """Kills the command; wait() then returns its status, 137."""
        self._send(kill=True)

    def rsp_endpoint(self):
        """What gdb's `target remote` takes to reach /dev/ttyS1 of the running command."""
        return str(self._folder / "rsp.sock")

    def close(self):
        """A command that still runs is killed."""
        self._lines.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, **message):
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _receive(self):
        line = self._lines.readline()
        if not line:
            raise LabError(f"the lab has gone: see {self._folder}/server.log")
        message = json.loads(line)
        if "error" in message:
            raise LabError(message["error"])
        for name in ("stdout", "stderr"):
            if name in message:
                self._chunks.append((name, base64.b64decode(message[name])))
        return message
