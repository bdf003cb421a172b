/*
 * How user mode talks to the kernel: by the exception of `ud2` with a call number in rax and an argument in rdi.
 * Neither `syscall` nor `int` works on PVM.
 */
#pragma once

enum user_call { USER_CALL_SAY = 1, USER_CALL_SLEEP = 2 };

/* The page here appears when it is first touched. */
#define USER_HEAP 0x500000ul
