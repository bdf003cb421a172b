/*
 * One 16-byte stub per vector, all into trap_common, which completes a struct trap_frame and calls handle_trap. The call
 * frame information follows every push, so that `bt` passes through a trap into what it interrupted, user mode included.
 */
  .cfi_sections .debug_frame
  .text

  .macro trap_frame_information bytes
  .cfi_startproc simple
  .cfi_signal_frame
  .cfi_def_cfa rsp, \bytes + 40
  .cfi_offset rip, -40
  .cfi_offset rsp, -16
  .endm

  .macro trap_stub vector
  .balign 16
  .globl trap_\vector
  .type trap_\vector, @function
trap_\vector:
  .if \vector < 32 && (0x27d00 >> (\vector & 31)) & 1 /* 8, 10 to 14 and 17 come with an error code */
  trap_frame_information 8
  .else
  trap_frame_information 0
  pushq $0
  .cfi_adjust_cfa_offset 8
  .endif
  pushq $\vector
  .cfi_adjust_cfa_offset 8
  jmp trap_common
  .cfi_endproc
  .size trap_\vector, . - trap_\vector
  .endm

  .macro push_register name
  pushq %\name
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset \name, 0
  .endm

  .macro pop_register name
  popq %\name
  .cfi_adjust_cfa_offset -8
  .cfi_restore \name
  .endm

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

  .globl trap_common
  .type trap_common, @function
trap_common:
  trap_frame_information 16
  .irp name, rax,rbx,rcx,rdx,rsi,rdi,rbp,r8,r9,r10,r11,r12,r13,r14,r15
  push_register \name
  .endr
  cld
  movq %rsp, %rdi
  call handle_trap
  .irp name, r15,r14,r13,r12,r11,r10,r9,r8,rbp,rdi,rsi,rdx,rcx,rbx,rax
  pop_register \name
  .endr
  addq $16, %rsp
  .cfi_adjust_cfa_offset -16
  iretq
  .cfi_endproc
  .size trap_common, . - trap_common

  /* enter_user_mode(code, stack_top, rflags). User code starts with its stack as if it had been called. */
  .globl enter_user_mode
  .type enter_user_mode, @function
enter_user_mode:
  .cfi_startproc
  subq $8, %rsi
  pushq $0x1b /* USER_DATA */
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  pushq %rdx
  .cfi_adjust_cfa_offset 8
  pushq $0x23 /* USER_CODE */
  .cfi_adjust_cfa_offset 8
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  iretq
  .cfi_endproc
  .size enter_user_mode, . - enter_user_mode
