# gdbvm: image virtio64
# gdbvm: args --drive {guests}/protected32,if=virtio,snapshot --virtio-console pty --virtio-rng
# gdbvm: expect-exit 0
# gdbvm: expect-serial (?s)3 devices.*read, status 0: 7f 45 4c .*written, status 0.*flushed, status 0.*beyond the end, status 1
# gdbvm: expect-serial (?s)console: greeted.*entropy: 16 bytes: [0-9a-f ]{47}\n.*virtio64: done
# A driver of virtio devices at work: breakpoints in it, and watchpoints that see what a device writes into memory.
connect()
said = execute("monitor info devices")
matches(said, r"mmio d0000000-d0000fff  virtio block\nmmio d0001000-d0001fff  virtio console\nmmio d0002000-d0002fff  virtio entropy")
stop_at("job_block")
execute("watch sector[1]")
number = gdb.breakpoints()[-1].number
hit("continue", number)
equal(function(), "offer")  # behind the store that notified the device
equal(peek(label("sector"), 4), b"\x7fELF")
hit("continue", number)
equal(function(), "job_block")  # the guest inverts the sector
execute("delete")
execute("break offer if queue == 1")
execute("continue")
equal(function(), "offer")
matches(execute("p *buffers"), "length = 16")
execute("delete")
execute("watch random_bytes")
hit("continue", gdb.breakpoints()[-1].number)
equal(function(), "offer")
check(peek(label("random_bytes"), 16) != bytes(16), "no random bytes")
execute("delete")
stop_at("power_off")
for at in range(3):
    check(value(f"devices[{at}].interrupts") > 0, f"device {at} never interrupted")
exits("continue")
