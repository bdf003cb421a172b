"""What is measured: a row's function drives one side and returns one number, or raises Cannot."""
import dataclasses
import os
import pathlib
import re
import statistics
import time
from collections.abc import Callable

import cpu_table
from bare import ROUND_TRIPS, Limit
from sides import MEMORY_MIB, Cannot, expanded

LINE_ROUNDS = 8000  # kLineRounds of guests/bench64
# How much a side gets to do, where the peer would take minutes; the number is a rate.
FALSE_CONDITIONS = {"gdbvm": 20000, "qemu": 500}
MIB = {"gdbvm": 64, "qemu": 8}
NEXT_ROUNDS = {"gdbvm": 3333, "qemu": 400}  # of a loop of 6 instructions
FILL_START, FILL_FACTOR = 16 << 20, 0x9E3779B97F4A7C15  # of its `mem`
LOOP_INSTRUCTIONS = 6  # of a round of bench_line


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str
    unit: str
    more_is_better: bool
    goal: float | None  # times better than the peer
    measure: Callable
    bare: Limit | None = None  # the physical limit, in the same unit
    goal_of_bare: float | None = None  # the part of it that is to be reached
    why: str = ""  # what keeps it from its goal, where it misses it


def round_trip(side):
    with side.boot() as vm, vm.client("spin") as client:
        if not client.ask("qC").startswith("QC"):
            raise Cannot("it does not know qC")
        return 1e6 / client.rate("qC", ROUND_TRIPS, "QC")


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
        result = client.rate(f"vCont;s:{client.thread}", 500 * length, "T05")
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


def over_the_loop(command, rounds):
    def measure(side):
        with side.boot(words="line") as vm:
            return vm.gdb("over-the-loop", "bench_line", command=command, rounds=rounds[side.name])

    return measure


def hits(client, address, counter, count):
    """Hits of a hardware breakpoint a second. Where `c` does not get off it, the client steps off, as gdb would."""
    client.must(f"Z1,{address:x},1")
    client.resume("c")
    client.resume("c")  # the counter says how often the call was left, but for the first
    before = client.quadword(counter)
    client.resume("c")
    by_itself = client.quadword(counter) == before + 1
    before = client.quadword(counter)
    step_off = [f"z1,{address:x},1", f"vCont;s:{client.thread}", f"Z1,{address:x},1"]
    elapsed, _ = client.exchange([*([] if by_itself else step_off), "c"], count)
    made = client.quadword(counter) - before
    if client.pc() != address or not count - 1 <= made <= count:
        raise Cannot(f"{made} calls were made, not {count}")
    return count / elapsed


def hit(side):
    with side.boot(words="calls") as vm, vm.client("calls") as client:
        return hits(client, vm.symbol("bench_hit"), vm.symbol("counter"), 500)


def hit_by_gdb(side):
    with side.boot(words="calls") as vm:
        return vm.gdb("hit", "calls", count=500)


def false_condition(side):
    with side.boot(words="calls") as vm:
        return vm.gdb("false-condition", "calls", count=FALSE_CONDITIONS[side.name])


def wait_for_watch(client, address):
    """The next stop must be the watchpoint's; a side whose watchpoints never fire is interrupted."""
    client.socket.settimeout(10)
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
        result = client.rate("c", 500, "T05")
        if client.quadword(address) != before + 500:
            raise Cannot("not every write was a hit")
        return result


def rounds_a_second(client, counter, seconds=0.5):
    """How fast the guest counts, running freely."""
    before, begin = client.quadword(counter), time.perf_counter()
    client.send("c")
    time.sleep(seconds)
    client.interrupt()
    elapsed = time.perf_counter() - begin
    return (client.quadword(counter) - before) / elapsed


def exits(words):
    def measure(side):
        with side.boot(words=words) as vm, vm.client(words) as client:
            counter = vm.symbol("counter")
            rounds_a_second(client, counter, 0.1)
            rate = rounds_a_second(client, counter)
            if rate == 0:
                raise Cannot("its guest stands still: what it waits for does not come")
            return rate

    return measure


