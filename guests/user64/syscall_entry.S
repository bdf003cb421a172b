/*
 * `syscall` changes neither stack nor gs: this does both, builds the same struct trap_frame as an interrupt, and goes back by
 * `sysretq`. The call frame information follows; for the two instructions without a way to the user's stack it ends here.
 */
#define PER_CPU_USER_STACK 0
#define PER_CPU_KERNEL_STACK 8
#define USER_DATA 0x1b
#define USER_CODE 0x23

  .cfi_sections .debug_frame
  .text
  .globl syscall_entry
  .type syscall_entry, @function
syscall_entry:
  .cfi_startproc simple
  .cfi_signal_frame
  .cfi_def_cfa rsp, 0
  .cfi_register rip, rcx
  swapgs
  movq %rsp, %gs:PER_CPU_USER_STACK
  movq %gs:PER_CPU_KERNEL_STACK, %rsp
  .cfi_undefined rip
  pushq $USER_DATA
  .cfi_adjust_cfa_offset 8
  pushq %gs:PER_CPU_USER_STACK
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset rsp, 0
  .cfi_register rip, rcx
  pushq %r11
  .cfi_adjust_cfa_offset 8
  pushq $USER_CODE
  .cfi_adjust_cfa_offset 8
  pushq %rcx
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset rip, 0
  subq $16, %rsp /* vector, error code */
  .cfi_adjust_cfa_offset 16
  .irp name, rax,rbx,rcx,rdx,rsi,rdi,rbp,r8,r9,r10,r11,r12,r13,r14,r15
  pushq %\name
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset \name, 0
  .endr
  cld
  movq %rsp, %rdi
  call handle_syscall
  .irp name, r15,r14,r13,r12,r11,r10,r9,r8,rbp,rdi,rsi,rdx,rcx,rbx,rax
  popq %\name
  .cfi_adjust_cfa_offset -8
  .cfi_restore \name
  .endr
  addq $16, %rsp
  .cfi_adjust_cfa_offset -16
  popq %rcx
  .cfi_adjust_cfa_offset -8
  .cfi_register rip, rcx
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %r11
  .cfi_adjust_cfa_offset -8
  popq %rsp
  .cfi_def_cfa rsp, 0
  .cfi_val_offset rsp, 0
  swapgs
  sysretq
  .cfi_endproc
  .size syscall_entry, . - syscall_entry
