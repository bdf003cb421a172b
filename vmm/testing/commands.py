"""A case → how its VM and its gdb are started."""
import os
import shlex

HERE = os.path.dirname(os.path.abspath(__file__))


def vm(case, folder, disk, extension):
    """What follows `gdbvm run` beside where gdb and the console are. `disk`: where the copy of `disk` is."""
    header = case.header
    words = [] if "running" in header else ["--wait"]
    for key in ("memory", "cpus"):
        words += [f"--{key}", str(header.get(key))] if key in header else []
    words += ["--initrd", case.file(header.get("initrd"))] if "initrd" in header else []
    for module in case.files("module"):
        words += ["--module", module]
    for drive in case.files("drive"):
        options = drive.partition(",")[2].split(",")
        words += ["--drive", drive if {"ro", "snapshot"} & set(options) else f"{drive},snapshot"]
    words += _more(case, folder, disk, extension)
    words += ["--append", case.append] if case.append is not None else []
    image = case.file(case.image) if case.image else None
    if "firmware" not in header:
        return [*words, image]
    drive = ["--drive", f"{image.replace(',', ',,')},snapshot"] if image else []
    return [*words, "--firmware", case.file(header.get("firmware")), *drive]


def _more(case, folder, disk, extension):
    """`args`, with its {names} filled in."""
    names = {"root": case.root, "folder": folder, "disk": disk or "{disk}"} | extension.placeholders(case)
    words = shlex.split(case.header.get("args", ""))
    for name, value in names.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    return words


def gdb(case, program, extension, elsewhere):
    """A gdb without anybody's settings that runs the test, with its symbols."""
    words = [program, "-nx", "-nh", "-batch", "-iex", "set pagination off", "-iex", "set confirm off"]
    words += ["-iex", "set breakpoint pending off"]  # an unknown function is an error
    if elsewhere:  # a large image takes it more than gdb's two seconds to start
        words += ["-iex", "set remotetimeout 30"]
    words += ["-ex", "python import gdbvm_driver; gdbvm_driver.run()"]
    return [*(extension.command(case) or words), *_symbols(case)]


def _symbols(case):
    named = case.header.get("symbols") or case.image
    if not named:
        return []
    with open(case.file(named), "rb") as file:
        return [case.file(named)] if file.read(4) == b"\x7fELF" else []


def environment(case, machine, folder, ready, program, extension, elsewhere):
    """What in_gdb is told. `machine`: the VM; `ready`: a descriptor that says when it is there."""
    header = case.header
    facts = {
        "FILE": case.path, "FOLDER": folder, "REPORT": f"{folder}/report.json", "READY": str(ready), "GDB": program,
        "ENDPOINT": machine.endpoint, "SERIAL": machine.serial, "PID": str(machine.pid), "SLOW": "1" if elsewhere else "",
        "IMAGE": case.file(case.image) if case.image else "", "CONNECT": header.get("connect", "remote"),
        "PRELUDE": extension.prelude, "MAY_MISS": "\n".join(row.pattern for row in header.all("may-miss")),
    }  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"}
    paths = os.pathsep.join([f"{HERE}/in_gdb", *extension.python_path])
    kept |= {f"GDBVM_TEST_{key}": value for key, value in facts.items()}
    return kept | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": folder}
