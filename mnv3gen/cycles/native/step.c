// Calls a function of this machine's one instruction at a time, by the trap flag of x86-64.
#include "simulate.h"

enum { TRAP = 5, SIGINFO = 4, TRAP_FLAG = 0x100 };
// glibc's struct sigaction, and where the registers lie in its ucontext_t (sys/ucontext.h).
typedef struct {
  void (*handler)(int, void *, void *);
  uint64_t mask[16];
  int flags;
  void (*restorer)(void);
} Action;
extern int sigaction(int, const Action *, Action *);
enum { REGISTERS_AT = 40, RIP = 16, COUNTER = 118 };
// The hardware's numbers of registers (rax, rcx, rdx, rbx, rsp, ...) in the order of gregs.
static const uint8_t GREGS[16] = {13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7};

static const Simulator *current;
static Step *next_step, *last_step;

static void on_trap(int signal, void *info, void *context) {
  (void)signal, (void)info;
  const uint64_t *registers = (const uint64_t *)((const char *)context + REGISTERS_AT);
  const Simulator *s = current;
  uint64_t counter = registers[RIP];
  if (counter < s->code || counter >= s->code_end || next_step == last_step) return;
  int32_t place = s->places[counter - s->code];
  if (place < 0) return;
  const Instruction *it = s->instructions + place;
  uint64_t address = 0;
  if (it->base != NO_REGISTER || it->index != NO_REGISTER) {
    address = (uint64_t)(int64_t)it->offset;
    if (it->base == COUNTER) address += counter + it->size;
    else if (it->base != NO_REGISTER) address += registers[GREGS[it->base]];
    if (it->index != NO_REGISTER) address += registers[GREGS[it->index]] * it->scale;
  }
  *next_step++ = (Step){counter, address};
}

typedef int32_t (*Function)(void *, void *, void *, void *, void *, void *, void *, void *, void *,
                            void *, void *, void *);

// Call a function with up to 12 pointers, as mnv3gen/tune/repeat.c does, and write its steps down.
// Gives how many there are; `count` if there may have been more, -1 if there is no trap.
int64_t record(const Simulator *s, Function function, void **p, Step *steps, int64_t count) {
  Action action = {on_trap, {0}, SIGINFO, 0}, before;
  current = s;
  next_step = steps;
  last_step = steps + count;
  if (sigaction(TRAP, &action, &before)) return -1;
  __asm__ volatile("pushfq; orl %0, (%%rsp); popfq" ::"i"(TRAP_FLAG) : "memory", "cc");
  function(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11]);
  __asm__ volatile("pushfq; andl %0, (%%rsp); popfq" ::"i"(~TRAP_FLAG) : "memory", "cc");
  sigaction(TRAP, &before, 0);
  return next_step - steps;
}

// `rounds` times eight multiplications that wait for each other: 24 cycles.
uint64_t chain(uint64_t rounds) {
  uint64_t value = 3;
  for (uint64_t i = 0; i < rounds; i++)
    __asm__ volatile(
        "imul %0, %0; imul %0, %0; imul %0, %0; imul %0, %0;"
        "imul %0, %0; imul %0, %0; imul %0, %0; imul %0, %0" : "+r"(value));
  return value;
}
