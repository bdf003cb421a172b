# gdbvm: image protected32
# gdbvm: expect-exit 0
# gdbvm: expect-serial fibonacci\(10\) = 55\nfibonacci\(10\) = 55
# Every way to stop, in 32-bit code: the recursive function is the interesting one.
connect()
execute("break fibonacci if n == 7")
hit("continue", 1)
equal(value("n"), 7)
matches(execute("bt"), r"#0 +fibonacci \(n=7\).*\n#1 .*fibonacci \(n=(8|9)\).*(\n.*)*kernel_main")
depth = value("fibonacci_depth")
execute("delete")
matches(execute("finish"), r"Value returned is .* = 13")
equal(value("fibonacci_depth"), depth)

# The same function over and over, each time deeper.
execute("break fibonacci")
frames = []
for _ in range(20):
    execute("continue")
    frame, count = gdb.newest_frame(), 0
    while frame is not None:
        count += frame.name() == "fibonacci"
        frame = frame.older()
    frames.append(count)
check(max(frames) >= 5 and min(frames) >= 2, f"depths of recursion: {frames}")
execute("delete")

# print's caller is compute.
stop_at("print")
execute("finish")
equal(function(), "compute")

# Back to code that ran before: the call of compute, five bytes long.
execute("finish")
equal(function(), "run")
execute("hbreak compute")
number = gdb.breakpoints()[-1].number
hit("jump *($pc - 5)", number)
execute("delete")
execute("advance fibonacci")
equal(value("n"), 10)
execute("until kernel_main")  # or until it returns, as happens here
equal(function(), "compute")
execute("finish")
equal(function(), "run")
before = pc()
execute("stepi")
check(pc() != before, "stepi")
execute("nexti")
execute("next")
equal(function(), "run")
exits("continue")
