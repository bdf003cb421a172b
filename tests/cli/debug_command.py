# `gdbvm debug` brings its own gdb: attached, with symbols where there are some, and the VM ends with it.
from cli import *

needs_kvm()


def debug(image, *commands, options=()):
    words = [word for command in commands for word in ("-ex", command)]
    return run("debug", *options, image, "--", "-nx", "-batch", *words, stderr=subprocess.STDOUT)


status, out, _ = debug(guest("kernel64"), "info registers rip", "break kernel_main", "continue", "bt")
equal(status, 0, f"exit status; {out}")
matches(out, r"pvh_entry \(\)(.*\n)+rip +0x.*<pvh_entry>(.*\n)+.*Breakpoint 1, kernel_main(.*\n)+#0 +kernel_main")

status, out, _ = debug(guest("hello16"), "x/2i $pc", "break *0x7c05", "continue")
equal(status, 0, f"exit status; {out}")
matches(out, r"=> 0x7c00:\s+ljmp +\$0x0,\$0x7c05(.*\n)+.*Breakpoint 1, 0x0*7c05")

symbols = ("--symbols", guest("hello16.elf"))
status, out, _ = debug(guest("hello16"), "break print_number", "continue", "bt", options=symbols)
equal(status, 0, f"exit status; {out}")
matches(out, r"Breakpoint 1, print_number(.*\n)+#1 .*print_countdown")

status, out, _ = debug(guest("protected32"), "break fibonacci if n == 7", "continue", "p n", "delete", "continue")
equal(status, 0, f"exit status; {out}")
matches(out, r"Breakpoint 1, fibonacci \(n=7\)(.*\n)+\$1 = 7(.*\n)+.*fibonacci\(10\) = 55(.*\n)+.*exited normally")

# The guest ends well; the script fails behind it.
status, out, _ = debug(guest("hello16"), "continue", "no-such-command")
equal(status, 1, f"exit status; {out}")
matches(out, r"exited normally(.*\n)+.*Undefined command")

# A gdb that cannot be started is told in one line.
status, out, err = run("debug", guest("kernel64"), env=dict(os.environ, GDB="/does/not/exist"))
equal((status, out), (2, ""), "without gdb")
matches(err, r"^gdbvm: cannot start /does/not/exist: .*install gdb.*\n$")