def watch_every_write(side):
    """The guest writes the variable in each round: how much slower, for its hits are told to the client."""
    with side.boot() as vm, vm.client("spin") as client:
        address = vm.symbol("counter")
        plain = rounds_a_second(client, address)
        client.must(f"Z2,{address:x},8")
        wait_for_watch(client, address)
        return plain / client.rate("c", 500, "T05")


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


def start(side, mib=MEMORY_MIB):
    begin = time.perf_counter()
    with side.boot(mib=mib) as vm, vm.client():
        return (time.perf_counter() - begin) * 1e3


def memory(side):
    """Resident memory that is not the guest's RAM, with the guest at its first instruction and a debugger attached."""
    with side.boot() as vm, vm.client():
        text = pathlib.Path(f"/proc/{vm.process.pid}/smaps").read_text(encoding="ascii")
    maps = [(int(a), int(b)) for a, b in re.findall(r"^Size: +(\d+) kB$.*?^Rss: +(\d+) kB$", text, re.MULTILINE | re.DOTALL)]
    ram = [rss for size, rss in maps if MEMORY_MIB << 10 <= size < (MEMORY_MIB + 2) << 10]
    if len(ram) != 1:
        raise Cannot(f"the guest's RAM is not one mapping but {len(ram)}")
    return (sum(rss for _, rss in maps) - ram[0]) / 1024


def attach(side):
    with side.boot() as vm:
        return vm.gdb("attach", "spin", running=True)


def transfer(task):
    def measure(side):
        with side.boot(words="mem") as vm:
            return vm.gdb(task, "memory_filled", mib=MIB[side.name])

    return measure


def read_raw(side):
    with side.boot(words="mem") as vm, vm.client("memory_filled") as client:
        # By `x` where it is known, which sends a byte as one or, escaped, as two.
        binary = client.ask(f"x{FILL_START:x},0") == "b"
        piece = 1 << (client.packet_size.bit_length() - (2 if binary else 3))
        end = FILL_START + (MIB[side.name] << 20)
        asked = [f"{'x' if binary else 'm'}{address:x},{piece:x}" for address in range(FILL_START, end, piece)]
        elapsed, received = client.exchange(asked, wanted="b" if binary else "")
        if received < end - FILL_START:
            raise Cannot(f"it sent {received} bytes for {end - FILL_START}")
        if client.quadword(end - 8) != (end - 8) * FILL_FACTOR & (1 << 64) - 1:
            raise Cannot("what was read is not what the guest has written")
        return MIB[side.name] / elapsed


