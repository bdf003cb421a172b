# gdbvm: image protected32
# gdbvm: expect-exit 0
# gdbvm: expect-serial power off
# Power-off is a normal end.
connect()
exits("continue", 0)
