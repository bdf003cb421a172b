/* Multiboot header and entry: own GDT, own stack, then C. */
#define MAGIC 0x1badb002
#define FLAGS 0x3 /* modules on page boundaries, memory information */

  .section .multiboot, "a"
  .balign 4
  .long MAGIC, FLAGS, -(MAGIC + FLAGS)

  .cfi_sections .debug_frame
  .text
  .code32
  .globl start
  .type start, @function
start:
  .cfi_startproc
  .cfi_undefined eip /* the outermost frame */
  cli
  cld
  lgdt gdt_pointer
  ljmp $0x08, $reload_segments
reload_segments:
  movw $0x10, %cx
  movw %cx, %ds
  movw %cx, %es
  movw %cx, %fs
  movw %cx, %gs
  movw %cx, %ss
  movl $stack_top, %esp
  xorl %ebp, %ebp
  subl $8, %esp /* keeps the stack 16-byte aligned at the call */
  pushl %ebx
  pushl %eax
  call kernel_main
hang:
  cli
  hlt
  jmp hang
  .cfi_endproc
  .size start, . - start

  .data
  .balign 8
gdt:
  .quad 0
  .quad 0x00cf9b000000ffff
  .quad 0x00cf93000000ffff
gdt_pointer:
  .word . - gdt - 1
  .long gdt

  .bss
  .balign 16
  .skip 16384
stack_top:
