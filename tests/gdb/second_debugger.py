# gdbvm: image bench64
# gdbvm: local
# One debugger at a time: a second hears why it is refused, and the first goes on undisturbed.
import subprocess

connect()
stop_at("spin")


def second_gdb():
    command = ["gdb", "-nx", "-nh", "-batch", "-ex", f"target remote {ENDPOINT}"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, **pipes, text=True, timeout=60).stdout


matches(second_gdb(), "another debugger is attached")
interrupted(after=0.01)
matches(second_gdb(), "another debugger is attached")
before = value("counter")
execute("detach")
matches(second_gdb(), "spin|0x")
connect()
check(value("counter") >= before, "counter")
