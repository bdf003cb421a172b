# gdbvm: image legacy32
# gdbvm: append keys
# gdbvm: expect-exit 0
# gdbvm: expect-serial (?m)^2a 1e 9e aa e0 48 e0 c8 01 81 $
# `monitor sendkey` types on the guest's keyboard: scan codes with their prefixes, presses and releases.
connect()
matches(execute("monitor sendkey shift-a"), "shift-a typed")
execute("break key_seen")
for code in (0x2A, 0x1E, 0x9E, 0xAA):
    hit("continue", 1)
    equal(value("last_scan_code"), code)
execute("monitor sendkey up")
for code in (0xE0, 0x48, 0xE0, 0xC8):
    hit("continue", 1)
    equal(value("last_scan_code"), code)
matches(execute("monitor sendkey hyper-a"), "`hyper` is no key")
matches(execute("monitor sendkey"), "takes keys")
matches(execute("monitor screen"), "(?m)^2a 1e 9e aa e0 48 e0 c8$")
execute("delete")
execute("monitor sendkey esc")
exits("continue")
