/*
 * The kernel's first instructions, and the other CPUs'. Both turn on paging with a page directory of 4 MiB pages, which has
 * the same memory at 0 (where they run) and from KERNEL_BASE on (where the kernel is linked), and then jump up.
 */
#include "teach32/layout.h"

#define PHYSICAL(address) ((address) - KERNEL_BASE)
#define LARGE_PAGE 0x83            /* present, writable, 4 MiB */
#define LARGE_PAGE_SIZE 0x400000
#define CR4_PSE 0x10
#define CR0_PAGING 0x80010000      /* and pages that are read-only are so to the kernel, too */

  .cfi_sections .debug_frame

  .macro turn_paging_on label
  movl %cr4, %eax
  orl $CR4_PSE, %eax
  movl %eax, %cr4
  movl $PHYSICAL(boot_directory), %eax
  movl %eax, %cr3
  movl %cr0, %eax
  orl $CR0_PAGING, %eax
  .globl \label
\label:
  movl %eax, %cr0
  .endm

  .section .boot, "ax"
  .globl entry
  .type entry, @function
entry: /* the boot block jumps here: protected mode, flat segments, interrupts off */
  .cfi_startproc
  .cfi_undefined eip
  turn_paging_on entry_turns_paging_on
  movl $boot_stack + PAGE_SIZE, %esp
  xorl %ebp, %ebp
  movl $kernel_main, %eax
  call *%eax
  ud2
  .cfi_endproc
  .size entry, . - entry

  /* A start-up IPI begins here: real mode, cs = AP_START / 16, ip = 0. One CPU at a time: ap_stack is the next one's. */
  .section .ap_start, "ax"
  .code16
  .globl ap_start
  .type ap_start, @function
ap_start:
  .cfi_startproc
  .cfi_undefined eip
  cli
  cld
  lgdtl %cs:ap_segments_pointer - ap_start
  movl %cr0, %eax
  andl $0x9fffffff, %eax /* INIT leaves the caches off */
  orb $1, %al /* PE */
  movl %eax, %cr0
  ljmpl $KERNEL_CODE, $ap_protected
  .cfi_endproc
  .size ap_start, . - ap_start

  .code32
  .globl ap_protected
  .type ap_protected, @function
ap_protected:
  .cfi_startproc
  .cfi_undefined eip
  movl $KERNEL_DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  turn_paging_on ap_turns_paging_on
  movl ap_stack, %esp
  xorl %ebp, %ebp
  movl $ap_main, %eax
  call *%eax
  ud2
  .cfi_endproc
  .size ap_protected, . - ap_protected

  .balign 8
ap_segments:
  .quad 0
  .quad 0x00cf9b000000ffff
  .quad 0x00cf93000000ffff
ap_segments_pointer:
  .word . - ap_segments - 1
  .long ap_segments
  .globl ap_start_end
ap_start_end:

  .data
  .balign PAGE_SIZE
boot_directory:
  .long LARGE_PAGE
  .fill KERNEL_BASE / LARGE_PAGE_SIZE - 1, 4, 0
  .set physical, 0
  .rept MEMORY_END / LARGE_PAGE_SIZE
  .long physical + LARGE_PAGE
  .set physical, physical + LARGE_PAGE_SIZE
  .endr
  .fill 1024 - (KERNEL_BASE + MEMORY_END) / LARGE_PAGE_SIZE, 4, 0

  .bss
  .balign PAGE_SIZE
boot_stack:
  .skip PAGE_SIZE
