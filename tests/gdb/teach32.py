# gdbvm: image teach32.img
# gdbvm: symbols teach32.elf
# gdbvm: disk teach32fs.img
# gdbvm: args --memory 224 --cpus 2 --drive {guests}/teach32.img,snapshot --drive {disk}
# gdbvm: requires paging-32-bit=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial (?s)2 CPUs.*CPU 1 started.*\$ cat hello.txt\r?\nHello from the second drive.*4 bytes written and read back.*power off
# gdbvm: expect-disk gdb!hing has been written
# gdbvm: timeout 300
# A teaching kernel with 32-bit paging on two CPUs, from its boot block to its shell, at source level: everything that its
# students would look at, with its keyboard, screen, disks and serial line.
GUESTS = os.path.dirname(IMAGE)
NAMES = {" ": "spc", ".": "dot", "!": "shift-1", "\n": "ret"}


def type_line(text):
    for character in text + "\n":
        execute(f"monitor sendkey {NAMES.get(character, character)}")


def to_prompt():
    """The shell waits for a line."""
    stop_at("console_read")
    matches(execute("monitor screen"), r"(?m)^\$$")


connect()
execute(f"add-symbol-file {GUESTS}/teach32_boot.elf")
execute(f"add-symbol-file {GUESTS}/teach32_shell.elf")
stop_at("load_kernel")
matches(execute("bt"), r"^#0  load_kernel .*\n#1 .*protected \(\)")
stop_at("kernel_main")
matches(execute("bt"), r"^#0  kernel_main .*\n#1 .*entry \(\)")
equal(value("$cr0") >> 31 & 1, 1, "CR0.PG")
equal(pc() >> 20 & 0xFFF, 0x801, "the megabyte it runs in")

# The machine as the MP tables have it.
stop_at("start_devices")
equal(value("cpu_count"), 2)
equal(value("machine->local_apic") & 0xFFFFFFFF, 0xFEE00000)
equal(value("machine->io_apic") & 0xFFFFFFFF, 0xFEC00000)

# The other CPU, from its first instruction, in real mode, to the kernel's address space.
stop_at("ap_start")
equal(gdb.selected_thread().num, 2)
equal(value("$cr0") & 1, 0, "PE")
stop_at("ap_protected")
stop_at("ap_turns_paging_on")
execute("stepi")
equal(value("$cr0") >> 31 & 1, 1, "CR0.PG")
stop_at("ap_main")
equal(gdb.selected_thread().num, 2)
matches(execute("bt"), r"^#0  ap_main .*\n#1 .*ap_protected \(\)")
execute("thread 1")
matches(execute("bt"), r"start_other_cpus .*\n#\d .*kernel_main ")
matches(execute("info threads"), r"CPU 0 .*\n.*CPU 1 ")

# A context switch: the same instruction belongs to two back traces.
stop_at("*&stack_changes")
before, stack = execute("bt"), value("$esp")
execute("stepi")
after = execute("bt")
check(value("$esp") != stack, "the stack has not changed")
for trace in before, after:
    matches(trace, r"^#0 .*switch_context \(\)")
schedulers = [bool(re.search(r"in scheduler \(\)", trace)) for trace in (before, after)]
equal(sorted(schedulers), [False, True], "which side is a scheduler's")

# A system call, with a back trace through `int 0x40` into the program by its own symbols.
stop_at("call_write")
text = execute("bt")
matches(text, r"^#0  call_write .*\n#1 .*handle_system_call .*\n(.*\n)*#\d+ +<signal handler called>\n")
matches(text, r"call_kernel .*\n#\d+ .*flush .*\n#\d+ .*print .*\n#\d+ .*main \(\)")
matches(execute("p processes[2]"), 'name = "shell"')
equal(peek(value("given->a"), 2), b"$ ")

# The prompt, a command by the keyboard, a file from the second drive.
to_prompt()
type_line("cat hello.txt")
stop_at("show_file")
equal(value("$cs") & 3, 3, "CPL")
matches(execute("bt"), r"^#0  show_file .*\n#1 .*run_line .*\n#2 .*main \(\)")
stop_at("call_read_file")
matches(execute("bt"), r'<signal handler called>\n(.*\n)*#\d+ .*show_file \(name=\S+ "hello.txt"\)')
stop_at("ide_interrupt")
equal(value("request.count"), 1)
to_prompt()
matches(execute("monitor screen"), r"(?m)^\$ cat hello.txt\nHello from the second drive\.$")

# What is written is on the disk.
type_line("write notes.txt gdb!")
stop_at("ide_write")
equal(value("drive"), 1)
to_prompt()
type_line("cat notes.txt")
to_prompt()
matches(execute("monitor screen"), r"(?m)^4 bytes written and read back\n\$ cat notes.txt\ngdb!hing has been written")

type_line("off")
exits("continue")
