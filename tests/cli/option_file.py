# @FILE stands for the words in it; --append, --module and --initrd reach the guest.
from cli import *

needs_kvm()
module = file("module", bytes([1, 2, 3, 4]))
initrd = file("initrd", bytes([100, 100]))
words = f'# a comment\n--gdb none\n--append "one two exit=3"\n\n--module "{module} say hello"\n'
options = file("options", words.encode())
status, out, err = run("run", f"@{options}", "--initrd", initrd, guest("protected32"))
equal((status, err), (7, ""), "exit=3")
matches(out, r'command line ".*one two exit=3"')
matches(out, r'module ".*initrd" at [0-9a-f]+, 2 bytes, byte sum 200')
matches(out, r'module ".*module say hello" at [0-9a-f]+, 4 bytes, byte sum 10')
matches(out, r"2 modules")
