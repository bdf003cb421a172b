# Linux as its build makes it, and as an ELF file by PVH, from the first instruction to its power-off: the initramfs, the
# command line, ACPI, the serial line's interrupts and both clocks must be right for that.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: image vmlinux.boot
# gdbvm: args -m 96M --initrd GUESTS/initramfs.cpio.gz
# gdbvm: append console=ttyS0 job=cat+/proc/interrupts
# gdbvm: requires syscall=yes
# gdbvm: expect-serial gdbvm: Linux 6\.1\.\S+-gdbvm is up after \S+ s, CPUs: 1
# gdbvm: expect-serial (?m)^ +4: +\d+ +IO-APIC +4-edge +ttyS0
# gdbvm: expect-serial ACPI: PM: .*S5
# gdbvm: expect-exit 0
# gdbvm: timeout 240
connect()
exits("continue", 0)
