# gdbvm: image bench64
# gdbvm: append calls
# A condition stops at the very call it names, and an ignore count after exactly so many.
connect()
execute("break bench_hit if i == 500")
hit("continue", 1)
equal(value("i"), 500)
execute("condition 1")
execute("ignore 1 99")
hit("continue", 1)
equal(value("i"), 600)
execute("condition 1 i % 128 == 127")
for expected in (639, 767, 895):
    hit("continue", 1)
    equal(value("i"), expected)
