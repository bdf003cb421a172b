# gdbvm: image bench64
# gdbvm: args --on-disconnect exit
# gdbvm: expect-exit 0
# gdbvm: local
# The connection is lost: the VM ends.
connect()
stop_at("spin")
execute("disconnect")
