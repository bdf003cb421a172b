# gdbvm: image legacy32
# gdbvm: append small_print
# gdbvm: args --drive {guests}/hello16,snapshot --drive {guests}/protected32,snapshot
# gdbvm: expect-exit 0
# What 32-bit teaching kernels take for granted of a PC, as such a guest finds it.
connect()
stop_at("small_print_read")


def fact(name):
    return value(f"small_print.{name}")


equal(fact("keyboard_status") & 2, 0, "the keyboard controller's input buffer is never full")
equal([fact(f"output_port[{i}]") & 2 for i in range(2)], [2, 2], "A20 by D1 and DF")
equal(fact("shutdown_byte"), 0x0A)
equal(fact("warm_reset"), 0xF0008000)
equal(peek(0x467, 4), b"\x00\x80\x00\xf0", "the vector at 40:67")
equal(fact("io_apic"), fact("mp_io_apic"), "the I/O APIC's id, and the MP table's")
equal(fact("local_apic"), 0)
check(fact("local_apic_version") in range(0x10, 0x16), "an integrated local APIC")
equal(fact("last_word"), 0x600DF00D, "the last word of 224 MiB")
equal(peek((224 << 20) - 4, 4), b"\x0d\xf0\x0d\x60")
equal(fact("drive_interrupts"), 4, "one for each command")
exits("continue")
