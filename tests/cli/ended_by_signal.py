# SIGTERM, SIGINT and SIGHUP end the VM, held or running; a terminal is as it was before, and Ctrl-A x ends, too.
import fcntl
import pty
import termios

from cli import *

needs_kvm()


def end_by(number, *options):
    vm = start("run", "--gdb", f"unix:{FOLDER}/gdb", *options, "--append", "forever", guest("kernel64"))
    announced(vm)
    vm.send_signal(number)
    vm.communicate(timeout=LIMIT)
    equal(vm.returncode, 128 + number, f"exit status after signal {number}")
    assert not os.path.exists(f"{FOLDER}/gdb"), "the socket is left"


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    end_by(number)
    end_by(number, "--wait")


def on_terminal(act):
    """Runs a guest in a terminal of its own; returns what was said and the exit status."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    vm = start("run", "--gdb", "none", "--append", "forever", guest("kernel64"), stdin=theirs, stdout=theirs,
               stderr=theirs, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    said = read_until(ours, "kernel64: command line")
    assert termios.tcgetattr(theirs) != before, "the terminal is not raw while the guest runs"
    act(vm, ours)
    equal(termios.tcgetattr(theirs), before, "the terminal's settings")
    os.close(ours)
    os.close(theirs)


def ctrl_a(vm, terminal):
    os.write(terminal, b"\x01c")
    read_until(terminal, "Ctrl-A x")
    os.write(terminal, b"\x01x")
    equal(vm.wait(LIMIT), 0, "exit status after Ctrl-A x")


def terminate(vm, terminal):
    vm.terminate()
    equal(vm.wait(LIMIT), 128 + signal.SIGTERM, "exit status after SIGTERM")


on_terminal(ctrl_a)
on_terminal(terminate)
