# gdbvm: image traps64
# gdbvm: append mmio rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial mmio: 6 accesses, read ffffffff
# Device memory is caught where no device answers, too: reads and writes, behind the instruction.
connect()
stop_at("job_mmio")
number = catch("mmio 0xd0000000", "mmio 0xd0000000")
catch("mmio 0xd0000004", "mmio 0xd0000004")
old = "unknown"
for at in range(1, 4):
    new = f"{at * 0x01000001:#x}"
    caught(number, rf"mmio 0xd0000000 written at {label('written_device'):#x}, 4 bytes: {old} -> {new}")
    equal(pc(), label("written_device"), "pc")
    caught(number, rf"mmio 0xd0000000 read at {label('read_device_done'):#x}, 4 bytes: 0xffffffff")
    equal(pc(), label("read_device_done"), "pc")
    old = "0x[0-9a-f]+"  # the last value seen, which a read saw
said = execute("monitor info catch")
matches(said, rf"(?m)^ *{number} +mmio 0xd0000000, hit 6 times$")
matches(said, r"(?m) mmio 0xd0000004, hit 0 times$")
exits("continue")
