"""A booted lab that serves commands: owns Bochs, talks frames with the agent inside and JSON lines with clients.

A client connects to FOLDER/control.sock, which one of them has at a time (others wait in the queue), and sends
{"run": [argv], "timeout": seconds, "typed": bool}, later perhaps {"type": text} for its stdin or {"kill": true}. It
gets {"started": true}, {"stdout": base64}, {"stderr": base64}, and at the end {"exit": status, "timeout": bool} or
{"error": text}. It may then send another. A client that goes away takes its command with it.
"""

import base64
import contextlib
import fcntl
import json
import os
import pathlib
import select
import signal
import socket
import time
import traceback

from emulator import Bochs, receive
from image import LabError
from relay import LineRelay

KILL_SECONDS = 30  # for a killed command to be gone, and for the serial line to fall silent
MAX_PAYLOAD = 8000  # of a frame to the agent, see kMaxPayload in agent.c
START_SECONDS = 5  # for the agent to say that it has started a command, before we ask again


def encode_frame(kind, payload):
    return b"#%c%04x%s%02x" % (kind.encode(), len(payload), payload, sum(payload) & 0xFF)


class Agent:
    """The frames of agent.c over the control line."""

    def __init__(self, line):
        self.line = line
        self._input = b""

    def send(self, kind, payload=b""):
        self.line.sendall(encode_frame(kind, payload))

    def read(self):
        """All whole frames that have come, as (kind, payload)."""
        data = receive(self.line)
        if not data:
            raise LabError("Bochs has ended")
        self._input += data
        frames = []
        while (begin := self._input.find(b"#")) >= 0:
            head = self._input[begin + 1 : begin + 6]
            if len(head) < 5:
                break
            try:
                end = begin + 6 + int(head[1:], 16)
            except ValueError:
                self._input = self._input[begin + 1 :]
                continue
            if len(self._input) < end + 2:
                break
            frames.append((chr(head[0]), self._input[begin + 6 : end]))
            self._input = self._input[end + 2 :]
        return frames


class Client:
    def __init__(self, connection):
        self.connection = connection
        self.connection.settimeout(30)
        self._input = b""

    def send(self, **message):
        try:
            self.connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass  # its end is seen by read()

    def read(self):
        """Whole requests that have come; None when the client has gone or talks nonsense."""
        try:
            data = self.connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            return None
        *lines, self._input = (self._input + data).split(b"\n")
        try:
            return [dict(json.loads(line)) for line in lines if line]
        except (TypeError, ValueError):
            return None


class Job:
    """One command inside, from the request to its last output."""

    def __init__(self, agent, client, wait, number, request):
        self._agent, self._client, self._wait = agent, client, wait
        self._id = b"%d" % number
        self._kind = "T" if request.get("typed") else "R"
        self._payload = b"\0".join([self._id, *(os.fsencode(word) for word in request["run"])]) + b"\0"
        self._timeout = float(request.get("timeout", 120))
        if len(self._payload) > MAX_PAYLOAD:
            raise ValueError(f"a command line of more than {MAX_PAYLOAD} bytes")
        self._started = self._killed = self.timed_out = False

    def run(self):
        """The exit status; 124 when its time was up."""
        deadline = time.monotonic() + self._timeout
        while True:
            if not self._started:
                self._agent.send(self._kind, self._payload)
            seconds = min(60 if self._started else START_SECONDS, max(0, deadline - time.monotonic()))
            lines = [self._agent.line] + ([self._client.connection] if self._client else [])
            ready = self._wait(lines, seconds)
            if self._agent.line in ready:
                for kind, payload in self._agent.read():
                    if (status := self._frame(kind, payload)) is not None:
                        return 124 if self.timed_out else status
            if self._client and self._client.connection in ready:
                requests = self._client.read()
                if requests is None:
                    self._client = None
                for request in requests or []:
                    if "type" in request:
                        self._agent.send("I", request["type"].encode()[:MAX_PAYLOAD])
                if requests is None or any("kill" in request for request in requests):
                    deadline = self._kill()
            if time.monotonic() >= deadline:
                if self._killed:
                    raise LabError("a killed command did not end")
                self.timed_out = True
                deadline = self._kill()

    def _kill(self):
        self._killed = True
        self._agent.send("K")
        return time.monotonic() + KILL_SECONDS

    def _frame(self, kind, payload):
        if kind == "S" and payload == self._id:
            self._started = True
            self._say(started=True)
        elif kind in "OE":
            self._say(**{"stdout" if kind == "O" else "stderr": base64.b64encode(payload).decode()})
        elif kind == "X" and payload.startswith(self._id + b" "):
            return int(payload.split()[1])
        return None

    def _say(self, **message):
        if self._client:
            self._client.send(**message)


