# Linux on two CPUs with its root on a virtio disk, and with all the other virtio devices, as ACPI announces them; then without ACPI,
# where the kernel's command line does.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: append console=ttyS0 root=/dev/vda rw init=/init job=cat+/proc/mounts+/proc/interrupts+/sys/class/misc/hw_random/rng_current
# gdbvm: append console=ttyS0 acpi=off reboot=k root=/dev/vda rw init=/init job=cat+/proc/mounts+/proc/interrupts+/sys/class/misc/hw_random/rng_current;echo+written>/file;sync;cat+/file;reboot+-f
# gdbvm: args -m 96M -c 2 --drive {guests}/root.ext2,if=virtio,snapshot --virtio-console file:/dev/null --virtio-rng --on-reset exit
# gdbvm: requires syscall=yes
# gdbvm: expect-serial gdbvm: Linux 6\.1\.\S+-gdbvm is up after \S+ s, CPUs: 2
# gdbvm: expect-serial (?m)^/dev/(root|vda) / ext[24] rw
# gdbvm: expect-serial (?m)^ +5: (?=.* [1-9]).*virtio0$
# gdbvm: expect-serial virtio_rng\.0
# gdbvm: expect-exit 0
# gdbvm: timeout 300
connect()
exits("continue", 0)
