# The module `gdbvm` inside gdb: what each of its functions does, and what it says when that does not hold.
from runner import *

needs_kvm()
# Reads the serial line and echoes it; `!` ends it by the debug exit port.
ECHO = bytes.fromhex("bafd03 ec a801 74fb baf803 ec ee 3c21 75ef b000 e6f4 f4 ebfd")
echo = file("echo", ECHO.ljust(510, b"\0") + b"\x55\xaa")
test("echo.py", r"""
    from gdbvm import *
    equal(serial(), "")
    send(b"hello", b" world\r\n")
    equal(serial().wait_for("wor+ld$"), "hello world\n")
    check(value("$pc") < 0x7c20, "it stands")
    before = value("$pc")
    serial().wait_for("hello")  # which is there
    equal(value("$pc"), before)
    send(b"!")
    run_to_end(1)
    equal(serial(), "hello world\n!")
    """, image=echo, expect_exit="1")  # fmt: skip
test("keys.py", """
    from gdbvm import *
    send("shift-a", "up")
    stop_at("key_seen", "last_scan_code == 0x9e")
    expect("last_scan_code", 0x9E)
    matches(monitor("screen"), "2a 1e")
    serial().wait_for("2a 1e 9e aa e0 48")
    send("esc")
    run_to_end()
    """, image="legacy32", append="keys", expect_exit="0")  # fmt: skip
test("values.py", r"""
    import re
    from gdbvm import *
    stop_at("count_once")
    equal(type(value("counter")), int)
    equal(value("greeting"), "hello from kernel64")
    equal(value("(char)65 == 'A'"), 1)
    equal(value("1.5 * 2"), 3.0)
    check(str(value("*current_task")["name"].string()), "a task has a name")
    check(value("current_task") > 0xffffffff80000000, "a pointer")
    expect("counter", 0)
    expect("counter + 1")
    expect("greeting", "hello from kernel64")
    expect("*current_task", re.compile(r'name = 0x\w+ "\w+"'))
    run_until("counter >= 2")
    expect("counter >= 2")
    run_until("counter >= 2")
    equal(go("next").how, "other")
    reset()
    expect("$pc == (long)&pvh_entry")
    equal(go("stepi").how, "other")
    stop = go()
    equal((stop.how, stop.status), ("ended", 0))
    """, image="kernel64", append="ticks=30")  # fmt: skip
test("looked_at.py", """
    from gdbvm import *
    stop = go()
    equal((stop.how, stop.signal), ("crashed", "SIGSEGV"))
    matches(stop.text, "^crashed: triple fault at 0x")
    """, image="kernel64", append="triple")  # fmt: skip
test("halts.py", "from gdbvm import *\nequal(go().how, 'halted')\nreset()\nrun_to_end()\n", image="halt16")

wrong = {}


def fails(name, pattern, text, **header):
    test(f"wrong/{name}.py", f"import re\nfrom gdbvm import *\n{text}\n", **({"image": "kernel64", "append": "ticks=10"} | header))
    wrong[f"wrong/{name}"] = pattern


fails("expect", r"`speed`: expected 2, found 1$", "stop_at('kernel_main')\nexpect('speed', 2)")
fails("expect_true", r"`speed > 1`: expected it to be true, found 0$", "stop_at('kernel_main')\nexpect('speed > 1')")
fails("expect_text", r"`greeting`: expected 'hallo', found 'hello from kernel64'$", "stop_at('kernel_main')\nexpect('greeting', 'hallo')")
fails("expect_pattern", r"`\(char\)65`: expected 'B' in \"65 'A'\"$", "expect('(char)65', re.compile('B'))")
fails("equal", r"place: expected 16 \(0x10\), found 17 \(0x11\)$", "equal(17, 16, 'place')")
fails("matches", r"expected 'b\+' in:\naaa$", "matches('aaa', 'b+')")
fails("run_until", r"expected `counter > 10000` to become true: the guest ended with exit status 0$",
      "stop_at('kernel_main')\nrun_until('counter > 10000')", requires="data-watchpoints")  # fmt: skip
fails("run_to_end", r"expected the guest to end with exit status 0: it stopped at breakpoint 1 at 0x\w+ in kernel_main$",
      "execute('break kernel_main')\nrun_to_end()")  # fmt: skip
fails("wait_for_too_long", r"expected 'never' on the console; waited 0.2 seconds. It ends with:\n",
      "serial().wait_for('never', seconds=0.2)", append="forever")  # fmt: skip
fails("wait_for_ended", r"expected 'never' on the console; the guest ended with exit status 0. It ends with:\n(.*\n)*.*power off",
      "serial().wait_for('never')")  # fmt: skip
fails("send_key", r"send\('hyper-a'\): `hyper` is no key.* \(bytes go to the serial line\)$", "send('hyper-a')")
fails("send_bytes", r"send: expected room for 200000 bytes, found \d+: the guest does not read them$", "send(bytes(200000))")
fails("monitor", r"`monitor frobnicate`: unknown command", "monitor('frobnicate')")
found = results("-j", "3", TESTS)
equal({name: row["problems"] for name, row in found.items() if row["verdict"] == "failed" and name not in wrong}, {}, "failed")
for name, pattern in wrong.items():
    if not found[name]["skipped"]:
        equal(len(found[name]["problems"]), 1, f"problems of {name}")
        matches(found[name]["problems"][0]["text"], rf"^/.*/{name}.py:\d+: {pattern}")
none_left()
