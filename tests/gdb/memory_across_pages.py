# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# Memory by the guest's own paging: across pages, up to the edge of a mapping, and errors that name the address.
connect()
stop_at("user_main")
page = value("(unsigned long)&user_counter") & ~0xFFF
end = page + 0x1000  # behind it nothing is mapped

# Code and data of user mode lie on pages of their own; one read takes both.
whole = peek(page - 16, 32)
equal(whole, peek(page - 16, 16) + peek(page, 16), "bytes on both sides of the border")
image = peek(value("(unsigned long)&user_text_physical") - 0x1000 + 0xFFFFFFFF80000000 + 0xFF0 + 0x1000, 16)
equal(whole[:16], image, "the same bytes at their kernel address")

# A write over the border, and back.
poke(page - 8, "00112233445566778899aabbccddeeff")
equal(peek(page - 8, 16).hex(), "00112233445566778899aabbccddeeff", "what was written")
gdb.selected_inferior().write_memory(page - 8, whole[8:24])

# At the edge: as much as there is, then an error with the address.
equal(len(packet(f"m{end - 4:x},10")), 2 * 4, "digits of a read over the edge")
fails(f"x/2gx {end - 8:#x}", f"Cannot access memory at address {end:#x}")
matches(packet(f"m{end:x},4"), r"^E")
fails(f"print *(int *){end:#x}", "Cannot access memory")
fails(f"set *(int *){end:#x} = 1", "Cannot access memory")
fails(f"set *(long *){end - 4:#x} = -1", "Cannot access memory")
check(peek(end - 4, 4) != b"\xff" * 4, "a refused write wrote a part")
fails("x/x 0x8000000000000000", "Cannot access memory")
execute("delete")
power_off_soon()
exits("continue")
