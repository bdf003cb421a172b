# Twelve breakpoints, more than there are debug registers, set before the first instruction of a compressed kernel: its
# decompressor reads, copies and overwrites the places where they lie, and must not see a trap of ours.
# gdbvm: linux
# gdbvm: image bzImage
# gdbvm: symbols vmlinux
# gdbvm: args -m 96M --initrd {guests}/initramfs.cpio.gz --symbols {guests}/vmlinux.boot
# gdbvm: append console=ttyS0 nokaslr job=true
# gdbvm: requires syscall=yes
# gdbvm: expect-exit 0
# gdbvm: timeout 240
PLACES = ["start_kernel", "setup_arch", "console_init", "rest_init", "kernel_init", "populate_rootfs", "load_elf_binary",
          "do_sys_openat2", "vfs_write", "ksys_read", "do_exit", "kernel_power_off"]

connect()
addresses = {name: label(name) for name in PLACES}
for name in PLACES:
    execute(f"tbreak *{addresses[name]:#x}")
seen = []
while len(seen) < len(PLACES):
    execute("continue")
    check(isinstance(last_event(), gdb.BreakpointEvent), f"stopped with {last_event()} at {pc():#x}")
    seen.append(next(name for name, address in addresses.items() if address == pc()))
    if len(seen) > 1:
        continue
    equal(seen[0], "start_kernel", "the first one")
    # The decompressor moves the kernel down by 2 MiB, over the places.
    places = [at for address in addresses.values() for at in (address, address - 0x200000) if at >= label("_text")]
    found = [peek(at, 4) for at in places]
    execute("set trust-readonly-sections on")
    equal(found, [peek(at, 4) for at in places], "the code at and below the places")
    execute("set trust-readonly-sections off")
exits("continue", 0)
