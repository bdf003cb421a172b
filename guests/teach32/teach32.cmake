# Two disks: the boot block and the kernel, whose file begins in the second sector; and an archive with what is in files/ and
# the programs. Both in whole sectors.
guest_elf(teach32_boot.elf teach32/boot/boot.ld -m32 teach32/boot/boot.S teach32/boot/load.c)
guest_elf(teach32.elf teach32/kernel.ld -m32 teach32/entry.S teach32/traps.S teach32/switch.S teach32/main.c teach32/cpu.c
  teach32/lock.c teach32/pages.c teach32/paging.c teach32/traps.c teach32/mp.c teach32/apic.c teach32/ioapic.c teach32/pit.c
  teach32/process.c teach32/program.c teach32/calls.c teach32/console.c teach32/screen.c teach32/serial.c teach32/keyboard.c
  teach32/clock.c teach32/ide.c teach32/archive.c common/format.c common/machine.c common/memory.c)
add_custom_command(OUTPUT teach32.img
  COMMAND ${GDBVM_GUEST_OBJCOPY} -O binary teach32_boot.elf teach32_boot.bin
  COMMAND ${GDBVM_GUEST_OBJCOPY} --strip-all teach32.elf teach32_kernel
  COMMAND ${CMAKE_COMMAND} -E cat teach32_boot.bin teach32_kernel > teach32.img
  COMMAND truncate --size=%512 teach32.img
  DEPENDS teach32_boot.elf teach32.elf COMMENT "guest teach32.img")

set(teach32_programs shell primes crash)
set(teach32_texts hello.txt notes.txt)
set(archived ${CMAKE_CURRENT_BINARY_DIR}/teach32fs)
set(teach32_images teach32.img teach32fs.img)
foreach(program ${teach32_programs})
  guest_elf(teach32_${program}.elf teach32/user/user.ld -m32 teach32/user/lib.c teach32/user/${program}.c common/format.c
    common/memory.c)
  list(APPEND teach32_images teach32_${program}.elf)
  list(APPEND program_files teach32_${program}.elf)
  list(APPEND stripped COMMAND ${GDBVM_GUEST_OBJCOPY} --strip-all teach32_${program}.elf ${archived}/${program})
endforeach()
list(TRANSFORM teach32_texts PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/teach32/files/ OUTPUT_VARIABLE text_files)
add_custom_command(OUTPUT teach32fs.img
  COMMAND ${CMAKE_COMMAND} -E make_directory ${archived}
  COMMAND ${CMAKE_COMMAND} -E copy ${text_files} ${archived}
  ${stripped}
  COMMAND tar --create --file=teach32fs.img --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=0644
    --directory=${archived} ${teach32_texts} ${teach32_programs}
  DEPENDS ${program_files} ${text_files} COMMENT "guest teach32fs.img" VERBATIM)
