# Debian's stock cloud kernel, unmodified.
# gdbvm: linux
# gdbvm: image cloud-vmlinuz
# gdbvm: args -m 256M --initrd GUESTS/initramfs-cloud.cpio.gz
# gdbvm: append console=ttyS0 nokaslr mitigations=off cryptomgr.notests job=cat+/proc/version
# gdbvm: requires syscall=yes
# gdbvm: expect-serial gdbvm: Linux 6\.1\.\S+-cloud-amd64 is up
# gdbvm: expect-exit 0
# gdbvm: timeout 600
connect()
exits("continue", 0)
