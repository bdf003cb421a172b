# gdbvm: image bench64
# gdbvm: append calls
# The packets that let the guest run, sent by hand.
connect()
stop_at("bench_hit")
here = pc()
matches(packet("vCont?"), r"^vCont;c;C;s;S;t")
equal(packet("vMustReplyEmpty"), "")
matches(packet("?"), r"^T05.*thread:")
equal(packet("qC"), packet("qC"))
matches(packet("qfThreadInfo"), "^m")
equal(packet("qsThreadInfo"), "l")
equal(packet("qAttached"), "1")
equal(packet("Hg0"), "OK")


def moved(request, expected):
    before = pc()
    matches(packet(request), expected)
    forget_registers()
    check(pc() != before, f"{request} did not move from {before:#x}")


for request in ("s", "S05", "vCont;s:1", "vCont;S05:1", "vCont;s:1;c"):
    moved(request, r"^T05")
equal(packet(f"Z0,{here:x},1"), "OK")
for request in ("c", "C05", "vCont;c", "vCont;C05:1", "vCont;c:1"):
    i = value("counter")
    matches(packet(request), r"^T05.*(sw|hw)break:")
    forget_registers()
    equal(pc(), here, "pc")
    equal(value("i"), value("counter") + 1, "the argument")
equal(packet(f"z0,{here:x},1"), "OK")
matches(packet("vCont;x"), "^E")
matches(packet("vCont"), "^E")
matches(packet("T1"), "OK")
matches(packet("T9"), "^E")
