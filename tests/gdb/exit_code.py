# gdbvm: image protected32
# gdbvm: append exit=5
# gdbvm: expect-exit 11
# The guest's own exit code, 5, becomes (5 << 1) | 1 for gdb and for the shell.
connect()
exits("continue", 11)
