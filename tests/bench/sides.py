"""The two that are compared: each boots one of our guests behind a gdb server and ends it whatever happens."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from client import Cannot, exchange  # noqa: E402
from rsp import Debugger  # noqa: E402 - the raw client of the tests

MEMORY_MIB = 128
LIMIT = 120  # seconds; only guards against hangs
RIP = 16 * 16  # where it begins in the reply to `g`
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def ended(command, **how):
    """A process that does not outlive the block, nor us."""
    process = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL} | how, preexec_fn=_die_with_parent)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def expanded(reply):
    """Undoes RSP's run-length encoding (GDB manual, "Overview" of the remote protocol)."""
    return re.sub(r"(.)\*(.)", lambda run: run[1] * (ord(run[2]) - 28), reply, flags=re.DOTALL)


def symbol(image, name):
    lines = subprocess.run(["nm", image], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^(\w+) \w {name}$", lines, re.MULTILINE)[1], 16)


class ByGdb(float):
    """A number that gdb came to, and `gdb_share`: how much of the time gdb's own computing took, which no server can spare."""

    def __new__(cls, number, gdb_share):
        made = super().__new__(cls, number)
        made.gdb_share = gdb_share
        return made


class Client(Debugger):
    """A raw client of one guest thread; asks for the features that gdb asks for."""

    def __init__(self, endpoint):
        super().__init__(endpoint)
        features = expanded(self.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+"))
        self.packet_size = int(re.search("PacketSize=([0-9a-f]+)", features)[1], 16)
        if self.ask("QStartNoAckMode") == "OK":
            self.acks = False
        self.thread = re.search(r"thread:([^;]*);", self.ask("?"))[1]

    def exchange(self, payloads, rounds=1, wanted=""):
        """Each of the payloads, as text or bytes, when the one before is answered: (seconds, bytes received)."""
        raw = [payload.encode() if isinstance(payload, str) else payload for payload in payloads]
        return exchange(self.socket, raw, rounds, self.acks, wanted.encode())

    def rate(self, payload, count, wanted):
        """Packets a second, each with one packet for an answer that begins with `wanted`."""
        return count / self.exchange([payload], count, wanted)[0]

    def must(self, payload):
        """Asks for what a server may refuse."""
        reply = expanded(self.ask(payload))
        if reply.startswith("E.") or reply == "" or re.fullmatch(r"E..", reply):
            raise Cannot(f"{payload.partition(',')[0]} is refused: {reply.lstrip('E.') or 'it is unknown'}")
        return reply

    def resume(self, payload):
        """The stop reply; what the guest or the server says meanwhile is dropped."""
        self.send(payload)
        return self.stop()

    def stop(self):
        while (reply := self.reply()).startswith("O"):
            pass
        return reply

    def interrupt(self):
        self.socket.sendall(b"\x03")
        return self.stop()

    def quadword(self, address):
        return int.from_bytes(bytes.fromhex(self.must(f"m{address:x},8")), "little")

    def pc(self):
        # Not by `p`: QEMU 7.2 then shows what it read last.
        return int.from_bytes(bytes.fromhex(self.must("g")[RIP : RIP + 16]), "little")

    def run_to(self, address):
        """By a hardware breakpoint: PVM's guests die of QEMU's software breakpoints."""
        self.must(f"Z1,{address:x},1")
        self.resume("c")
        if self.pc() != address:
            raise Cannot(f"its guest stopped at {self.pc():#x}, not at the breakpoint at {address:#x}")
        self.must(f"z1,{address:x},1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()


class Vm:
    """A guest held at its first instruction. It stays stopped when a client leaves without a word."""

    def __init__(self, process, endpoint, image, said):
        self.process, self.endpoint, self.image, self.said = process, endpoint, image, said

    def symbol(self, name):
        return symbol(self.image, name)

    def client(self, place=None):
        """Connected, with the guest stopped at a symbol or where it was."""
        end = time.monotonic() + LIMIT
        while True:
            try:
                client = Client(f"unix:{self.endpoint}")
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(self.said, encoding="utf-8", errors="replace") as file:
                        raise Cannot(f"its server never listened; it said: {file.read()[-300:].strip()}") from None
                time.sleep(0.0002)
        if place is not None:
            client.run_to(self.symbol(place))
        return client

    def gdb(self, task, place, running=False, **arguments):
        """The number that a task of in_gdb.py comes to, in a stock gdb, the guest standing at `place` or gone on from it."""
        gdb = shutil.which(os.environ.get("GDB", "gdb"))
        if gdb is None:
            raise Cannot("there is no gdb: scripts/setup installs it")
        with self.client(place) as client:
            if running:
                client.must("D;1")
        with tempfile.TemporaryDirectory(prefix="gdbvm-bench-") as folder:
            order = {"task": task, "endpoint": self.endpoint, "answer": f"{folder}/answer", "folder": folder}
            environment = dict(os.environ, GDBVM_BENCH=json.dumps(order | arguments))
            command = [gdb, "-nx", "-nh", "-batch", "-iex", "set debuginfod enabled off"]
            command += ["-x", str(HERE / "in_gdb.py"), self.image]
            with open(f"{folder}/said", "w+", encoding="utf-8") as said:
                with ended(command, env=environment, stdout=said, stderr=said) as process:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(LIMIT)
                try:
                    with open(f"{folder}/answer", encoding="utf-8") as file:
                        answer = json.load(file)
                except FileNotFoundError:
                    said.seek(0)
                    raise Cannot(f"gdb came to no answer; it said: {said.read()[-300:].strip()}") from None
        if isinstance(answer, str):
            raise Cannot(answer)
        return ByGdb(**answer)


class Side:
    """`command(image, words, cpus, mib, endpoint)`: how it is started, held, with its gdb server on a UNIX socket."""

    def __init__(self, name, program, guests, command):
        self.name, self.program, self.guests, self.command = name, program, guests, command

    def missing(self):
        """Why it cannot be used, or None."""
        return None if shutil.which(self.program) else f"{self.program} is not there"

    @contextlib.contextmanager
    def boot(self, guest="bench64", words="spin", cpus=1, mib=MEMORY_MIB):
        """`mib`: of RAM."""
        image = str(self.guests / guest)
        with tempfile.TemporaryDirectory(prefix="gdbvm-bench-") as folder:
            endpoint = f"{folder}/gdb"
            said = f"{folder}/said"
            with open(said, "w", encoding="utf-8") as errors:
                with ended(self.command(self.program, image, words, cpus, mib, endpoint), stderr=errors) as process:
                    yield Vm(process, endpoint, image, said)


def _gdbvm(program, image, words, cpus, mib, endpoint):
    options = ["--wait", "--on-disconnect", "stop", "--serial", "none", "--gdb", f"unix:{endpoint}"]
    return [program, "run", *options, "-m", f"{mib}M", "-c", str(cpus), "--append", words, image]


def _qemu(program, image, words, cpus, mib, endpoint):
    # qboot: SeaBIOS takes 7 s where real mode is emulated.
    options = ["-accel", "kvm", "-cpu", "host,-arch-capabilities", "-display", "none", "-nodefaults"]
    options += ["-bios", "qboot.rom", "-m", f"{mib}M", "-smp", str(cpus), "-gdb", f"unix:{endpoint},server=on,wait=off"]
    return [program, *options, "-S", "-kernel", image, "-append", words]


def sides(gdbvm, guests):
    """Ours, then the peer."""
    return Side("gdbvm", gdbvm, guests, _gdbvm), Side("qemu", "qemu-system-x86_64", guests, _qemu)
