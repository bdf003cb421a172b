# gdbvm: image kernel64
# QEMU's switch to guest-physical addresses.
connect()
stop_at("run_user_program")  # the low half is no longer mapped
virtual = value("(unsigned long)&greeting")
physical = virtual - 0xFFFFFFFF80000000
equal(packet("qqemu.PhyMemMode"), "0")
fails(f"x/xb {physical:#x}", "Cannot access memory")
equal(packet("Qqemu.PhyMemMode:1"), "OK")
equal(packet("qqemu.PhyMemMode"), "1")
matches(execute(f"x/s {physical:#x}"), "hello from kernel64")
execute(f"set {{char}} {physical:#x} = 'j'")
matches(packet(f"m{1 << 40:x},4"), "^E")
equal(packet("Qqemu.PhyMemMode:0"), "OK")
matches(execute(f"x/s {virtual:#x}"), "jello from kernel64")
