# --help and --version answer on standard output.
from cli import *

for arguments, pattern in ((["--help"], r"run(.*\n)+.*debug(.*\n)+.*test(.*\n)+.*host(.*\n)+.*image"),
                           (["--version"], r"^gdbvm \d+\.\d+"), (["run", "--help"], "--on-triple-fault"), (["debug", "--help"], "--symbols"),
                           (["host", "--help"], "--json"), (["image", "--help"], "--format"),
                           (["test", "--help"], r"--junit FILE(.*\n)+.*image FILE")):
    status, out, err = run(*arguments)
    equal((status, err), (0, ""), str(arguments))
    matches(out, pattern)
