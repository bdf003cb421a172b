# What scripts/demo lets gdb do; by hand, too: build/bin/gdbvm debug build/guests/kernel64 -- -x scripts/demo.gdb
set pagination off
set confirm off
set print pretty on
set filename-display basename

define console
  shell tail -n 3 "${GDBVM_DEMO_CONSOLE:-/dev/null}" | tr -d '\r' | sed 's/^/    console| /'
end
document console
Shows the last lines of the guest's console.
end
set trace-commands on

echo \n=== 1. The VM is held before its first instruction. The CPU is in 32-bit mode, paging is off (no PG in cr0).\n
x/3i $pc
p $cr0

echo \n=== 2. A breakpoint by source line, with a condition: stop when task 2, the worker, loses the CPU.\n
break sched.c:59 if previous->id == 2
continue

echo \n=== 3. Who called the scheduler? The timer interrupt (<signal handler called>), in the middle of the worker.\n
backtrace
frame 4
info locals

echo \n=== 4. Back in the scheduler: step over a line, step into a function, and finish it.\n
frame 0
next
next
step
finish

echo \n=== 5. The kernel's data, as C: the task that comes next, and a linked list.\n
p *next
p inventory
p *inventory.first

echo \n=== 6. Change a running kernel. The console before:\n
delete
tbreak print_status if ticks > 30
continue
console
set var speed = 5
set {char[6]} greeting = "howdy"

echo \n=== ... and after some more timer ticks:\n
tbreak print_status if ticks > 60
continue
console

echo \n=== 7. What it cost (exits to gdbvm), and on to the end: the guest powers the machine off.\n
monitor info exits
continue
