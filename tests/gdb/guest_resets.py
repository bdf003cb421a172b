# gdbvm: image protected32
# gdbvm: expect-exit 0
# gdbvm: expect-serial (Hello from 32-bit protected mode!(.*\n)+){3}
# The guest resets the machine, by the keyboard controller or port 0xcf9: it starts anew, and breakpoints stay.
connect()
execute("break fibonacci if n == 10")
execute("break kernel_main")
for code in ("b0fe" "e664" "ebfe", "66baf90c" "b006" "ee" "ebfe"):
    hit("continue", 2)
    hit("continue", 1)
    poke(pc(), code)
hit("continue", 2)
hit("continue", 1)
execute("delete")
exits("continue")
