/*
 * One 16-byte stub per vector, all into trap_common, which completes a struct trap_frame and calls handle_trap. The call
 * frame information follows every push, so that `bt` passes through a trap into what it interrupted, user mode included.
 */
  .cfi_sections .debug_frame
  .text

#include "common/traps32.inc"

  .balign 16
  .globl trap_stubs
trap_stubs:
  .irp vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  trap_stub \vector
  .endr
  .irp vector, 32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47
  trap_stub \vector
  .endr
  trap_stub 128

  /* The program's data segments are as flat as the kernel's, so they stay. */
  .globl trap_common
  .type trap_common, @function
trap_common:
  trap_frame_information 8
  .irp name, eax,ecx,edx,ebx,ebp,esi,edi
  pushl %\name
  .cfi_adjust_cfa_offset 4
  .cfi_rel_offset \name, 0
  .endr
  cld
  pushl %esp
  .cfi_adjust_cfa_offset 4
  call handle_trap
  addl $4, %esp
  .cfi_adjust_cfa_offset -4
  .irp name, edi,esi,ebp,ebx,edx,ecx,eax
  popl %\name
  .cfi_adjust_cfa_offset -4
  .cfi_restore \name
  .endr
  addl $8, %esp
  .cfi_adjust_cfa_offset -8
  .globl iret_point
iret_point:
  iret
  .cfi_endproc
  .size trap_common, . - trap_common

  /* User code starts with its stack as if it had been called. */
  .globl enter_user_mode
  .type enter_user_mode, @function
enter_user_mode:
  .cfi_startproc
  movl 4(%esp), %eax
  movl 8(%esp), %ecx
  movl $0x23, %edx /* USER_DATA */
  movl %edx, %ds
  movl %edx, %es
  movl %edx, %fs
  movl %edx, %gs
  subl $4, %ecx
  pushl %edx
  .cfi_adjust_cfa_offset 4
  pushl %ecx
  .cfi_adjust_cfa_offset 4
  pushl $0x202 /* interrupts on */
  .cfi_adjust_cfa_offset 4
  pushl $0x1b /* USER_CODE */
  .cfi_adjust_cfa_offset 4
  pushl %eax
  .cfi_adjust_cfa_offset 4
  iret
  .cfi_endproc
  .size enter_user_mode, . - enter_user_mode
