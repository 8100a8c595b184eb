/* What LLVM may call for loops that copy or fill. The shared library has its own, hidden, and so has
 * the benchmark: another program that links the static library has them from its libc.
 */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  char *t = to;
  for (const char *f = from; bytes--;) *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  char *t = to;
  const char *f = from;
  if (t < f)
    while (bytes--) *t++ = *f++;
  else
    while (bytes--) t[bytes] = f[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  for (char *t = to; bytes--;) *t++ = (char)value;
  return to;
}

#ifdef __arm__ /* the names and argument order of the Run-time ABI for the Arm Architecture, 4.3.4 */
#define COPY(name) \
  void name(void *to, const void *from, size_t bytes) { memmove(to, from, bytes); }
#define CLEAR(name) \
  void name(void *to, size_t bytes) { memset(to, 0, bytes); }
#define FILL(name) \
  void name(void *to, size_t bytes, int value) { memset(to, value, bytes); }
COPY(__aeabi_memcpy) COPY(__aeabi_memcpy4) COPY(__aeabi_memcpy8)
COPY(__aeabi_memmove) COPY(__aeabi_memmove4) COPY(__aeabi_memmove8)
CLEAR(__aeabi_memclr) CLEAR(__aeabi_memclr4) CLEAR(__aeabi_memclr8)
FILL(__aeabi_memset) FILL(__aeabi_memset4) FILL(__aeabi_memset8)
#endif
