# What the runner makes of files, headers and options, without running anything: errors have their file and line.
import random

from runner import *
from testing.header import KEYS, UsageError, read_header


def refused(pattern, *arguments):
    status, out, err = gdbvm_test(*arguments)
    equal((status, out), (2, ""), f"{arguments}: {err}")
    matches(err, rf"^gdbvm test: {pattern}")
    equal(err.count("\n"), 1, "lines of the error")


def bad(line, pattern):
    path = test("bad.gdb", f"# A test.\n{line}\ncontinue\n", image="hello16")
    refused(rf"{re.escape(path)}:3: {pattern}", path)


bad("# gdbvm: imagine hello16", "unknown key `imagine`: it is none of image, append,")
bad("# gdbvm:", "`# gdbvm:` needs a key")
bad("# gdbvm: image", "`image` needs a value: FILE")
bad("# gdbvm: running yes", "`running` takes no value")
bad("# gdbvm: cpus none", "`cpus` takes a number from 1 to 255: `none`")
bad("# gdbvm: timeout 0", "`timeout` takes a number of seconds: `0`")
bad("# gdbvm: memory much", "`memory` takes a size, such as 128M: `much`")
bad("# gdbvm: expect-gdb (", r"`expect-gdb` is no regular expression: .*: `\(`")
bad("# gdbvm: args 'x", "`args` No closing quotation")
bad("# gdbvm: connect perhaps", "`connect` takes one of remote, extended-remote, no: `perhaps`")
path = test("twice.gdb", "", image="hello16", cpus=["1", "2"])
refused(rf"{re.escape(path)}:3: `cpus` is given twice", path)

refused("which tests", "--list")
refused("/does/not/exist.gdb: no such file", "/does/not/exist.gdb")
refused(r"no test found in .*: a test has a line `# gdbvm: image FILE`", ENVIRONMENT["TMPDIR"])
refused(r".*README: a test is a \*\.gdb or a \*\.py", file("README", b""))
refused(r".*/bare.gdb: which image\? Add a line", test("bare.gdb", "continue\n"))
refused("-D image: write KEY=VALUE", "-D", "image", test("good.gdb", "", image="hello16"))
refused("-D colour=red: unknown key `colour`", "-D", "colour=red", TESTS)
refused("cannot start gdb, /does/not/exist: install gdb or give --gdb-path", "--gdb-path", "/does/not/exist", f"{TESTS}/good.gdb")
refused("cannot start gdbvm, /does/not/exist", "--gdbvm", "/does/not/exist", f"{TESTS}/good.gdb")
refused(r".*/does/not/exist/j.xml", "--junit", "/does/not/exist/j.xml", f"{TESTS}/good.gdb")
status, _, err = gdbvm_test("--frobnicate", TESTS)
equal(status, 2, "exit status")
matches(err, "unrecognized arguments: --frobnicate")
for name in os.listdir(TESTS):
    os.remove(f"{TESTS}/{name}")

# A folder's tests are its files with a header; several images or command lines are a case each.
test("boot/first.gdb", "", image="hello16", tags="fast boot")
test("boot/helper.py", "print()")
test("boot/notes.txt", "", image="hello16")
test("matrix.py", "", image=["hello16", "kernel64"], append=["a", "b c"])
listed = "matrix[hello16, a]\nmatrix[hello16, b c]\nmatrix[kernel64, a]\nmatrix[kernel64, b c]\nboot/first  [fast boot]\n"
equal(gdbvm_test("--list", TESTS), (0, listed, ""))
equal(gdbvm_test("--list", "--filter", "^fast$", TESTS), (0, "boot/first  [fast boot]\n", ""))
equal(gdbvm_test("--list", "--filter", "kernel", "--filter", "! a]", TESTS), (0, "matrix[kernel64, b c]\n", ""))
refused("no test found in .* that --filter nothing selects", "--list", "--filter", "nothing", TESTS)
equal(gdbvm_test("--list", "-D", "image=x", "-D", "append=y", TESTS)[1], "matrix\nboot/first  [fast boot]\n")
equal(gdbvm_test("--list", f"{TESTS}/boot/first.gdb", f"{TESTS}/boot")[1], "first  [fast boot]\n", "given twice")
test("other/first.gdb", "", image="hello16")
matches(gdbvm_test("--list", f"{TESTS}/boot", f"{TESTS}/other")[1], r"first \(tests/boot/first.gdb\).*\nfirst \(tests/other/first.gdb\)")

status, out, _ = gdbvm_test("--help")
equal(status, 0, "exit status")
for key in KEYS:
    matches(out, rf"(?m)^  {key}\b")

# A host without KVM skips them all, and says why.
crippled = file("gdbvm", b"#!/bin/sh\necho 'gdbvm: /dev/kvm: Permission denied: join the group kvm' >&2\nexit 2\n")
os.chmod(crippled, 0o700)
status, out, _ = gdbvm_test("--gdbvm", crippled, f"{TESTS}/boot")
equal(status, 77, "exit status")
matches(out, r"(?m)^SKIPPED: first: .*/dev/kvm: Permission denied: join the group kvm$")

# Whatever the bytes, there is a header, none, or a UsageError.
dice = random.Random(6)
lines = [f"# gdbvm: {key} 1".encode() for key in KEYS]
path = f"{FOLDER}/random.gdb"
outcomes = set()
for _ in range(3000):
    data = bytearray(b"\n".join(dice.choices(lines, k=3)))
    for _ in range(dice.randrange(4)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    with open(path, "wb") as out:
        out.write(data)
    try:
        outcomes.add(type(read_header(path)))
    except UsageError as error:
        outcomes.add(UsageError)
        assert "\n" not in str(error) and str(error).startswith(path), error
equal(len(outcomes), 3, f"kinds of outcome {outcomes}")
none_left()
