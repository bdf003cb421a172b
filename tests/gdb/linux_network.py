# Linux on virtio's network card, entropy device and console: an address by DHCP, the router answers, and all of it is
# typed on hvc0.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: args -m 96M --initrd {guests}/initramfs.cpio.gz --net user,mac=02:00:00:00:00:07 --virtio-rng
# gdbvm: append console=hvc0
# gdbvm: console virtio-console
# gdbvm: requires syscall=yes
# gdbvm: expect-serial address 10\.0\.2\.15, router 10\.0\.2\.2
# gdbvm: expect-serial inet 10\.0\.2\.15/24
# gdbvm: expect-serial 3 packets transmitted, 3 packets received
# gdbvm: expect-serial (?m)^16$
# gdbvm: expect-exit 0
# gdbvm: timeout 240
connect()
answers([
    ("gdbvm# ", "ip link set eth0 up; udhcpc -n -q -i eth0 -s /dhcp; ip addr show eth0\n"),
    ("inet 10(.|\n)*gdbvm# ", "ping -c 3 10.0.2.2\n"),
    ("packets received(.|\n)*gdbvm# ", "dd if=/dev/hwrng bs=16 count=1 | wc -c\n"),
    ("\n16\\s+gdbvm# ", "poweroff -f\n"),
])
exits("continue", 0)
