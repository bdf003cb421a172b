# gdbvm: image user64
# gdbvm: append rounds=3
# gdbvm: requires syscall=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: exit 6
# SSE and AVX registers hold what the guest loaded, and what is written to them is what the guest then stores.
MASK = (1 << 64) - 1
connect()
stop_at("*&sse_point")
equal([value(f"$xmm3.v4_int32[{i}]") for i in range(4)], [0x11111111, 0x22222222, 0x33333333, 0x44444444])
execute("set $xmm3.v4_int32[2] = 0x7abcdef0")
execute("stepi")
equal(value("((int *)&sse_result)[2]"), 0x7ABCDEF0)
equal(value("((int *)&sse_result)[3]"), 0x44444444)
if not value("user_options.has_avx"):
    skip("this CPU has no AVX")
stop_at("*&avx_point")
pattern = [0x0123456789ABCDEF, 0x1111222233334444, 0x5555666677778888, 0x9999AAAABBBBCCCC]
equal([value(f"$ymm3.v4_int64[{i}]") & MASK for i in range(4)], pattern)
execute("set $ymm3.v4_int64[3] = 0x1020304050607080")
execute("stepi")
equal(value("((long *)&avx_result)[3]"), 0x1020304050607080)
equal(value("((long *)&avx_result)[2]"), 0x5555666677778888)
execute("stepi")  # vzeroupper
equal(value("$ymm3.v4_int64[3]"), 0)
exits("continue")
