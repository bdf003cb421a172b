/* Code that changes: rewritten in place, or copied to where it runs, as a boot loader's decompressor does. */
#include "common/console.h"
#include "traps64/traps64.h"

enum { kInstruction = 6 };

uint32_t patched_function(uint32_t argument); /* code.S */
extern uint8_t late_begin[], late_end[];
extern const char late_physical[];

volatile uint64_t patched_calls;
volatile uint64_t late_calls;
static uint64_t late_sum;

static void put(uint8_t* to, const uint8_t code[kInstruction]) {
  for (unsigned i = 0; i < kInstruction; i++) ((volatile uint8_t*)to)[i] = code[i];
}

static unsigned differences(const volatile uint8_t* bytes, const uint8_t code[kInstruction]) {
  unsigned count = 0;
  for (unsigned i = 0; i < kInstruction; i++) count += bytes[i] != code[i];
  return count;
}

/* Another opcode each time: mov $number, %eax; nop, or lea number(%rdi), %eax. */
static void rewrite(uint8_t code[kInstruction], uint64_t round) {
  const uint32_t number = (uint32_t)(round * 0x01010101);
  const bool moves = round % 2 == 0;
  code[0] = moves ? 0xb8 : 0x8d;
  if (!moves) code[1] = 0x87;
  for (unsigned i = 0; i < 4; i++) code[(moves ? 1 : 2) + i] = (uint8_t)(number >> 8 * i);
  if (moves) code[5] = 0x90;
}

CALLED void patch_written(void) { __asm__ volatile(""); }

void job_patch(uint64_t rounds) {
  uint8_t* const function = (uint8_t*)patched_function;
  uint64_t sum = 0;
  unsigned wrong_results = 0;
  unsigned wrong_bytes = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    uint8_t code[kInstruction];
    rewrite(code, round);
    put(function, code);
    patch_written();
    wrong_bytes += differences(function, code);
    const uint32_t result = patched_function((uint32_t)round);
    patched_calls = patched_calls + 1;
    wrong_results += result != (uint32_t)(round * 0x01010101 + (round % 2 == 0 ? 0 : round));
    sum += result;
    wrong_bytes += differences(function, code);
  }
  print("patch: %lu calls, sum %lx, %u wrong results, %u wrong bytes\n", patched_calls, sum, wrong_results,
        wrong_bytes);
}

__attribute__((section(".late"), noipa)) void late_helper(uint64_t number) { late_sum += number; }

__attribute__((section(".late"), noipa)) void late_function(uint64_t number) {
  late_calls = late_calls + 1;
  late_helper(number);
}

static const uint8_t* late_image(void) { return (const uint8_t*)(KERNEL_BASE + (uint64_t)late_physical); }

CALLED void copy_bytes(void) {
  const uint8_t* from = late_image();
  for (volatile uint8_t* to = late_begin; to < late_end; to++) *to = *from++;
}

CALLED void copy_string(void) {
  const uint8_t* from = late_image();
  uint8_t* to = late_begin;
  uint64_t count = (uint64_t)(late_end - late_begin);
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/* Two times, so that breakpoints in it are written over, too. */
static void move_and_call(void (*copy)(void), uint64_t rounds) {
  unsigned wrong_bytes = 0;
  for (unsigned time = 0; time < 2; time++) {
    copy();
    for (uint64_t round = 0; round < rounds; round++) late_function(round);
    for (uint64_t at = 0; at < (uint64_t)(late_end - late_begin); at++)
      wrong_bytes += ((volatile uint8_t*)late_begin)[at] != late_image()[at];
  }
  print("move: %lu calls, sum %lu, %u wrong bytes\n", late_calls, late_sum, wrong_bytes);
}

void job_move(uint64_t rounds) { move_and_call(copy_bytes, rounds); }
void job_movs(uint64_t rounds) { move_and_call(copy_string, rounds); }
