# Each kind of failure is told as what it is, with the line of the test where there is one; nothing is left running.
from runner import *

needs_kvm()
KERNEL = {"image": "kernel64", "append": "ticks=10"}
FOREVER = {"image": "bench64", "append": "spin", "timeout": "20"}  # enough for gdb to be there, however busy the host
expected = {}  # test → (kind, pattern of the first problem)


def fails(name, kind, pattern, text, **header):
    test(name, text, **header)
    expected[name] = (kind, pattern)


fails("never_hit.gdb", "breakpoint-never-hit", r"^never hit: breakpoint 2 \(`panic`\): the guest ended with exit status 0$", """\
    break kernel_main
    break panic
    continue
    continue
    """, **KERNEL)  # fmt: skip
fails("never_hit_and_error.gdb", "breakpoint-never-hit", r"`panic if \$pc != 0`", "break panic if $pc != 0\ncontinue\nstepi\n", **KERNEL)
fails("never_hit_in_time.gdb", "breakpoint-never-hit", r"`memory_filled`\): time ran out after 20 s", "break memory_filled\ncontinue\n", **FOREVER)
fails("never_hit_halted.gdb", "breakpoint-never-hit", r"\(`\*0x7c10`\): the guest halted for ever at 0x7c", "break *0x7c10\nc\n", image="halt16")
fails("never_hit.py", "breakpoint-never-hit", r"py:5: `panic` was never hit: the guest ended with exit status 0$", """\
    import gdbvm

    gdbvm.stop_at("panic")
    """, **KERNEL)  # fmt: skip
fails("never_hit_by_gdb.py", "breakpoint-never-hit", r"breakpoint 1 \(`panic`\)", """\
    import gdb
    gdb.Breakpoint("panic")
    gdb.execute("continue")
    """, **KERNEL)  # fmt: skip
fails("crash.gdb", "guest-crash", r"^the guest crashed: triple fault at 0xffffffff80\w+ \(long-64, CPL 0\)", """\
    continue
    continue
    print no_such_thing
    """, image="kernel64", append="triple")  # fmt: skip
fails("crash.py", "guest-crash", r"py:4: `panic` was never hit: the guest crashed: triple fault",
      "from gdbvm import *\nstop_at('panic')\n", image="kernel64", append="triple")  # fmt: skip
fails("crash_exits.gdb", "guest-crash", r"^the guest crashed: triple fault", "continue\n",
      image="kernel64", append="triple", args="--on-triple-fault exit")  # fmt: skip
fails("crash_behind.gdb", "guest-crash", r"^the guest crashed behind the test's end: triple fault", "detach\n",
      image="kernel64", append="triple", expect_exit="0")  # fmt: skip
fails("other_crash.gdb", "guest-crash", r"^expect-crash: expected 'double fault', found: crashed: triple fault", "continue\n",
      image="kernel64", append="triple", expect_crash="double fault")  # fmt: skip
fails("no_crash.gdb", "expectation", r"^expect-crash: expected a crash that matches 'triple', found none", "continue\n",
      **KERNEL, expect_crash="triple")  # fmt: skip
fails("emulation.gdb", "guest-crash", r"this host's KVM cannot execute the instruction at .* f3 48 0f b8 c0", """\
    tbreak count_once
    continue
    set {char[5]}$pc = {0xf3, 0x48, 0x0f, 0xb8, 0xc0}
    continue
    """, **KERNEL, requires="int3-kernel-mode=emulation failure")  # fmt: skip
fails("gdb_error.gdb", "gdb-error", r'/gdb_error.gdb:4: No symbol "no_such_thing" in current context.$',
      "print 1\nprint no_such_thing\ncontinue\n", **KERNEL)  # fmt: skip
fails("gdb_error_in_function.gdb", "gdb-error", r'function.gdb:6: .*No symbol "nonsense"', """\
    define look
      print nonsense
    end
    look
    """, **KERNEL)  # fmt: skip
fails("unknown_function.gdb", "gdb-error", r'gdb:3: Function "kernel_mian" not defined', "break kernel_mian\ncontinue\n", **KERNEL)
fails("gdb_error.py", "gdb-error", r'gdb_error.py:4: No symbol "no_such_thing"',
      "from gdbvm import *\nexpect('no_such_thing', 3)\n", **KERNEL)  # fmt: skip
fails("quits.gdb", "gdb-error", "the test left gdb with status 3", "quit 3\n", **KERNEL)
fails("exception.py", "python-exception", r"/exception.py:3: ZeroDivisionError: division by zero", """\
    def divide():
        return 1 / 0


    divide()
    """, image="kernel64")  # fmt: skip
fails("syntax.py", "python-exception", r"SyntaxError: ", "def (:\n", **KERNEL)
fails("exits.py", "python-exception", "the test ended with 'enough'", "import sys\nsys.exit('enough')\n", **KERNEL)
fails("exception.gdb", "python-exception", r"exception.gdb:\d+: ValueError: odd", "python\nraise ValueError('odd')\nend\n", **KERNEL)
fails("exception_in_handler.py", "python-exception", r"^KeyError: .*kaput", """\
    from gdbvm import *


    def handler(event):
        raise KeyError("kaput")


    gdb.events.stop.connect(handler)
    stop_at("kernel_main")
    """, **KERNEL)  # fmt: skip
