/* What programs share: the kernel's calls, and text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "teach32/user_abi.h"

/* Each program's own; its result is the exit code. */
int main(void);

int call_kernel(enum call call, uint32_t a, uint32_t b, uint32_t c, uint32_t d);
__attribute__((format(printf, 1, 2))) void print(const char* format, ...);
/* A line without its end; at most size - 1 characters. */
void read_line(char* line, unsigned size);
bool same(const char* a, const char* b);
_Noreturn void exit(int code);
