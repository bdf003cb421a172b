/*
 * void switch_context(struct context** save, struct context* next): the whole of a context switch. It pushes what a C
 * function must preserve, leaves where that is in *save, takes `next` for its stack, and pops what was once pushed there:
 * the return goes to whoever called switch_context on that stack.
 */
  .cfi_sections .debug_frame
  .text
  .globl switch_context
  .type switch_context, @function
switch_context:
  .cfi_startproc
  movl 4(%esp), %eax
  movl 8(%esp), %edx
  .irp name, ebp,ebx,esi,edi
  pushl %\name
  .cfi_adjust_cfa_offset 4
  .cfi_rel_offset \name, 0
  .endr
  movl %esp, (%eax)
  .globl stack_changes
stack_changes:
  movl %edx, %esp
  .irp name, edi,esi,ebx,ebp
  popl %\name
  .cfi_adjust_cfa_offset -4
  .cfi_restore \name
  .endr
  ret
  .cfi_endproc
  .size switch_context, . - switch_context

  /*
   * A new process's first return address is behind the nop, as return addresses are behind calls: gdb tells by what is before
   * one to which function it belongs. Nobody called: a back trace ends here.
   */
  .type first_steps, @function
first_steps:
  .cfi_startproc
  .cfi_undefined eip
  nop
  .globl first_return
first_return:
  call start_process
  ud2
  .cfi_endproc
  .size first_steps, . - first_steps
