/* What the benchmark prints and reads, without a libc's stdio. */
#include <stdint.h>

#include "${name}-linux.h"

enum { OUT = 1, ERR = 2 };

static _Noreturn void fail(const char *problem, const char *what, long error);

static void write_text(long file, const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  long done = transfer(WRITE, file, text, length);
  if (done < 0 && file == OUT) fail("cannot write", "standard output", done);
}

/* With zeros before it, up to that many digits. */
static void write_whole(long file, uint32_t value, int digits) {
  char text[11], *at = text + 10;
  for (*at = 0; value || digits > 0; value /= 10, digits--) *--at = (char)('0' + value % 10);
  write_text(file, at);
}

/* With six decimals; from 0 to less than 2^32 - 1. */
static void write_fixed(long file, double value) {
  uint32_t whole = (uint32_t)value;
  uint32_t millionths = (uint32_t)((value - whole) * 1e6 + 0.5);
  write_whole(file, whole + millionths / 1000000, 1);
  write_text(file, ".");
  write_whole(file, millionths % 1000000, 6);
}

/* Three digits and an exponent of ten, as 1.03e-06, from 0 up; null for what JSON cannot say. */
static void write_scientific(long file, double value) {
  int exponent = 0;
  if (!(value <= 1e300)) {
    write_text(file, "null");
    return;
  }
  for (; value >= 9.995; value /= 10) exponent++;
  for (; value > 0 && value < 0.9995; value *= 10) exponent--;
  uint32_t hundredths = (uint32_t)(value * 100 + 0.5);
  write_whole(file, hundredths / 100, 1);
  write_text(file, ".");
  write_whole(file, hundredths % 100, 2);
  write_text(file, exponent < 0 ? "e-" : "e+");
  write_whole(file, (uint32_t)(exponent < 0 ? -exponent : exponent), 2);
}

/* Ends the program; `error` is what the kernel gave, or 0. */
static _Noreturn void fail(const char *problem, const char *what, long error) {
  const char *parts[] = {"benchmark: ", problem, ": ", what, error ? " (error " : "\n"};
  for (int i = 0; i < 5; i++) write_text(ERR, parts[i]);
  if (error) {
    write_whole(ERR, (uint32_t)-error, 1);
    write_text(ERR, ")\n");
  }
  leave(2);
}

static int same(const char *a, const char *b) {
  for (; *a && *a == *b; a++) b++;
  return *a == *b;
}

/* The value of decimal digits; -1 for anything else and for more than `most`. */
static long read_whole(const char *text, long most) {
  long value = *text ? 0 : -1;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return -1;
    value = value * 10 + (*text - '0');
    if (value > most) return -1;
  }
  return value;
}
