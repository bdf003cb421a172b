  .cfi_sections .debug_frame
  .text
  .globl switch_context
  .type switch_context, @function
switch_context:
  .cfi_startproc
  .irp name, rbx,rbp,r12,r13,r14,r15
  pushq %\name
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset \name, 0
  .endr
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  .irp name, r15,r14,r13,r12,rbp,rbx
  popq %\name
  .cfi_adjust_cfa_offset -8
  .cfi_restore \name
  .endr
  ret
  .cfi_endproc
  .size switch_context, . - switch_context
