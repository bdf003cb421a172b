"""What is measured: a row's function drives one side and returns one number, or raises Cannot."""
import dataclasses
import pathlib
import re
import statistics
import time
from collections.abc import Callable

import cpu_table
from sides import MEMORY_MIB, Cannot, expanded

LINE_ROUNDS = 8000  # kLineRounds of guests/bench64
# How much a side gets to do, where the peer would take minutes; the number is a rate.
FALSE_CONDITIONS = {"gdbvm": 20000, "qemu": 500}
MIB = {"gdbvm": 64, "qemu": 8}
NEXT_ROUNDS = {"gdbvm": 3333, "qemu": 400}  # of a loop of 6 instructions


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str
    unit: str
    more_is_better: bool
    goal: float | None  # times better than the peer
    measure: Callable
    bare: str | None = None  # the word of bare.c for the physical limit, in the same unit


def round_trip(side):
    with side.boot() as vm, vm.client("spin") as client:
        if not client.ask("qC").startswith("QC"):
            raise Cannot("it does not know qC")
        return 1e6 / client.rate("qC", 5000)


def loop(client):
    """The program counters of the loop that the guest comes to: it steps until one comes again, and stands there."""
    seen = []
    while (pc := client.pc()) not in seen:
        seen.append(pc)
        client.resume(f"vCont;s:{client.thread}")
    return seen[seen.index(pc) :]


def step(side):
    with side.boot() as vm, vm.client("spin") as client:
        length, counter, place = len(loop(client)), vm.symbol("counter"), client.pc()
        before = client.quadword(counter)
        result = client.rate(f"vCont;s:{client.thread}", 500 * length)
        if client.pc() != place or client.quadword(counter) != before + 500:
            raise Cannot("a step is not one instruction")
        return result


def range_step(side):
    with side.boot(words="line") as vm, vm.client("bench_line") as client:
        if "r" not in client.must("vCont?").split(";"):
            raise Cannot("it has no vCont;r: gdb steps one by one (row `next`)")
        code, total = loop(client), vm.symbol("line_sum")
        before, begin = client.quadword(total), time.perf_counter()
        client.resume(f"vCont;r{min(code):x},{max(code) + 1:x}:{client.thread}")
        elapsed = time.perf_counter() - begin
        # loop() has gone one round.
        if client.quadword(total) - before != sum(range(1, LINE_ROUNDS)):
            raise Cannot("the range step ended before the loop did")
        return (LINE_ROUNDS - 1) * len(code) / elapsed


def stepi(side):
    with side.boot() as vm:
        return vm.gdb("stepi", "spin", count=500)


def next_line(side):
    with side.boot(words="line") as vm:
        return vm.gdb("next", "bench_line", rounds=NEXT_ROUNDS[side.name])


def hit(side):
    with side.boot(words="calls") as vm:
        return vm.gdb("hit", "calls", count=500)


def false_condition(side):
    with side.boot(words="calls") as vm:
        return vm.gdb("false-condition", "calls", count=FALSE_CONDITIONS[side.name])


def wait_for_watch(client, address):
    """The next stop must be the watchpoint's; a side whose watchpoints never fire is interrupted."""
    client.socket.settimeout(3)
    try:
        reply = client.resume("c")
    except TimeoutError:
        client.socket.settimeout(60)
        client.interrupt()
        raise Cannot("its watchpoint is accepted and never fires on this host") from None
    found = re.search(r"watch:([0-9a-f]+);", expanded(reply))
    if found is None or int(found[1], 16) != address:
        raise Cannot(f"the guest did not stop by the watchpoint but with {expanded(reply)[:60]}")


def watch(side):
    """Every round of `spin` writes the variable."""
    with side.boot() as vm, vm.client("spin") as client:
        address = vm.symbol("counter")
        client.must(f"Z2,{address:x},8")
        wait_for_watch(client, address)
        before = client.quadword(address)
        result = client.rate("c", 500)
        if client.quadword(address) != before + 500:
            raise Cannot("not every write was a hit")
        return result


