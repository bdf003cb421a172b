/* The command line: words between blanks, some of the form name=number. */
#pragma once

#include <stdbool.h>

bool has_word(const char* line, const char* word);
/* The number of the first `name=number`, or `fallback`. */
unsigned long word_value(const char* line, const char* name, unsigned long fallback);
