# What `cmake --install` leaves is enough for a kernel's own project: find_package(gdbvm), gdbvm_add_test, ctest.
from cli import *

needs_kvm()
build = os.path.dirname(os.path.dirname(GDBVM))
prefix = os.path.join(FOLDER, "prefix")
project = os.path.join(FOLDER, "project")
os.mkdir(project)


def cmake(*arguments, program="cmake"):
    process = start(*arguments, program=program, stderr=subprocess.STDOUT, cwd=project)
    return process.communicate(timeout=LIMIT)[0], process.returncode


def project_file(name, content):
    return file(os.path.join("project", name), content.encode())


project_file("kernel.S", """
  .globl _start, greet
_start:
  movb $0x21, %al
greet:
  outb %al, $0xe9
  movw $0x604, %dx
  movw $0x2000, %ax
  outw %ax, %dx /* power off */
  hlt
""")
project_file("multiboot.S", """
  .long 0x1badb002, 0, -0x1badb002
  .globl _start
_start:
  movl 16(%ebx), %esi /* the command line */
next:
  lodsb
  outb %al, $0xe9
  testb %al, %al
  jnz next
  movw $0x604, %dx
  movw $0x2000, %ax
  outw %ax, %dx
  hlt
""")
project_file("passes.gdb", "# gdbvm: expect-exit 0\nbreak greet\ncontinue\ndelete\ncontinue\n")
project_file("two_cpus.py", "# gdbvm: cpus 1\n# gdbvm: expect-serial one; two=3\nimport gdb\nassert len(gdb.selected_inferior().threads()) == 2\n"
             "gdb.execute('continue')\n")
project_file("fails.gdb", "# gdbvm: memory 64M\nprint no_such_thing\n")
project_file("skips.gdb", "# gdbvm: skip-if true\nprint no_such_thing\n")
project_file("disk", "x" * 512)
LISTS = """
cmake_minimum_required(VERSION 3.25)
project(kernel LANGUAGES ASM)
find_package(gdbvm 0.1 REQUIRED)
enable_testing()
add_executable(kernel kernel.S)
target_link_options(kernel PRIVATE -nostdlib -static -no-pie)
add_custom_command(OUTPUT file.elf COMMAND as --32 ${CMAKE_SOURCE_DIR}/multiboot.S -o file.o
  COMMAND ld -m elf_i386 -N -Ttext 0x100000 file.o -o file.elf)
add_custom_target(image ALL DEPENDS file.elf)
gdbvm_add_test(NAME "a kernel passes" IMAGE kernel SCRIPT passes.gdb TIMEOUT 100 LABELS quick kernel)
gdbvm_add_test(NAME file IMAGE file.elf SCRIPT two_cpus.py CPUS 2 MEMORY 64M APPEND "one; two=3" INITRD passes.gdb
  DRIVE disk,if=virtio disk)
gdbvm_add_test(NAME fails IMAGE kernel SCRIPT fails.gdb)
gdbvm_add_test(NAME skips IMAGE kernel SCRIPT skips.gdb)
"""
project_file("CMakeLists.txt", LISTS)

said, status = cmake("--install", build, "--prefix", prefix)
equal(status, 0, said)
said, status = cmake("-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}")
equal(status, 0, said)
said, status = cmake("--build", "build")
equal(status, 0, said)
said, status = cmake("--test-dir", "build", "--output-on-failure", program="ctest")
equal(status, 8, "ctest's status, of a failed test\n" + said)
for name, verdict in (("a kernel passes", "Passed"), ("file", "Passed"), ("fails", r"\*\*\*Failed"), ("skips", r"\*\*\*Skipped")):
    matches(said, rf"Test +#\d: {name} \.+ *{verdict}")
said, status = cmake("--test-dir", "build", "-L", "^quick$", program="ctest")
matches(said, "100% tests passed, 0 tests failed out of 1")
equal(status, 0, said)
said, status = cmake("--test-dir", "build", "-V", "-R", "^fails$", program="ctest")
matches(said, f'{prefix}/bin/gdbvm "test"')
matches(said, "no_such_thing|No symbol")

# What is wrong with a call is told when the project is configured.
for words, complaint in (("NAME x", "needs NAME and SCRIPT"), ("NAME x SCRIPT passes.gdb COLOUR red", "`COLOUR`"),
                         ("NAME x SCRIPT passes.gdb MEMORY", "`MEMORY`")):
    project_file("CMakeLists.txt", f"{LISTS}gdbvm_add_test({words})\n")
    said, status = cmake("-S", ".", "-B", "build")
    equal(status, 1, said)
    matches(said, f"gdbvm_add_test.*{complaint}")
