# gdbvm: image traps64
# gdbvm: append fault rounds=3
# `monitor catch`, `uncatch` and `info catch`: what is refused is refused with a sentence.
# Catchpoints stay over a reset.
connect()
stop_at("job_fault")


def refused(command, pattern):
    said = execute(f"monitor {command}")
    check(not re.search(r"^catchpoint \d", said), f"`{command}` was not refused: {said}")
    matches(said, pattern)


for kind in ("", "exceptions", "frobnicate 3", "Exception 14"):
    refused(f"catch {kind}", "exception.*triple-fault.*reset.*cr3.*msr.*io.*mmio.*hypercall|takes")
for kind in ("exception", "exception x", "exception 32", "exception -1", "msr", "msr 0x1ffffffff", "io", "io 65536", "mmio",
             "mmio here", "cr3 5", "reset now"):
    refused(f"catch {kind}", r"\w+ \w+ \w+")
for kind in ("io 0x20", "io 0xa1", "io 0x40", "io 0x43", "mmio 0xfee00000", "mmio 0xfee00020", "mmio 0xfec00000"):
    refused(f"catch {kind}", r"(?i)\bkernel\b|\bKVM\b")
refused("catch mmio 0x100000", "is memory.*watch")
refused("uncatch", r"\w+ \w+ \w+")
refused("uncatch 77", "77")
check("hit" not in execute("monitor info catch"), "a refused catchpoint is there")

number = catch("exception 14", "exception 14 (#PF)")
matches(execute("monitor help"), r"catch(.*\n)+.*uncatch|info catch(.*\n)+.*catch")
caught(number, "exception 14 .*")
matches(execute("monitor reset"), "first instruction")
forget_registers()
stop_at("job_fault")  # there its handler is known
caught(number, "exception 14 .*")
matches(execute("monitor info catch"), rf"(?m)^ *{number} +exception 14 \(#PF\), hit \d+ times?$")
execute(f"monitor uncatch {number}")
check("#PF" not in execute("monitor info catch"), "it is still there")
stop_at("jobs_done")
