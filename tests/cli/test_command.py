# `gdbvm test` hands its arguments to the runner installed beside it, and says what is missing.
import json

from cli import *

os.mkdir(os.path.join(FOLDER, "bin"))
program = shutil.copy(GDBVM, os.path.join(FOLDER, "bin"))
runner = os.path.join(FOLDER, "share/gdbvm/testing/__main__.py")
status, out, err = run("test", "one.gdb", program=program)
equal((status, out), (2, ""), "without the runner")
matches(err, rf"^gdbvm: .*{runner}: No such file or directory.*\n$")

os.makedirs(os.path.dirname(runner))
with open(runner, "w", encoding="utf-8") as script:
    script.write("import json, os, sys\nprint(json.dumps([os.environ['GDBVM'], *sys.argv]))\nsys.exit(77)\n")
words = file("words", b"-D 'append=a b'")
for given, handed in ((["--help"], ["--help"]), (["-j", "2", "one.gdb", "--", "--json"], ["-j", "2", "one.gdb", "--", "--json"]),
                      ([f"@{words}", "", "two"], ["-D", "append=a b", "", "two"]), ([], [])):
    status, out, err = run("test", *given, program=program)
    equal((status, err), (77, ""), "the runner's exit status")
    equal(json.loads(out), [program, runner, *handed], "program, runner and arguments")

status, out, err = run("test", program=program, env={"PATH": FOLDER})
equal((status, out), (2, ""), "without Python")
matches(err, r"^gdbvm: .*python3: No such file or directory \(install .*\n$")
