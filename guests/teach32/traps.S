/*
 * One 16-byte stub per vector, all into trap_common, which completes a struct trap_frame and calls handle_trap. The call
 * frame information follows every push, so that `bt` passes through a trap into what it interrupted, user mode included.
 */
#include "teach32/layout.h"

  .cfi_sections .debug_frame
  .text

  /*
   * The CFA is what follows eip, cs and eflags: the interrupted stack itself when that was the kernel's. From user mode esp is
   * stored there, so esp is, as a DWARF expression on the CFA: (the word at CFA - 8, which is cs, & 3) ? the word at CFA : CFA.
   */
  .macro trap_frame_information bytes
  .cfi_startproc simple
  .cfi_signal_frame
  .cfi_def_cfa esp, \bytes + 12
  .cfi_offset eip, -12
  .cfi_escape 0x16, 4, 13  /* DW_CFA_val_expression esp, 13 bytes */
  .cfi_escape 0x12, 0x38, 0x1c, 0x06, 0x33, 0x1a  /* dup, lit8, minus, deref, lit3, and */
  .cfi_escape 0x28, 3, 0, 0x2f, 1, 0, 0x06  /* bra to the deref, skip it, deref */
  .endm

  .macro trap_stub vector
  .balign 16
  .globl trap_\vector
  .type trap_\vector, @function
trap_\vector:
  .if \vector < 32 && (0x27d00 >> (\vector & 31)) & 1 /* 8, 10 to 14 and 17 come with an error code */
  trap_frame_information 4
  .else
  trap_frame_information 0
  pushl $0
  .cfi_adjust_cfa_offset 4
  .endif
  pushl $\vector
  .cfi_adjust_cfa_offset 4
  jmp trap_common
  .cfi_endproc
  .size trap_\vector, . - trap_\vector
  .endm

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
