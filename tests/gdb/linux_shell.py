# A shell in our small Linux, in the initramfs and then on a virtio disk: a command typed at its prompt, and gdb in the
# kernel that does it.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: symbols vmlinux
# gdbvm: args -m 96M --initrd {guests}/initramfs.cpio.gz --drive {guests}/root.ext2,if=virtio,snapshot --symbols {guests}/vmlinux.boot
# gdbvm: append console=ttyS0 nokaslr
# gdbvm: append console=ttyS0 nokaslr root=/dev/vda
# gdbvm: console serial
# gdbvm: requires syscall=yes
# gdbvm: expect-serial (?s)gdbvm# \S*cat /proc/meminfo.*\nMemTotal: .*gdbvm# \S*mount; echo \$\(\(6 \* 7\)\) is it.*(rootfs|/dev/vda) on / type (rootfs|ext[24]).*\n42 is it\n
# gdbvm: expect-serial reboot: Power down
# gdbvm: expect-exit 0
# gdbvm: timeout 240
import os

connect()
execute("break meminfo_proc_show")
left = answers([("gdbvm# ", "cat /proc/meminfo\n")])
hit("continue", 1)
equal(left, [], "what was to be typed at the prompt")
matches(execute("backtrace"), r"meminfo_proc_show \(.*\n(.*\n)*.*(seq|proc_reg|vfs)_read.*\n(.*\n)*.*do_syscall_64 ")
execute(f"source {os.path.dirname(IMAGE)}/vmlinux-gdb.py")
matches(execute("print $lx_current().comm"), '"cat')
execute("delete")

answers([("MemFree(.|\n)*gdbvm# ", "mount; echo $((6 * 7)) is it\n"), ("42 is it\\s+gdbvm# ", "poweroff -f\n")])
exits("continue", 0)
