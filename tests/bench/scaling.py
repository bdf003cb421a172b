"""How cost grows with a number: for each, a function that drives one side and returns one number, or raises Cannot."""
import dataclasses
from collections.abc import Callable

import rows

FAR = 16 << 20  # where the guest of `calls` never goes


@dataclasses.dataclass(frozen=True)
class Series:
    name: str
    counted: str
    numbers: tuple
    unit: str
    measure: Callable


def planted(kind, size):
    """Microseconds from a hit to the next, with so many others that are never hit."""

    def measure(side, number):
        with side.boot(words="calls") as vm, vm.client("calls") as client:
            for i in range(number - 1):
                client.must(f"{kind},{FAR + 64 * i:x},{size}")
            return 1e6 / rows.hits(client, vm.symbol("bench_hit"), vm.symbol("counter"), 100)

    return measure


def start_with(side, mib):
    return rows.start(side, mib)


# fmt: off
SERIES = [
    Series("hit-among-breakpoints", "breakpoints", (1, 10, 100, 1000), "µs", planted("Z0", 1)),
    Series("hit-among-watchpoints", "watchpoints", (1, 4, 16, 64, 256), "µs", planted("Z2", 8)),
    Series("smp-stop", "vCPUs", (1, 2, 4, 8), "ms", rows.smp_stop),
    Series("start", "MiB of guest RAM", (128, 512, 1024, 4096), "ms", start_with),
]
# fmt: on
