# What each key of the header does to a run that passes, or is skipped.
from runner import *

needs_kvm()
test("commands.gdb", """\
    break kernel_main
    commands
      silent
      printf "at main, speed %d\\n", speed
    end
    break panic
    continue
    print counter
    delete 1
    continue
    """, image="kernel64", append="ticks=5", may_miss=["never", "^pan"], expect_exit="0", expect_serial=["kernel64", "5 ticks: power off"],
    expect_gdb=[r"^at main, speed 1$", r"^\$\d = 0$", "exited normally"])  # fmt: skip
test("memory_and_cpus.gdb", "monitor info cpus\ncontinue\n", image="protected32", memory="32M", cpus="2",
     expect_gdb="CPU 1: ", expect_serial="0001f00000 usable")  # fmt: skip
test("modules.gdb", "continue\n", image="protected32", initrd="hello16", module="halt16 with words", expect_serial="with words")
test("symbols.gdb", "break print_number if $ax < 10\ncontinue\nbacktrace\n", image="hello16", symbols="hello16.elf",
     expect_gdb="#2 .* in print_countdown")  # fmt: skip
test("quit.gdb", "tbreak *0x7c05\ncontinue\nquit\nprint nonsense\n", image="hello16")
test("running.py", "from gdbvm import *\nserial().wait_for('counter')\n", image="kernel64", append="forever", running="")
test("connects.py", """\
    from gdbvm import *
    equal(gdb.selected_thread(), None)
    matches(connect("extended-remote"), "pvh_entry")
    """, image="kernel64", connect="no")  # fmt: skip
test("extended.gdb", "set remote exec-file kernel64\nstarti\n", image="kernel64", connect="extended-remote", expect_gdb="Program stopped")
test("debug_exit.gdb", "continue\n", image="protected32", append="exit=5", expect_exit="11")
test("crash.gdb", "continue\n", image="kernel64", append="triple", expect_crash=r"triple fault at 0xffffffff80\w+")
test("own_folder.py", """\
    import os
    from gdbvm import *
    check(os.path.samefile(os.environ["TMPDIR"], FOLDER), "TMPDIR")
    check(os.path.basename(IMAGE) == "hello16", IMAGE)
    import beside
    equal(os.path.realpath(os.getcwd()), os.path.realpath(os.path.dirname(__file__)))
    """, image="hello16", args="--log-file '{folder}/a log'")  # fmt: skip
test("beside.py", "")
test("console.gdb", "continue\n", image="virtio64", console="virtio-console", expect_serial="virtio", args="--serial none")
test("skip_if.gdb", "", image="hello16", skip_if=["false", "test -e kernel64"])
test("skip_if_not.gdb", "", image="hello16", skip_if="false")
test("requires.gdb", "", image="hello16", requires="single-step=never")
test("requires_not.gdb", "", image="hello16", requires="single-step")
test("firmware.gdb", "", firmware="/does/not/exist/bios.bin")
test("skips.py", "from gdbvm import *\nskip('not today')\n", image="hello16")

# Drives: what a test writes is dropped, or goes to its copy.
scratch = file("scratch", b"before" + bytes(64 * 1024 - 6))
drives = {"image": guest("legacy32"), "append": "drives write", "expect_exit": "0"}
test("crash_seen.py", "from gdbvm import *\nequal(go().how, 'crashed')\n", image="kernel64", append="triple", expect_crash="triple fault")
test("drive.gdb", "continue\n", **drives, drive=scratch, expect_serial="written")
test("drive_copy.gdb", "continue\n", **drives, disk=scratch, args="--drive {disk}", expect_disk=r"\A(?!before)", expect_serial="written")

found = results("-j", "3", TESTS)
skipped = {
    "skip_if": "skip-if: test -e kernel64",
    "requires": "needs single-step=never, this host has yes: `stepi` works",
    "firmware": "there is no /does/not/exist/bios.bin",
    "skips": "not today",
}
equal({name: row["skipped"] for name, row in found.items() if row["verdict"] == "skipped"}, skipped, "skipped")
equal({name: row["problems"] for name, row in found.items() if row["verdict"] == "failed"}, {}, "failed")
equal(len(found), len(os.listdir(TESTS)) - 1, "results")
with open(scratch, "rb") as disk:
    equal(disk.read(6), b"before", "the drive itself")

# Paths start at the test where there is no --root; -D overrides, with paths of its own.
os.symlink(guest("hello16"), f"{TESTS}/beside.img")
path = test("beside.gdb", "monitor info cpus\n", image="beside.img", args="--cpus 2", expect_gdb="CPU 1")
command = [*RUNNER[1:], path]
equal(run(*command, program=RUNNER[0], env=ENVIRONMENT)[0], 0, "exit status")
equal(run(*command, "-D", "args=--cpus 1", program=RUNNER[0], env=ENVIRONMENT)[0], 1, "exit status")
os.symlink(guest("hello16"), f"{FOLDER}/here.img")
equal(run(*command, "-D", "image=here.img", program=RUNNER[0], env=ENVIRONMENT, cwd=FOLDER)[0], 0, "exit status")

# Where all are skipped, that is the exit status; one that passes makes it 0.
status, out, _ = gdbvm_test("-j", "1", f"{TESTS}/skips.py", f"{TESTS}/firmware.gdb")
equal(status, 77, "exit status")
matches(out, r"(?m)^SKIPPED: skips: not today\nSKIPPED: firmware: there is no /does/not/exist/bios.bin\n0 passed, 0 failed, 2 skipped in ")
equal(gdbvm_test(f"{TESTS}/skips.py", f"{TESTS}/requires_not.gdb")[0], 0, "exit status")
none_left()
