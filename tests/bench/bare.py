"""The physical limit: bare.c, compiled when first asked for."""
import dataclasses
import pathlib
import socket
import subprocess
import time

from client import compiled, exchange
from sides import Cannot, ended, symbol

ROUND_TRIPS = 5000


@dataclasses.dataclass(frozen=True)
class Limit:
    """What bare.c is to do, and how its number becomes one in the row's unit."""

    mode: str
    words: str = ""  # the guest's command line
    place: str = ""  # a symbol
    factor: float = 1


class Bare:
    name = "bare"

    def __init__(self, folder, guests):
        self.program, self.image = pathlib.Path(folder) / "bare", str(guests / "bench64")

    def measure(self, limit):
        if not self.program.exists():
            compiled("bare.c", self.program)
        number = {"echo": self._echo, "make": self._make}.get(limit.mode, self._drive)(limit)
        return number * limit.factor

    def _echo(self, _):
        """Microseconds a round trip, with our client and a server that has nothing to do."""
        ours, its = socket.socketpair()
        with ours, its, ended([self.program, "echo"], stdin=its):
            return 1e6 * exchange(ours, [b"qC"], ROUND_TRIPS)[0] / ROUND_TRIPS

    def _make(self, _):
        """Milliseconds."""
        begin = time.perf_counter()
        self._run("make")
        return 1e3 * (time.perf_counter() - begin)

    def _drive(self, limit):
        addresses = [f"{symbol(self.image, name):x}" for name in ("pvh_entry", "counter", limit.place) if name]
        return float(self._run(limit.mode, self.image, limit.words, *addresses))

    def _run(self, *words):
        done = subprocess.run([self.program, *words], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Cannot(done.stderr.strip())
        return done.stdout
