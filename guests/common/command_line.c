#include "common/command_line.h"

#include <stddef.h>

/* What follows the first word of `line` that starts with `name`, or null. */
static const char* after_word(const char* line, const char* name) {
  for (char before = ' '; *line != '\0'; before = *line++) {
    if (before != ' ') continue;
    const char* rest = line;
    const char* letter = name;
    while (*letter != '\0' && *rest == *letter) rest++, letter++;
    if (*letter == '\0' && (*rest == ' ' || *rest == '=' || *rest == '\0')) return rest;
  }
  return NULL;
}

bool has_word(const char* line, const char* word) { return after_word(line, word) != NULL; }

unsigned long word_value(const char* line, const char* name, unsigned long fallback) {
  const char* rest = after_word(line, name);
  if (rest == NULL || *rest != '=' || rest[1] < '0' || rest[1] > '9') return fallback;
  unsigned long value = 0;
  while (*++rest >= '0' && *rest <= '9') value = value * 10 + (unsigned long)(*rest - '0');
  return value;
}
