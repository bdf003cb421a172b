/*
 * The part of the user-mode program that uses vector registers. At sse_point xmm3 holds sse_pattern; at avx_point ymm3 holds
 * avx_pattern. Both then store the register: change it there, and sse_result or avx_result shows it.
 */
  .cfi_sections .debug_frame
  .text
  .globl use_sse
  .type use_sse, @function
use_sse:
  .cfi_startproc
  movups sse_pattern, %xmm3
  .globl sse_point
sse_point:
  movups %xmm3, sse_result
  ret
  .cfi_endproc
  .size use_sse, . - use_sse

  .globl use_avx
  .type use_avx, @function
use_avx:
  .cfi_startproc
  vmovups avx_pattern, %ymm3
  .globl avx_point
avx_point:
  vmovups %ymm3, avx_result
  vzeroupper
  ret
  .cfi_endproc
  .size use_avx, . - use_avx

  .section .rodata
  .balign 32
  .globl sse_pattern
sse_pattern:
  .long 0x11111111, 0x22222222, 0x33333333, 0x44444444
  .balign 32
  .globl avx_pattern
avx_pattern:
  .quad 0x0123456789abcdef, 0x1111222233334444, 0x5555666677778888, 0x9999aaaabbbbcccc

  .data
  .balign 32
  .globl sse_result
sse_result:
  .skip 16
  .balign 32
  .globl avx_result
avx_result:
  .skip 32
