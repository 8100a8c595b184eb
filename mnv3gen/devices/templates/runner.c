/* Runs a program on a device of TVM's RPC: what a server there can do is call a library's functions.
 *
 * The function `execute` of this library takes, as TVM's strings, a program's path, its arguments
 * divided by line feeds, the files that get what it prints, and the most seconds as an integer. It
 * gives the exit code, minus the number of the signal that ended it, or -1000 - errno. It needs
 * nothing of TVM's: the layout of its values is that of tvm/ffi/c_api.h.
 */
#include "${name}-text.h"
#include "${name}-state.h"

#if defined __x86_64__
enum { CLONE = 56, EXECVE = 59, DUP3 = 292, WAIT4 = 61, FCHMODAT = 268 };
#elif defined __aarch64__
enum { CLONE = 220, EXECVE = 221, DUP3 = 24, WAIT4 = 260, FCHMODAT = 53 };
#elif defined __arm__
enum { CLONE = 120, EXECVE = 11, DUP3 = 358, WAIT4 = 114, FCHMODAT = 333 };
#endif
enum { SIGNAL_OF_CHILDREN = 17, HERE = -100, MOST_WORDS = 64, MOST_TEXT = 8192, FAILED = -1000 };
enum { INTEGER = 1, RAW_STRING = 8, SMALL_STRING = 11, STRING = 65 }; /* TVMFFITypeIndex */

struct value { /* TVMFFIAny */
  int32_t type;
  uint32_t small_length;
  union {
    int64_t integer;
    const char *text;
    char small[8];
    const char *object;
  };
};

struct string { /* TVMFFIObject, TVMFFIByteArray */
  uint64_t references;
  int32_t type;
  uint32_t padding;
  int64_t deleter;
  const char *data;
  size_t size;
};

int main(int count, char **arguments) { return count + !arguments; } /* linux.h's start calls it */

/* A copy that ends with a zero; 0 if it is no string, or too long. */
static int copy(const struct value *from, char *to) {
  const char *data = from->text;
  size_t size = 0;
  if (from->type == STRING) data = ((const struct string *)from->object)->data,
                            size = ((const struct string *)from->object)->size;
  else if (from->type == SMALL_STRING) data = from->small, size = from->small_length;
  else if (from->type == RAW_STRING) while (data[size]) size++;
  else return 0;
  if (size >= MOST_TEXT) return 0;
  for (size_t i = 0; i < size; i++) to[i] = data[i];
  to[size] = 0;
  return 1;
}

static void start(const char *path, char *words, const char *output, const char *errors, long seconds) {
  static char *arguments[MOST_WORDS + 2];
  char *const environment[] = {NULL};
  int count = 1;
  arguments[0] = (char *)path;
  for (char *at = words; *at && count < MOST_WORDS; ) {
    arguments[count++] = at;
    while (*at && *at != '\n') at++;
    if (*at) *at++ = 0;
  }
  arguments[count] = NULL;
  const char *files[] = {"/dev/null", output, errors};
  for (long i = 0; i < 3; i++) {
    long file = open_file(files[i], i ? WRITING : READING);
    if (file < 0) leave(126);
    if (file != i) system_call(DUP3, file, i, 0, 0, 0, 0);
  }
  const long timer[4] = {0, 0, seconds, 0};
  system_call(SET_TIMER, 0, (long)timer, 0, 0, 0, 0);
  system_call(EXECVE, (long)path, (long)arguments, (long)environment, 0, 0, 0);
  leave(127);
}

__attribute__((visibility("default"))) int32_t __tvm_ffi_execute(void *self,
                                                                 const struct value *arguments,
                                                                 int32_t count,
                                                                 struct value *result) {
  static char texts[4][MOST_TEXT];
  (void)self;
  result->type = INTEGER;
  result->small_length = 0;
  result->integer = FAILED - 22; /* EINVAL */
  if (count != 5 || arguments[4].type != INTEGER) return 0;
  for (int i = 0; i < 4; i++)
    if (!copy(arguments + i, texts[i])) return 0;
  system_call(FCHMODAT, HERE, (long)texts[0], 0700, 0, 0, 0);
  long child = system_call(CLONE, SIGNAL_OF_CHILDREN, 0, 0, 0, 0, 0);
  if (child == 0) start(texts[0], texts[1], texts[2], texts[3], (long)arguments[4].integer);
  int status = 0;
  long waited = child < 0 ? child : system_call(WAIT4, child, (long)&status, 0, 0, 0, 0);
  if (waited < 0) result->integer = FAILED + waited;
  else result->integer = status & 0x7f ? -(status & 0x7f) : (status >> 8) & 0xff;
  return 0;
}
