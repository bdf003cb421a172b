/*
 * One 16-byte stub per vector, all into trap_common, which completes a struct trap_frame and calls handle_trap. The call
 * frame information follows every push, so that `bt` passes through a trap into what it interrupted, user mode included.
 */
#include "teach32/layout.h"

  .cfi_sections .debug_frame
  .text

#include "common/traps32.inc"

  .balign 16
  .globl trap_stubs
trap_stubs:
  .irp vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  trap_stub \vector
  .endr
  .irp vector, 32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63
  trap_stub \vector
  .endr
  trap_stub 64 /* SYSTEM_CALL */

  .globl trap_common
  .type trap_common, @function
trap_common:
  trap_frame_information 8
  .irp name, ds,es,fs,gs
  pushl %\name
  .cfi_adjust_cfa_offset 4
  .endr
  .irp name, eax,ecx,edx,ebx,ebp,esi,edi
  pushl %\name
  .cfi_adjust_cfa_offset 4
  .cfi_rel_offset \name, 0
  .endr
  movl $KERNEL_DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl $THIS_CPU, %eax
  movl %eax, %gs
  cld
  pushl %esp
  .cfi_adjust_cfa_offset 4
  call handle_trap
  addl $4, %esp
  .cfi_adjust_cfa_offset -4
return_from_trap:
  .irp name, edi,esi,ebp,ebx,edx,ecx,eax
  popl %\name
  .cfi_adjust_cfa_offset -4
  .cfi_restore \name
  .endr
  .irp name, gs,fs,es,ds
  popl %\name
  .cfi_adjust_cfa_offset -4
  .endr
  addl $8, %esp
  .cfi_adjust_cfa_offset -8
  .globl iret_point
iret_point:
  iret
  .cfi_endproc
  .size trap_common, . - trap_common

  /* _Noreturn void return_to_user(struct trap_frame* frame) */
  .globl return_to_user
  .type return_to_user, @function
return_to_user:
  .cfi_startproc
  .cfi_undefined eip
  movl 4(%esp), %esp
  jmp return_from_trap
  .cfi_endproc
  .size return_to_user, . - return_to_user