fails("expectation.py", "expectation", r"expectation.py:5: `counter`: expected 12 \(0xc\), found 0$",
      "from gdbvm import *\nstop_at('kernel_main')\nexpect('counter', 12)\n", image="kernel64", tags="x")  # fmt: skip
fails("elsewhere.py", "expectation", r"`panic` was never hit: the guest stopped at breakpoint 1 at 0x\w+ in kernel_main$",
      "from gdbvm import *\nexecute('break kernel_main')\nstop_at('panic')\n", **KERNEL)  # fmt: skip
fails("serial.gdb", "expectation", r"expect-serial: expected 'kernel64' in the console behind 'power off'; found, at its end:\n(.*\n)*.*power off$",
      "continue\n", **KERNEL, expect_serial=["power off", "kernel64"])  # fmt: skip
fails("said.gdb", "expectation", r"expect-gdb: expected 'three' in what gdb said; found, at its end:\n(.*\n)*two\n",
      "echo two\\n\nif 0\n  echo three\nend\n", **KERNEL, expect_gdb=["two", "three"])  # fmt: skip
fails("echo.gdb", "expectation", r"expect-gdb: expected 'set var speed'", "tbreak kernel_main\ncontinue\nset var speed = 2\n", **KERNEL, expect_gdb="set var speed")
fails("disk.gdb", "expectation", r"expect-disk: expected 'no such text'", "tbreak *0x7c05\nc\n",
      image="hello16", disk="hello16", args="--drive {disk}", expect_disk="no such text")  # fmt: skip
fails("time_out.gdb", "time-out", r"^time ran out after 20 s, while the guest ran$", "continue\n", **FOREVER)
fails("time_out.py", "time-out", r"^time ran out after 20 s, while the guest stood$", "import time\ntime.sleep(1000)\n", **FOREVER)
fails("exit_status.gdb", "exit-status", r"^the guest ended with exit status 11: where that is right, say `expect-exit 11`$",
      "continue\n", image="protected32", append="exit=5")  # fmt: skip
fails("expect_exit.gdb", "exit-status", r"^expected exit status 13, found 11$", "continue\n",
      image="protected32", append="exit=5", expect_exit="13")  # fmt: skip
fails("still_runs.gdb", "exit-status", r"^expected exit status 0, but the VM still runs$", "detach\n", **FOREVER, expect_exit="0")
fails("to_end.py", "exit-status", r"py:4: expected the guest to end with exit status 0: it ended with exit status 11$",
      "from gdbvm import *\nrun_to_end()\n", image="protected32", append="exit=5")  # fmt: skip
fails("no_image.gdb", "vm-not-started", r"/no-such-image: no such file$", "continue\n", image="no-such-image")
fails("bad_image.gdb", "vm-not-started", r"^the VM did not start \(exit status 2\): .*no such probe|^the VM did not start",
      "continue\n", image="hello16", args="--format elf")  # fmt: skip
fails("bad_words.gdb", "vm-not-started", r"^the VM did not start \(exit status 2\): .*frobnicate", "continue\n",
      image="hello16", args="--frobnicate")  # fmt: skip
fails("unknown_probe.gdb", "vm-not-started", r"^requires luck: `gdbvm host` knows int3-real-mode,", "", image="hello16", requires="luck")
fails("vm_dies.py", "vm-died", r"^gdbvm was killed by SIGKILL: ", """\
    import os
    from gdbvm import *
    os.kill(int(os.environ["GDBVM_TEST_PID"]), 9)
    execute("continue")
    """, **KERNEL)  # fmt: skip
fails("gdb_dies.py", "gdb-died", r"^gdb was killed by SIGSEGV before the test's end", "import os\nos.kill(os.getpid(), 11)\n", **KERNEL)
fails("gdb_leaves.py", "gdb-died", r"^gdb ended with exit status 0 before the test's end", "import os\nos._exit(0)\n", **KERNEL)
fails("talks.py", "too-much-output", r"^gdb's output has more than 64 MiB$", """\
    while True:
        print("x" * 100000)
    """, **FOREVER | {"timeout": "100"})  # fmt: skip
fails("leaves_child.py", "expectation", "left", """\
    import subprocess
    from gdbvm import *
    subprocess.Popen(["sleep", "1000"])
    check(False, "left")
    """, **KERNEL)  # fmt: skip
test("child_stays.py", "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n", **KERNEL)

found = {os.path.basename(row["file"]): row for row in results("-j", "5", TESTS).values()}
wrong = []
for name, (kind, pattern) in expected.items():
    row = found[name]
    first = row["problems"][0] if row["problems"] else {"kind": row["verdict"], "text": row["skipped"]}
    if first["kind"] != kind or not re.search(pattern, first["text"]):
        if not row["skipped"]:
            wrong.append(f"{name}: expected {kind}, {pattern!r}; found {first['kind']}: {first['text']}")
equal(wrong, [], "wrong")
equal(found["child_stays.py"]["verdict"], "passed")

# A gdb that cannot run tests.
crippled = file("gdb", b"#!/bin/sh\necho Python scripting is not supported in this copy of GDB.\nexit 1\n")
os.chmod(crippled, 0o700)
problem = results("--gdb-path", crippled, f"{TESTS}/said.gdb")["said"]["problems"][0]
equal(problem, {"kind": "gdb-died", "text": "this gdb has no Python, which tests need: give another by --gdb-path"})
none_left()
