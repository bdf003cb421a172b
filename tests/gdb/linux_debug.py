# A kernel developer's session: breakpoints in a kernel that is still compressed, its gdb scripts, and steps.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: symbols vmlinux
# gdbvm: args -m 96M --initrd GUESTS/initramfs.cpio.gz --symbols GUESTS/vmlinux.boot
# gdbvm: append console=ttyS0 nokaslr job=insmod+/gdbvm_module.ko
# gdbvm: requires syscall=yes
# gdbvm: expect-serial gdbvm_module: 42 on the shelf
# gdbvm: expect-exit 0
# gdbvm: timeout 400
import os

FOLDER_OF_LINUX = os.path.dirname(IMAGE)
execute(f"source {FOLDER_OF_LINUX}/vmlinux-gdb.py")
# Before the first instruction: nothing of this is in memory yet.
execute("break start_kernel")
execute("break do_sys_openat2")
connect()
check(pc() < 1 << 32, "the guest is not at its first instruction")

hit("continue", 1)
said = execute("backtrace")
matches(said, r"#0  start_kernel \(\) at init/main\.c:\d+")
matches(execute("lx-version"), r"Linux version 6\.1")
execute("delete 1")
# Steps over calls, with everything between interruptible later on.
for _ in range(5):
    execute("next")
equal(function(), "start_kernel", "after five steps")

said = hit("continue", 2)
matches(said, r"do_sys_openat2 \(dfd=-?\d+, filename=0x[0-9a-f]+ \"/.*\", how=(how@entry=)?0x[0-9a-f]+")
said = execute("backtrace")
matches(said, r"do_sys_openat2 \(dfd=-?\d+, filename=0x[0-9a-f]+ .*\) at fs/open\.c:\d+")
matches(said, r"do_syscall_64 \(regs=0x[0-9a-f]+, nr=.*\) at arch/x86/entry/common\.c")
matches(execute("print $lx_current().comm"), r'"(init|sh|busybox)')
matches(execute("lx-ps"), r"0x[0-9a-f]+ +1 +init")
said = execute("lx-dmesg")
matches(said, r"Linux version 6\.1\.\S+-gdbvm")
matches(said, r"Run /init as init process|Unpacking initramfs")

# The timer ticks all along, and no step lands in it.
for _ in range(40):
    execute("stepi")
    name = function() or ""
    check("asm_" not in name and "sysvec" not in name and "irq" not in name, f"a step went to {name}")
execute("finish")
matches(function() or "", r"do_sys_open|__(x64|se|do)_sys_open")
execute("delete 2")

# A module: its symbols come when it does.
execute(f"cd {FOLDER_OF_LINUX}/module")
execute("lx-symbols")
execute("set breakpoint pending on")
execute("break put_on_shelf")
execute("continue")
equal(function(), "put_on_shelf", "the function of the module")
matches(execute("backtrace"), r"put_on_shelf \(items=1\) at .*gdbvm_module\.c:\d+[\s\S]*do_one_initcall")
matches(execute("lx-lsmod"), r"gdbvm_module")
equal(value("shelf"), 41, "the module's variable")
execute("delete")
exits("continue", 0)
