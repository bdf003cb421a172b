# --json of `host` and `image` is JSON, and says what the table says.
import json

from cli import *

needs_kvm()
status, out, err = run("host", "--json")
equal((status, err), (0, ""), "host --json")
host = json.loads(out)
equal(set(host), {"kernel", "capabilities", "probes"}, "parts")
for name in ("int3-kernel-mode", "execute-debug-registers", "data-debug-registers", "single-step", "block-interrupts",
             "paging-32-bit", "sync-regs"):
    probe = host["probes"][name]
    assert probe["value"] and probe["meaning"], probe
table = run("host")[1]
for name, probe in host["probes"].items():
    matches(table, rf"{name} +{re.escape(str(probe['value']))}")

for name, form in (("halt16", "boot-sector"), ("hello16", "boot-sector"), ("protected32", "multiboot"),
                   ("kernel64", "pvh"), ("bench64", "pvh")):
    status, out, err = run("image", "--json", guest(name))
    equal((status, err), (0, ""), name)
    equal(json.loads(out)["format"], form, name)
    matches(run("image", guest(name))[1], form)