def write_raw(side):
    with side.boot(words="mem") as vm, vm.client("memory_filled") as client:
        binary = client.ask(f"X{FILL_START:x},0:") == "OK"
        piece = 1 << (client.packet_size.bit_length() - (2 if binary else 3))
        content = os.urandom(piece)
        body = re.sub(rb"[#$}*]", lambda mark: b"}" + bytes([mark[0][0] ^ 0x20]), content) if binary else content.hex().encode()
        end = FILL_START + (MIB[side.name] << 20)
        mark = b"X" if binary else b"M"
        told = [b"%c%x,%x:%s" % (mark, address, piece, body) for address in range(FILL_START, end, piece)]
        elapsed, _ = client.exchange(told, wanted="OK")
        if client.quadword(end - 8) != int.from_bytes(content[-8:], "little"):
            raise Cannot("what was written is not there")
        return MIB[side.name] / elapsed


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
STEP, STEP_LINE = Limit("step", "spin", "spin"), Limit("step", "line", "bench_line")
# The counter goes up twice a call.
RUN_LINE = Limit("free", "line", factor=LOOP_INSTRUCTIONS * LINE_ROUNDS / 2)
STEPS = "a server that only echoes takes more than half of it; one step in 16 is KVM's, for a store that may be to a page table"
STOPS = "a stop is four hand-overs between client, server and vCPU thread, each some 10 µs here, and the guest's way to it"
NEARBY = "one pass in four is KVM's, for a store that may be to a page table"
ONE_BY_ONE = "bounded by bare single steps"
AS_FAST = "gdb plants one breakpoint and lets the guest run, so both go at the guest's speed"
IN_GDB = "gdb itself takes most of the time, handling packets byte by byte, and that is the same with both"
# fmt: off
ROWS = [
    Row("start", "exec to the first answer", "ms", LESS, 10, start, Limit("make"),
        why="KVM's own making of a VM with its interrupt chips, which the bare loop has, too, is most of it"),
    Row("memory", "RSS without the guest's RAM, at the first instruction", "MiB", LESS, 5, memory,
        why="most of it is pages of shared libraries"),
    Row("round-trip", "raw qC", "µs", LESS, 3, round_trip, Limit("echo"),
        why="a server that does nothing but echo takes as long"),
    Row("step", "raw vCont;s", "steps/s", MORE, 8, step, STEP, why=STEPS),
    Row("stepi", "gdb: stepi 2000", "steps/s", MORE, 2, stepi, STEP, why=IN_GDB),
    Row("range-step", "raw vCont;r over a loop", "instructions/s", MORE, None, range_step, STEP_LINE, 0.8,
        why="each step is armed anew, as KVM loses it behind an emulated access on VT-x"),
    Row("next", "gdb: next over a loop of 20 000 instructions", "instructions/s", MORE, 100,
        over_the_loop("next", NEXT_ROUNDS), STEP_LINE, why=ONE_BY_ONE),
    Row("until", "gdb: until over the same", "instructions/s", MORE, 20, over_the_loop("until", NEXT_ROUNDS), STEP_LINE,
        why=ONE_BY_ONE),
    Row("finish", "gdb: finish over the same", "instructions/s", MORE, 20,
        over_the_loop("finish", dict.fromkeys(NEXT_ROUNDS, 3333)), RUN_LINE, why=AS_FAST),
    Row("hit", "raw: hit of a breakpoint and continue", "hits/s", MORE, 5, hit, Limit("hit", "calls", "bench_hit"), why=STOPS),
    Row("hit-gdb", "gdb: continue 500 at a breakpoint", "hits/s", MORE, None, hit_by_gdb, Limit("hit", "calls", "bench_hit")),
    Row("false-condition", "gdb: break f if i == 20000", "passes/s", MORE, 100, false_condition,
        Limit("hit", "calls", "bench_hit"), why=NEARBY),
    Row("watch", "raw Z2: hits of a page-protected watchpoint", "hits/s", MORE, None, watch, Limit("free", "mmio")),
    Row("watch-write", "the guest writes the watched variable in each round: slower than a plain run", "times", LESS, None,
        watch_every_write),
    Row("watch-neighbour", "8000 writes beside a watched variable: slower than a plain run", "times", LESS, None,
        watch_neighbour),
    Row("read", "gdb: dump memory, 64 MiB", "MiB/s", MORE, 10, transfer("read"), why=IN_GDB),
    Row("read-raw", "raw x or m, 64 MiB", "MiB/s", MORE, 10, read_raw, why="the socket and the client"),
    Row("write", "gdb: restore, 64 MiB", "MiB/s", MORE, 10, transfer("write"), why=IN_GDB),
    Row("write-raw", "raw X or M, 64 MiB", "MiB/s", MORE, 10, write_raw, why="the socket and the client"),
    Row("find", "gdb: find, 64 MiB", "MiB/s", MORE, 50, transfer("find"), why="gdb's own start of the command"),
    Row("attach", "gdb: target remote, the guest running", "ms", LESS, 2, attach,
        why="gdb's own share: target description, threads, frame"),
    Row("smp-stop", "raw ^C, 4 busy vCPUs", "ms", LESS, 3, smp_stop, why="the host has fewer CPUs than the guest"),
    Row("exits-pio", "guest: out, exits to nowhere", "exits/s", MORE, None, exits("pio"), Limit("free", "pio"), 0.9,
        why="on top of KVM there are the bus, its lock and the counters of `monitor info exits`"),
    Row("exits-mmio", "guest: reads where no device is", "exits/s", MORE, None, exits("mmio"), Limit("free", "mmio"), 0.9,
        why="on top of KVM there are the bus, its lock and the counters of `monitor info exits`"),
    Row("exits-hlt", "guest: sleeps until a timer of 1000 Hz", "wake-ups/s", MORE, None, exits("nap"), Limit("free", "nap"), 0.9,
        why="ticks that come while the host is busy are dropped, not made up for"),
]
# fmt: on
