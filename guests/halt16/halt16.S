/* The classic first guest: 16-bit code that halts. A boot sector, so that it is recognised without --format. */
  .code16
  .text
  .globl start
  .type start, @function
start:
  cli
halt:
  hlt
  jmp halt
  .size start, . - start