def watch_neighbour(side):
    """A round of `bench_line` writes line_sum 8000 times, and counter, in the same page, before and after."""
    with side.boot(words="line") as vm, vm.client("bench_line") as client:
        watched, entry = vm.symbol("counter"), vm.symbol("bench_line")
        if watched >> 12 != vm.symbol("line_sum") >> 12:
            raise Cannot("the guest's variables are not in one page")
        begin = time.perf_counter()
        client.resume(f"vCont;s:{client.thread}")  # not to meet the breakpoint where the guest stands
        client.run_to(entry)
        plain = time.perf_counter() - begin
        client.must(f"Z2,{watched:x},8")
        wait_for_watch(client, watched)
        begin = time.perf_counter()
        wait_for_watch(client, watched)
        return (time.perf_counter() - begin) / plain


def start(side):
    begin = time.perf_counter()
    with side.boot() as vm, vm.client():
        return (time.perf_counter() - begin) * 1e3


def memory(side):
    """Resident memory that is not the guest's RAM, when the guest runs its own code and a debugger looks."""
    with side.boot() as vm, vm.client("spin"):
        text = pathlib.Path(f"/proc/{vm.process.pid}/smaps").read_text(encoding="ascii")
    maps = [(int(a), int(b)) for a, b in re.findall(r"^Size: +(\d+) kB$.*?^Rss: +(\d+) kB$", text, re.MULTILINE | re.DOTALL)]
    ram = [rss for size, rss in maps if MEMORY_MIB << 10 <= size < (MEMORY_MIB + 2) << 10]
    if len(ram) != 1:
        raise Cannot(f"the guest's RAM is not one mapping but {len(ram)}")
    return (sum(rss for _, rss in maps) - ram[0]) / 1024


def attach(side):
    with side.boot() as vm:
        return 1e3 * vm.gdb("attach", "spin", running=True)


def transfer(task):
    def measure(side):
        with side.boot(words="mem") as vm:
            return vm.gdb(task, "memory_filled", mib=MIB[side.name])

    return measure


def smp_stop(side, cpus=4):
    with side.boot("smp64", words="", cpus=cpus) as vm, vm.client("kernel_main") as client:
        if side.name == "qemu":
            cpu_table.hand_over(client, cpus)
        client.run_to(vm.symbol("station_7"))
        if (found := client.quadword(vm.symbol("cpu_count")) & 0xFFFFFFFF) != cpus:
            raise Cannot(f"its guest found {found} CPUs, not {cpus}")
        times = []
        for _ in range(20):
            client.send("vCont;c")
            time.sleep(0.01)
            begin = time.perf_counter()
            client.interrupt()
            times.append(time.perf_counter() - begin)
        return 1e3 * statistics.median(times)


MORE, LESS = True, False
# fmt: off
ROWS = [
    Row("round-trip", "raw qC", "µs", LESS, 3, round_trip, "echo"),
    Row("step", "raw vCont;s", "steps/s", MORE, 8, step, "step"),
    Row("range-step", "raw vCont;r over a loop", "instructions/s", MORE, None, range_step, "step"),
    Row("stepi", "gdb: stepi 2000", "steps/s", MORE, 2, stepi, "step"),
    Row("next", "gdb: next over a loop of 20 000 instructions", "instructions/s", MORE, 100, next_line, "step"),
    Row("hit", "gdb: continue 500 at a breakpoint", "hits/s", MORE, 5, hit, "hit"),
    Row("false-condition", "gdb: break f if i == N", "passes/s", MORE, 100, false_condition, "hit"),
    Row("watch", "raw Z2: hits", "hits/s", MORE, None, watch),
    Row("watch-neighbour", "8000 writes beside a watched variable: the guest is slower", "times", LESS, None, watch_neighbour),
    Row("start", "exec to the first answer", "ms", LESS, 10, start),
    Row("memory", "RSS without the guest's RAM", "MiB", LESS, 5, memory),
    Row("attach", "gdb: target remote, the guest running", "ms", LESS, 2, attach),
    Row("read", "gdb: dump memory", "MiB/s", MORE, 10, transfer("read")),
    Row("write", "gdb: restore", "MiB/s", MORE, 10, transfer("write")),
    Row("find", "gdb: find", "MiB/s", MORE, 50, transfer("find")),
    Row("smp-stop", "raw ^C, 4 busy vCPUs", "ms", LESS, 3, smp_stop),
]
# fmt: on
