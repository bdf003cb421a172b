# A shell in Debian's stock cloud kernel, in an initramfs and then on a virtio disk, with its own drivers as modules.
# gdbvm: linux
# gdbvm: image cloud-vmlinuz
# gdbvm: args -m 256M --initrd {guests}/initramfs-cloud.cpio.gz --drive {guests}/root.ext2,if=virtio,snapshot
# gdbvm: append console=ttyS0 nokaslr mitigations=off cryptomgr.notests
# gdbvm: append console=ttyS0 nokaslr mitigations=off cryptomgr.notests root=/dev/vda
# gdbvm: console serial
# gdbvm: requires syscall=yes
# gdbvm: expect-serial (?s)Linux 6\.1\.\S+-cloud-amd64 is up.*gdbvm# \S*mount; echo \$\(\(6 \* 7\)\) is it.*(rootfs|/dev/vda) on / type (rootfs|ext[24]).*\n42 is it\n
# gdbvm: expect-exit 0
# gdbvm: timeout 600
connect()
answers([("gdbvm# ", "mount; echo $((6 * 7)) is it\n"), ("42 is it\\s+gdbvm# ", "poweroff -f\n")])
exits("continue", 0)
