/*
 * A boot sector that says hello on the UART and on port 0xe9, counts down, and powers off.
 *
 * It is assembled into an ELF64 file, though its code is 16-bit: gdb then keeps the 64-bit architecture that the VM
 * describes, in which source lines, symbols, `step`, `bt` and `finish` work. (An ELF32 file would make gdb switch to i386 and
 * refuse the VM's registers.) Return addresses are two bytes here, which the call frame information below tells gdb.
 */
#define UART 0x3f8
#define DEBUG_CONSOLE 0xe9

/* The frame of a near call in 16-bit code: CFA = sp + 2, return address = the two bytes at CFA - 2.
   Registers by number, as the assembler knows no 64-bit names here: 7 = rsp, 16 = rip.
   0x16 = DW_CFA_val_expression, 4 bytes: DW_OP_lit2, DW_OP_minus, DW_OP_deref_size 2. */
  .macro function name
  .globl \name
  .type \name, @function
\name:
  .cfi_startproc simple
  .cfi_def_cfa 7, 2
  .cfi_val_offset 7, 0
  .cfi_escape 0x16, 16, 4, 0x32, 0x1c, 0x94, 2
  .endm

  .macro end_function name
  .cfi_endproc
  .size \name, . - \name
  .endm

  .macro push_register name
  push \name
  .cfi_adjust_cfa_offset 2
  .endm

  .macro pop_register name
  pop \name
  .cfi_adjust_cfa_offset -2
  .endm

  .cfi_sections .debug_frame
  .code16
  .text

  .globl start
  .type start, @function
start:
  .cfi_startproc simple
  .cfi_def_cfa 7, 0
  .cfi_undefined 16 /* the outermost frame */
  ljmp $0, $normalized /* some firmware enters at 07c0:0000 */
normalized:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movw $0x7c00, %sp
  cld
  movw $greeting, %si
  call print_string
  movw $debug_greeting, %si
  call print_debug

  .globl countdown_loop
countdown_loop:
  call print_countdown
  decw countdown
  jnz countdown_loop

  movw $farewell, %si
  call print_string

  .globl power_off
power_off:
  movw $0x604, %dx
  movw $0x2000, %ax
  outw %ax, %dx
  .globl hang
hang:
  cli
  hlt
  jmp hang
end_function start

/* Prints the variable and a blank. */
function print_countdown
  movw countdown, %ax
  call print_number
  movb $' ', %al
  call put_char
  ret
end_function print_countdown

/* Prints AX as a decimal number: the digits before the last by recursion. Clobbers AX, CX, DX. */
function print_number
  xorw %dx, %dx
  movw $10, %cx
  divw %cx
  push_register %dx
  testw %ax, %ax
  jz last_digit
  call print_number
last_digit:
  pop_register %ax
  addb $'0', %al
  call put_char
  ret
end_function print_number

/* Prints the string at SI. Clobbers AX, DX, SI. */
function print_string
  lodsb
  testb %al, %al
  jz string_done
  call put_char
  jmp print_string
string_done:
  ret
end_function print_string

/* Sends the string at SI to the debug console, which is always ready. Clobbers AL, SI. */
function print_debug
  lodsb
  testb %al, %al
  jz debug_done
  outb %al, $DEBUG_CONSOLE
  jmp print_debug
debug_done:
  ret
end_function print_debug

/* Sends AL to the UART. Clobbers AH, DX. */
function put_char
  movb %al, %ah
  movw $UART + 5, %dx
uart_busy:
  inb %dx, %al
  testb $0x20, %al /* LSR: transmitter holding register empty */
  jz uart_busy
  movw $UART, %dx
  movb %ah, %al
  outb %al, %dx
  ret
end_function put_char

  .data
  .macro variable name
  .globl \name
  .type \name, @object
\name:
  .endm

  .balign 2
variable countdown
  .word 12
  .size countdown, 2
variable greeting
  .asciz "Hello from 16-bit real mode, by the UART\r\n"
  .size greeting, . - greeting
variable debug_greeting
  .asciz "and by port 0xe9.\r\n"
  .size debug_greeting, . - debug_greeting
variable farewell
  .asciz "lift-off\r\n"
  .size farewell, . - farewell
