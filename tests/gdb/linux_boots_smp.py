# Linux with two CPUs: as ACPI's MADT tells, and as the MP tables do when ACPI is off.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: append console=ttyS0 job=true
# gdbvm: append console=ttyS0 acpi=off reboot=k job=reboot+-f
# gdbvm: args -m 96M -c 2 --on-reset exit --initrd {guests}/initramfs.cpio.gz
# gdbvm: requires syscall=yes
# gdbvm: expect-serial gdbvm: Linux 6\.1\.\S+-gdbvm is up after \S+ s, CPUs: 2
# gdbvm: expect-exit 0
# gdbvm: timeout 300
connect()
exits("continue", 0)
