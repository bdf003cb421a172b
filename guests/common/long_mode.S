/*
 * From a boot loader into 64-bit C. Two ways in:
 *   pvh_entry        32-bit, no paging, ebx = physical address of the PVH start_info (found by the ELF note)
 *   long_mode_entry  the ELF entry point: long mode already, for a loader that knows no PVH; no start_info
 * Both end in kernel_main(physical address of start_info or 0), on our page tables: the first 4 GiB at address 0 and the first
 * 1 GiB at 0xffffffff80000000, in 2 MiB pages. BOOT_PAGE is 3 for pages of the kernel alone, 7 for user mode's as well.
 */
#define PHYSICAL(symbol) ((symbol) - KERNEL_BASE)
#define LARGE_PAGE (0x80 | BOOT_PAGE)

  .section .note.Xen, "a", @note
  .balign 4
  .long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
  .asciz "Xen"
  .quad pvh_entry

  .cfi_sections .debug_frame
  .section .boot, "ax"
  .code32
  .globl pvh_entry
  .type pvh_entry, @function
pvh_entry:
  .cfi_startproc simple
  .cfi_def_cfa 7, 0 /* rsp: there is no return address */
  .cfi_undefined 16 /* rip: the outermost frame */
  cli
  cld
  lgdt boot_gdt_pointer
#define BOOT_TABLES PHYSICAL(boot_pml4)
#include "common/paging_on.inc"
  movl %ebx, %edi
  ljmp $0x08, $enter_kernel
  .cfi_endproc
  .size pvh_entry, . - pvh_entry

  .code64
  .globl long_mode_entry
  .type long_mode_entry, @function
long_mode_entry:
  .cfi_startproc
  .cfi_undefined 16
  cli
  cld
  xorl %edi, %edi
  movl $PHYSICAL(boot_pml4), %eax
  movq %rax, %cr3
enter_kernel:
  movabsq $start_kernel, %rax
  jmpq *%rax
  .cfi_endproc
  .size long_mode_entry, . - long_mode_entry

  .balign 8
boot_gdt:
  .quad 0
  .quad 0x00af9b000000ffff
boot_gdt_pointer:
  .word . - boot_gdt - 1
  .long boot_gdt

  .text
  .type start_kernel, @function
start_kernel:
  .cfi_startproc
  .cfi_undefined 16
  movq $boot_stack_top, %rsp
  xorl %ebp, %ebp
  movl %edi, %edi
  call kernel_main
hang:
  cli
  hlt
  jmp hang
  .cfi_endproc
  .size start_kernel, . - start_kernel

  .data
  .balign 4096
  .globl boot_pml4
boot_pml4:
  .quad PHYSICAL(pdpt_low) + BOOT_PAGE
  .fill 510, 8, 0
  .quad PHYSICAL(pdpt_high) + BOOT_PAGE
pdpt_low:
  .quad PHYSICAL(directory) + BOOT_PAGE
  .quad PHYSICAL(directory) + 0x1000 + BOOT_PAGE
  .quad PHYSICAL(directory) + 0x2000 + BOOT_PAGE
  .quad PHYSICAL(directory) + 0x3000 + BOOT_PAGE
  .fill 508, 8, 0
pdpt_high:
  .fill 510, 8, 0
  .quad PHYSICAL(directory) + BOOT_PAGE
  .quad 0
directory:
  .set address, 0
  .rept 2048
  .quad address + LARGE_PAGE
  .set address, address + 0x200000
  .endr

  .bss
  .balign 16
  .skip 16384
  .globl boot_stack_top
boot_stack_top:
