# Linux on the PC's own screen and keyboard: a command typed with `monitor sendkey`, its answer on `monitor screen`.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: symbols vmlinux
# gdbvm: args -m 96M --initrd {guests}/initramfs.cpio.gz --symbols {guests}/vmlinux.boot
# gdbvm: append console=ttyS0 console=tty0 nokaslr
# gdbvm: requires syscall=yes
# gdbvm: expect-exit 0
# gdbvm: timeout 240
NAMES = {" ": "spc", "/": "slash", "-": "minus", ".": "dot", "\n": "ret"}


def type_line(text):
    for character in text + "\n":
        execute(f"monitor sendkey {NAMES.get(character, character)}")


def to_prompt():
    """The shell waits for a line: the last thing that its console does before it reads."""
    execute("tbreak n_tty_read")
    execute("continue")
    equal(function(), "n_tty_read")


connect()
to_prompt()
matches(execute("monitor screen"), r"gdbvm: Linux 6\.1\.\S+-gdbvm is up(.|\n)*gdbvm#\n")
type_line("cat /proc/loadavg")
execute("break loadavg_proc_show")
number = gdb.breakpoints()[-1].number
hit("continue", number)
execute("delete")
to_prompt()
matches(execute("monitor screen"), r"gdbvm# cat /proc/loadavg\n[0-9.]+ [0-9.]+ ")
type_line("poweroff -f")
exits("continue", 0)
