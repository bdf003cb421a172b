/* Functions whose bytes matter. */
  .cfi_sections .debug_frame

  .macro function name
  .globl \name
  .type \name, @function
\name:
  .cfi_startproc
  .endm
  .macro end_function name
  .cfi_endproc
  .size \name, . - \name
  .endm

  /* code.c rewrites the first instruction, of six bytes, and expects the result in eax. */
  .text
  .balign 16
  function patched_function
  leal 0x1000(%rdi), %eax
  nop
  ret
  end_function patched_function

  /* In the user half: the page itself and a copy of it, with another number, are mapped here in turn. */
  .section .place, "ax"
  function at_two_places
  movl $0x11111111, %eax
  nop
  ret
  end_function at_two_places
