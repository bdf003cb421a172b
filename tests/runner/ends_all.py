# However the runner is ended, its VMs and gdbs are gone, and their folders but for SIGKILL.
import time

from runner import *

needs_kvm()
CHILD = "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n"
test("runs.py", CHILD + "import gdb\ngdb.execute('continue')\n", image="bench64")
test("stands.py", CHILD + "import time\ntime.sleep(1000)\n", image="bench64")
test("detaches.gdb", "detach\n", image="bench64", expect_exit="0")


def wait_for(condition, what):
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.05)
    return found


def interrupted(number, status):
    """A runner with all of them under way gets this signal."""
    runner = start_runner("-j", "3", TESTS)
    wait_for(lambda: sum("sleep 1000" in command for command in left_running().values()) == 2, "the tests' children")
    equal(sum("gdbvm run" in command for command in left_running().values()), 3, "VMs")
    runner.send_signal(number)
    out, err = runner.communicate(timeout=LIMIT)
    equal((runner.returncode, err), (status, ""), f"exit status and errors after {number}; {out}")
    return out


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    matches(interrupted(number, 128 + number), r"^0 passed, 0 failed, 0 skipped in")
    none_left()

# SIGKILL gives it no chance: the kernel ends what it has started.
interrupted(signal.SIGKILL, -signal.SIGKILL)
wait_for(lambda: not [command for command in left_running().values() if "sleep 1000" not in command], "their end")
for pid in left_running():
    os.kill(pid, signal.SIGKILL)
for folder in os.listdir(ENVIRONMENT["TMPDIR"]):
    shutil.rmtree(f"{ENVIRONMENT['TMPDIR']}/{folder}")

# Who reads what it says goes away: it ends like other filters.
runner = start_runner("-j", "1", test("quick.gdb", "", image="hello16"), test("slow.gdb", "continue\n", image="bench64"))
runner.stdout.close()
equal(runner.wait(LIMIT), 141, "exit status")
equal(runner.stderr.read(), "", "standard error")
none_left()
