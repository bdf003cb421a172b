# What is told of results: the summary, TAP, JUnit XML, JSON, kept logs.
import xml.etree.ElementTree as xml

from runner import *

needs_kvm()
test("a_good.gdb", "tbreak *0x7c05\ncontinue\n", image="hello16")
test("b_bad.gdb", "continue\nprintf \"%c[31m<&\\n\", 1\necho \\033]0;x\\007 ]]>\\n\nprint nonsense\n", image="protected32", tags="odd")
test("c_worse.py", "raise ValueError('<&\"\\0\\x1b\\ud800 ü')\n", image="hello16")
test("d_skipped.py", "from gdbvm import *\nskip('because \\1 <of> #this')\n", image="hello16")
logs, junit = f"{FOLDER}/logs", f"{FOLDER}/junit.xml"
status, out, err = gdbvm_test("-j", "1", "--keep-logs", logs, "--junit", junit, TESTS)
equal((status, err), (1, ""), "exit status, standard error")

# A line for each; then, of what failed, the last lines; last, the numbers.
matches(out, r"^passed  a_good \(\d+\.\d\d s\)\nfailed  b_bad \(.* s\): .*b_bad.gdb:6: No symbol .*\nfailed  c_worse .*\nskipped d_skipped \(0\.\d\d s\)\n")
matches(out, r"\n=== b_bad \(/.*/b_bad.gdb\)\ngdb-error: .*\n--- console, its last lines:\n(  .*\n)*  power off\n--- gdb, its last lines:\n(  .*\n)*  \?\[31m")
matches(out, rf"\n--- logs: {logs}/b_bad\.\S+\n")
matches(out, r"\nFAILED: b_bad: /.*\nFAILED: c_worse: /.*\n1 passed, 2 failed, 1 skipped in \d+\.\d s\n$")
check = [letter for letter in out if ord(letter) < 32 and letter not in "\n\t"]
equal(check, [], "control characters")
for name in ("a_good", "b_bad"):
    folder = next(f"{logs}/{kept}" for kept in os.listdir(logs) if kept.startswith(name))
    equal(sorted(os.listdir(folder)), ["commands", "gdb.log", "gdbvm.log", "report.json", "serial"])
    with open(f"{folder}/commands", encoding="utf-8") as commands:
        matches(commands.read(), r"^\S+/gdbvm run .*\n\S+/gdb -nx -nh -batch .*\n$")

# JUnit: what its readers' schemas agree on.
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"},
    "skipped": {"message"},
    "system-out": set(),
    "system-err": set(),
}
CHILDREN = {"testsuites": r"(testsuite )*", "testsuite": r"(testcase )*", "testcase": r"(skipped |failure )?(system-out )?(system-err )?"}


def check_junit(path, passed, failed, skipped):
    """Its elements, their order, attributes and numbers."""
    root = xml.parse(path).getroot()
    equal(root.tag, "testsuites")
    for element in root.iter():
        equal(set(element.attrib), ATTRIBUTES[element.tag], f"attributes of {element.tag}")
        children = "".join(f"{child.tag} " for child in element)
        assert re.fullmatch(CHILDREN.get(element.tag, ""), children), f"{element.tag} has {children}"
        if "time" in element.attrib:
            assert float(element.get("time")) >= 0, element.get("time")
        if "tests" in element.attrib:
            found = [int(element.get(key)) for key in ("tests", "failures", "errors", "skipped")]
            equal(found, [passed + failed + skipped, failed, 0, skipped], f"numbers of {element.tag}")
            cases = element.findall(".//testcase")
            equal([len(cases), len(element.findall(".//failure")), len(element.findall(".//skipped"))], [found[0], found[1], found[3]])
    matches(root[0].get("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
    return {case.get("name"): case for case in root.iter("testcase")}


rows = check_junit(junit, 1, 2, 1)
equal(rows["b_bad"].find("failure").get("type"), "gdb-error")
matches(rows["b_bad"].find("system-out").text, "(?s)Hello from 32-bit.*power off")
matches(rows["b_bad"].find("system-err").text, r"\?\[31m<&")
matches(rows["c_worse"].find("failure").text, r"^python-exception: .*ValueError: <&\"\?\?\? ü$")
equal(rows["d_skipped"].find("skipped").get("message"), "because ? <of> #this")

# TAP: a plan, numbered lines, reasons, and YAML behind what failed.
status, out, err = gdbvm_test("-j", "1", "--tap", TESTS)
equal((status, err), (1, ""), "exit status, standard error")
matches(out, r"^TAP version 13\n1\.\.4\nok 1 - a_good\nnot ok 2 - b_bad\n  ---\n  kind: \"gdb-error\"\n  message: \".*nonsense.*\"\n(  \w+: \".*\"\n)+  \.\.\.\n")
matches(out, r"\nnot ok 3 - c_worse\n(  .*\n)+ok 4 - d_skipped # SKIP because \? <of> #this\n$")

found = results(TESTS)
equal({name: row["verdict"] for name, row in found.items()}, {"a_good": "passed", "b_bad": "failed", "c_worse": "failed", "d_skipped": "skipped"})
equal((found["b_bad"]["tags"], found["b_bad"]["file"]), (["odd"], f"{TESTS}/b_bad.gdb"))
none_left()
