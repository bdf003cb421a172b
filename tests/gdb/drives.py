# gdbvm: image legacy32
# gdbvm: append drives write
# gdbvm: args --drive {guests}/hello16,snapshot --drive {guests}/protected32,ro
# gdbvm: expect-exit 0
# gdbvm: expect-serial (?s)drive 0: sector 0 written: error 0, there.*drive 1: sector 0 written: error 44, not there.*irq 14 came
# Two IDE drives, which a guest finds, reads and writes by programmed I/O: a read-only one says so, a snapshot forgets.
import hashlib


def digest(name):
    with open(os.path.join(os.path.dirname(IMAGE), name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


before = digest("hello16"), digest("protected32")
connect()
matches(execute("monitor info devices"), r"port 01f0-01f7  IDE channel 1\n(.*\n)*port 03f6-03f6  IDE channel 1 control")
stop_at("drive_written")
equal(value("drives[0].sectors"), 1)
equal(value("drives[0].write_error"), 0)
equal(value("drives[0].written_back"), 1)
equal(value("sector_bytes[3]"), 0xA3)
stop_at("drives_found")
equal(value("drives[1].write_error"), 0x44)  # aborted: write-protected
equal(value("drives[1].written_back"), 0)
equal(peek(value("(unsigned long)&sector_bytes[1]"), 3), b"ELF")
equal((digest("hello16"), digest("protected32")), before)

# A reset brings the machine back, not the disk.
execute("delete")
execute("monitor reset")
forget_registers()
stop_at("drive_written")
equal(value("sector_bytes[3]"), 0xA3)
exits("continue")
equal((digest("hello16"), digest("protected32")), before)
