# gdbvm: image bench64
# gdbvm: image kernel64
# gdbvm: append forever
# Ctrl-C ends a stepping without end, too: as the user sends it, by SIGINT to gdb.
import signal

connect()
stop_at("spin" if IMAGE.endswith("bench64") else "inventory_audit")
for _ in range(5):
    timer = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    signalled("stepi 100000000", "SIGINT")
