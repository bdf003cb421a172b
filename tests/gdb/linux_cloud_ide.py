# Debian's cloud kernel, with libata as a module, on an IDE disk, as linux_ide.py.
# gdbvm: linux
# gdbvm: image cloud-vmlinuz
# gdbvm: disk small.ext2
# gdbvm: args -m 256M --initrd {guests}/initramfs-cloud.cpio.gz --drive {disk},if=ide
# gdbvm: append console=ttyS0 nokaslr mitigations=off cryptomgr.notests job=for+module+in+/modules/ide/*;do+insmod+$module;done;mount+/dev/sda+/mnt;cat+/mnt/note;echo+written+by+libata>/mnt/new;umount+/mnt;cat+/proc/interrupts
# gdbvm: requires syscall=yes
# gdbvm: expect-serial (?m)^read from a small disk$
# gdbvm: expect-serial (?m)^ +14: +[1-9]\d* .*14-edge +platform\[pata_legacy
# gdbvm: expect-disk written by libata
# gdbvm: expect-exit 0
# gdbvm: timeout 600
connect()
exits("continue", 0)
