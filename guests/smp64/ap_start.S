/*
 * Where a start-up IPI lets a CPU begin: real mode, cs = page / 16, ip = 0. Through protected mode into long mode on the
 * BSP's page tables; the local APIC's id says which CPU this is and so which stack it has. Needs no memory of its own, so
 * CPUs may come all at once.
 */
#define LOCAL_APIC_ID 0xfee00020

  .cfi_sections .debug_frame
  .section .ap_start, "ax"
  .code16
  .globl ap_start
  .type ap_start, @function
ap_start:
  .cfi_startproc
  .cfi_undefined 16 /* rip: the outermost frame */
  cli
  cld
  lgdtl %cs:ap_gdt_pointer - ap_start
  movl %cr0, %eax
  andl $0x9fffffff, %eax /* INIT leaves the caches off */
  orl $1, %eax /* PE */
  movl %eax, %cr0
  ljmpl $0x18, $ap_protected
  .cfi_endproc
  .size ap_start, . - ap_start

  .code32
  .globl ap_protected
  .type ap_protected, @function
ap_protected:
  .cfi_startproc
  .cfi_undefined 16
  movl $0x10, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
#define BOOT_TABLES boot_pml4
#include "common/paging_on.inc"
  ljmp $0x08, $ap_long
  .cfi_endproc
  .size ap_protected, . - ap_protected

  .code64
  .globl ap_long
  .type ap_long, @function
ap_long:
  .cfi_startproc
  .cfi_undefined rip
  movl $LOCAL_APIC_ID, %eax
  movl (%rax), %eax
  shrl $24, %eax
  movq cpu_of_apic(, %rax, 8), %rdi
  movq (%rdi), %rsp /* struct cpu's first member */
  xorl %ebp, %ebp
  call ap_main
  ud2
  .cfi_endproc
  .size ap_long, . - ap_long

  /* The selectors of descriptors.c, and 32-bit code. */
  .balign 8
ap_gdt:
  .quad 0
  .quad 0x00af9b000000ffff
  .quad 0x00cf93000000ffff
  .quad 0x00cf9b000000ffff
ap_gdt_pointer:
  .word . - ap_gdt - 1
  .long ap_gdt
