# Linux's libata on an IDE disk: its file system is read and written, and the file here has what was written.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: disk small.ext2
# gdbvm: args -m 96M --initrd {guests}/initramfs.cpio.gz --drive {disk},if=ide
# gdbvm: append console=ttyS0 job=mount+/dev/sda+/mnt;cat+/mnt/note;echo+written+by+libata>/mnt/new;umount+/mnt;cat+/proc/interrupts
# gdbvm: requires syscall=yes
# gdbvm: expect-serial (?m)^read from a small disk$
# gdbvm: expect-serial (?m)^ +14: +[1-9]\d* .*14-edge +platform\[pata_legacy
# gdbvm: expect-disk written by libata
# gdbvm: expect-exit 0
# gdbvm: timeout 240
connect()
exits("continue", 0)
