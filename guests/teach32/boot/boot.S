/*
 * The boot block. The BIOS has read drive 0's first sector to 0x7c00 and jumped there: real mode, 16 bits, 1 MiB. It takes
 * the CPU to 32-bit protected mode with flat segments, where C can do the rest (load.c). No BIOS service is used.
 */
#include "teach32/layout.h"

#define KEYBOARD_DATA 0x60
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_FULL 2          /* it has not taken the last byte yet */
#define WRITE_OUTPUT_PORT 0xd1
#define A20_ON 0xdf              /* address line 20 is bit 1 of the keyboard controller's output port */

  .cfi_sections .debug_frame
  .section .start, "ax"
  .code16
  .globl start
  .type start, @function
start:
  .cfi_startproc
  .cfi_undefined eip /* nobody called */
  cli
  cld
  ljmp $0, $normalized /* some BIOSes enter at 07c0:0000 */
normalized:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss

  /* The first PC's addresses ended at 1 MiB and wrapped; later ones pretend, until told otherwise. */
  .globl open_a20
open_a20:
  inb $KEYBOARD_COMMAND, %al
  testb $KEYBOARD_FULL, %al
  jnz open_a20
  movb $WRITE_OUTPUT_PORT, %al
  outb %al, $KEYBOARD_COMMAND
command_not_taken:
  inb $KEYBOARD_COMMAND, %al
  testb $KEYBOARD_FULL, %al
  jnz command_not_taken
  movb $A20_ON, %al
  outb %al, $KEYBOARD_DATA

  lgdtl segments_pointer
  movl %cr0, %eax
  orb $1, %al /* PE */
  .globl turn_protection_on
turn_protection_on:
  movl %eax, %cr0
  ljmp $KERNEL_CODE, $protected
  .cfi_endproc
  .size start, . - start

  .code32
  .globl protected
  .type protected, @function
protected:
  .cfi_startproc
  .cfi_undefined eip
  movl $KERNEL_DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl $start, %esp /* downwards from here, all is free */
  call load_kernel
hang: /* there was no kernel */
  hlt
  jmp hang
  .cfi_endproc
  .size protected, . - protected

  .balign 8
segments:
  .quad 0
  .quad 0x00cf9b000000ffff /* code: from 0, 4 GiB */
  .quad 0x00cf93000000ffff /* data: the same */
segments_pointer:
  .word . - segments - 1
  .long segments
