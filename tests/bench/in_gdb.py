"""Runs inside gdb: one task on a guest that already stands where the task begins; its number goes to a file."""
import json
import os
import time

import gdb

shares = []  # of the time of each command that was measured, what gdb's own computing took
order = json.loads(os.environ["GDBVM_BENCH"])
FILL_START = 16 << 20  # of bench64's `mem`
LINE_ROUNDS = 8000  # of its bench_line


class Cannot(Exception):
    pass


def execute(command):
    return gdb.execute(command, to_string=True)


def seconds(*commands):
    start, busy = time.perf_counter(), time.process_time()
    for command in commands:
        execute(command)
    elapsed = time.perf_counter() - start
    shares.append((time.process_time() - busy) / elapsed)
    return elapsed


def value(expression):
    return int(gdb.parse_and_eval(expression))


CONNECT = f"target remote {order['endpoint']}"


def connect():
    execute(CONNECT)


def expect(expression, wanted):
    found = value(expression)
    if found != wanted:
        raise Cannot(f"`{expression}` is {found} in the end, not {wanted}: the guest did not do what was asked")


def stepi(count):
    """In `spin`."""
    connect()
    before, pc = value("counter"), value("$pc")
    length = loop_length()
    elapsed = seconds(f"stepi {count * length}")
    expect("counter", before + count + 1)
    expect("$pc", pc)
    return count * length / elapsed


def loop_length():
    """Instructions in the loop that begins here."""
    start, length = value("$pc"), 0
    while length == 0 or value("$pc") != start:
        execute("stepi")
        length += 1
    return length


def over_the_loop(command, rounds):
    """At bench_line: a command that leads over its loop, of which only so many rounds are left."""
    connect()
    # All breakpoints of gdb's own in debug registers: PVM's guests die of QEMU's software breakpoints.
    execute("set mem inaccessible-by-default off")
    execute(f"mem {value('&bench_hit') & ~0xFFF} {value('&counter') & ~0xFFF} ro")
    start = loop_start()
    while gdb.newest_frame().find_sal().line != gdb.find_pc_line(start).line:
        execute("next")
    while value("$pc") != start:
        execute("stepi")
    length = loop_length()
    execute(f"set var i = {LINE_ROUNDS - rounds}")
    total = value("line_sum")
    elapsed = seconds(command)
    expect("line_sum", total + sum(range(LINE_ROUNDS - rounds, LINE_ROUNDS)))
    return rounds * length / elapsed


def loop_start():
    """The target of the backward jump of this line."""
    frame = gdb.newest_frame()
    code = frame.architecture().disassemble(frame.function().value().address, count=100)
    for row in code:
        words = row["asm"].split()
        if words[0].startswith("j") and int(words[1], 16) < row["addr"]:
            return int(words[1], 16)
    raise Cannot("no loop is found in bench_line")


def false_conditions(count):
    """At `calls`."""
    connect()
    execute(f"hbreak bench_hit if i == {count}")
    elapsed = seconds("continue")
    expect("i", count)
    return count / elapsed


def hits(count):
    connect()
    execute("hbreak bench_hit")
    execute("continue")
    before = value("i")
    elapsed = seconds(f"continue {count}")
    expect("i", before + count)
    return count / elapsed


def attach():
    """Milliseconds until gdb has its prompt back, the guest running before."""
    return 1e3 * seconds(CONNECT, "info threads")


def read(mib):
    connect()
    path = f"{order['folder']}/memory"
    elapsed = seconds(f"dump binary memory {path} {FILL_START} {FILL_START + (mib << 20)}")
    with open(path, "rb") as file:
        content = file.read()
    if len(content) != mib << 20 or content[-8:] != filled(FILL_START + (mib << 20) - 8):
        raise Cannot("what was read is not what the guest has written")
    return mib / elapsed


def filled(address):
    """What `mem` writes at an address."""
    return (address * 0x9E3779B97F4A7C15 & (1 << 64) - 1).to_bytes(8, "little")


def write(mib):
    connect()
    path = f"{order['folder']}/memory"
    content = os.urandom(1 << 20) * mib
    with open(path, "wb") as file:
        file.write(content)
    elapsed = seconds(f"restore {path} binary {FILL_START}")
    end = FILL_START + (mib << 20)
    if bytes(gdb.selected_inferior().read_memory(end - 4096, 4096)) != content[-4096:]:
        raise Cannot("what was written is not there")
    return mib / elapsed


def find(mib):
    """The last quadword."""
    connect()
    end = FILL_START + (mib << 20)
    pattern = int.from_bytes(filled(end - 8), "little")
    elapsed = seconds(f"find /g {FILL_START}, {end - 1}, {pattern}")
    expect("$numfound", 1)
    expect("(unsigned long) $_", end - 8)
    return mib / elapsed


TASKS = {
    "stepi": stepi,
    "over-the-loop": over_the_loop,
    "false-condition": false_conditions,
    "hit": hits,
    "attach": attach,
    "read": read,
    "write": write,
    "find": find,
}


def main():
    arguments = {k: v for k, v in order.items() if k not in ("task", "endpoint", "answer", "folder")}
    execute("set confirm off")
    execute("set pagination off")
    try:
        answer = {"number": TASKS[order["task"]](**arguments), "gdb_share": shares[-1]}
        execute("disconnect")  # batch gdb would kill the VM in the end
    except (Cannot, gdb.error) as error:
        answer = str(error)
    with open(order["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)


main()
