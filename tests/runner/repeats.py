# Many runs of one test give as many equal results; a flaky one is run until it fails.
from runner import *

needs_kvm()
test("same.gdb", "tbreak *0x7c05\ncontinue\nprint/x $pc\ncontinue\n", image="hello16", expect_gdb=r"\$1 = .*0x7c05", expect_serial="lift-off",
     expect_exit="0")  # fmt: skip
path = f"{FOLDER}/repeated.json"
status, out, _ = gdbvm_test("--repeat", "200", "--json", path, TESTS)
equal(status, 0, f"exit status; {out[-2000:]}")
matches(out, "\n200 passed, 0 failed, 0 skipped in ")
with open(path, encoding="utf-8") as report:
    rows = json.load(report)["tests"]
equal({(row["name"], row["verdict"], row["serial"]) for row in rows}, {("same", "passed", rows[0]["serial"])}, "different results")
equal(sorted(row["run"] for row in rows), list(range(1, 201)), "runs")

# Fails in its fourth run.
test("flaky.py", f"""
    from gdbvm import *
    with open("{FOLDER}/count", "a+") as count:
        count.write("x")
        count.seek(0)
        check(len(count.read()) < 4, "too often")
    """, image="hello16")  # fmt: skip
status, out, _ = gdbvm_test("-j", "1", "--until-fail", f"{TESTS}/flaky.py")
equal(status, 1, "exit status")
matches(out, r"FAILED: flaky #4: .*too often\n3 passed, 1 failed, 0 skipped")
status, out, _ = gdbvm_test("-j", "2", "--until-fail", "--repeat", "3", "--tap", f"{TESTS}/same.gdb")
equal(status, 0, "exit status")
matches(out, r"^TAP version 13\nok 1 - same \\#[12]\n(ok .*\n){2}1\.\.3\n$")
none_left()
