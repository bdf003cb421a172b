# gdbvm: image traps64
# gdbvm: append triple
# gdbvm: args --on-triple-fault exit
# gdbvm: expect-exit 3
# gdbvm: mi
# In non-stop mode, too, a triple fault that is caught says so.
gdb.connect(non_stop=True)
gdb.run('-interpreter-exec console "monitor catch triple-fault"')
gdb.run("-exec-continue --all")
stop = gdb.wait_stop(1)
equal((stop["reason"], stop["signal-name"]), ("signal-received", "SIGTRAP"))
gdb.said(r'@"catchpoint 1: triple fault at 0x[0-9a-f]+\\ntriple fault at 0x')
gdb.run("-target-detach")