class Server:
    def __init__(self, folder, owner, progress):
        self.owner = owner  # a pipe whose end of file ends the server, or None
        self._folder = pathlib.Path(folder)
        self._progress = progress
        self._jobs = 0
        self._bochs = None

    def _wait(self, readable, seconds=None):
        """Those of `readable` that are. With the owner gone, there is nothing left to do."""
        owner = [] if self.owner is None else [self.owner]
        ready, _, _ = select.select(readable + owner, [], [], seconds)
        if self.owner in ready:
            raise SystemExit(0)
        return ready

    def boot(self, iso, cpu, cpus, memory, timeout):
        """Starts Bochs and waits for the agent. LabError when it does not come up in time."""
        start = time.monotonic()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / "control.sock"))
        self._listener.listen(64)
        self._bochs = Bochs(self._folder, iso, cpu, cpus, memory)
        self._relay = LineRelay(self._bochs.line, self._folder / "rsp.sock")
        self._agent = Agent(self._bochs.control)
        self._progress(f"Bochs ({cpu}, {cpus} CPU{'s' if cpus > 1 else ''}) is process {self._bochs.pid}; booting Linux")
        told = start
        while True:
            ready = self._wait([self._agent.line], 1)
            now = time.monotonic()
            hello = [text for kind, text in (self._agent.read() if ready else []) if kind == "H"]
            if hello:
                break
            if now - start > timeout:
                raise LabError(f"not up after {timeout:.0f} s: see {self._folder}/console.log and bochs.log")
            if now - told >= 10:
                told = now
                self._progress(f"booting, {now - start:.0f} s")
        self._progress(f"up after {now - start:.1f} s: {hello[0].decode()}")
        if b"no /dev/kvm" in hello[0]:
            raise LabError(f"KVM did not load: see {self._folder}/console.log")

    def serve(self, idle):
        """Until nobody has come for `idle` seconds, or the owner goes, or Bochs ends (LabError)."""
        while ready := self._wait([self._listener, self._agent.line], idle):
            if self._agent.line in ready:
                self._agent.read()
            if self._listener in ready:
                connection, _ = self._listener.accept()
                with connection:
                    self._serve_client(Client(connection))
        self._progress(f"ending: idle for {idle:.0f} s")

    def _serve_client(self, client):
        while self._wait([client.connection]):
            requests = client.read()
            if requests is None:
                return
            for request in requests:
                if "run" in request:
                    self._run(client, request)

    def _run(self, client, request):
        self._jobs += 1
        try:
            job = Job(self._agent, client, self._wait, self._jobs, request)
        except (TypeError, ValueError) as error:
            return client.send(error=f"cannot run that: {error}")
        self._progress(f"run {self._jobs}: {' '.join(request['run'])}")
        try:
            self._relay.open()
            status = job.run()
            self._relay.close(time.monotonic() + KILL_SECONDS)
        except LabError as error:
            client.send(error=f"{error}; the lab is lost")
            raise
        self._progress(f"run {self._jobs}: exit {status}")
        client.send(exit=status, timeout=job.timed_out)

    def end(self):
        if self._bochs:
            self._bochs.end()
        for name in ("control.sock", "rsp.sock"):
            (self._folder / name).unlink(missing_ok=True)


def spawn(folder, iso, cpu, cpus, memory, boot_timeout, idle, owned, progress):
    """Forks a server for FOLDER and returns its ServerProcess when it is up; LabError when it does not come up. It
    reports to `progress` until then, and to server.log. With `owned` it ends with us, else it serves on."""
    folder = pathlib.Path(folder).resolve()
    if len(str(folder)) > 90:
        raise LabError(f"{folder} is too long for the path of a socket (90 characters)")
    lock = open(folder / "pid", "a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise LabError(f"a lab is being served in {folder} already") from None
    for name in ("control.sock", "rsp.sock", "console.log"):
        (folder / name).unlink(missing_ok=True)
    owner_read, owner_write = os.pipe()
    ready_read, ready_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(owner_write)
        os.close(ready_read)
        _server_process(folder, lock, owner_read, owned, ready_write, progress,
                        boot=(iso, cpu, cpus, memory, boot_timeout), idle=idle)  # fmt: skip
    lock.close()
    os.close(owner_read)
    os.close(ready_write)
    process = ServerProcess(pid, owner_write)
    with os.fdopen(ready_read, "rb") as pipe:
        try:
            verdict = pipe.read()
        except BaseException:  # Ctrl-C while booting
            process.end()
            raise
    if verdict != b"ready":
        process.end()
        raise LabError(verdict.decode() or f"the lab's server ended: see {folder}/server.log")
    return process


class ServerProcess:
    """A server that spawn() started, seen from the parent. The server goes when this pipe does, unless it serves on."""

    def __init__(self, pid, owner):
        self._pid, self._owner = pid, owner

    def end(self):
        os.close(self._owner)
        os.waitpid(self._pid, 0)


def _server_process(folder, lock, owner, owned, ready, progress, boot, idle):
    """The forked child; never returns."""
    os.setsid()
    log = open(folder / "server.log", "w", buffering=1)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()

    def report(text):
        log.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        if ready is not None:
            progress(text)

    def say(verdict):
        nonlocal ready
        if ready is not None:
            os.write(ready, verdict.encode())
            os.close(ready)
        ready = None

    def terminate(number, frame):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server(folder, owner, report)
    try:
        server.boot(*boot)
        say("ready")
        if not owned:
            server.owner = None
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        server.serve(idle)
    except SystemExit:
        pass
    except LabError as error:
        log.write(f"{error}\n")
        say(str(error))
    except BaseException as error:  # the log is the only place left to say it
        log.write(traceback.format_exc())
        say(repr(error))
    finally:
        server.end()
        os._exit(0)


def stop(folder):
    """Ends the server of FOLDER and waits for it. False when there is none."""
    with contextlib.suppress(FileNotFoundError), open(pathlib.Path(folder) / "pid") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.kill(int(lock.read()), signal.SIGTERM)
            fcntl.flock(lock, fcntl.LOCK_SH)
            return True
    return False
