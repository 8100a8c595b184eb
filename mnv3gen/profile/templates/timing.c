/* The driver of ${name} with a clock reading before the first call and after each. */
#include <stdint.h>

struct moment {
  long seconds, nanoseconds;
};
typedef int clock_reader(int clock, struct moment *now);

enum { MONOTONIC = 1 };
static clock_reader *read_clock; /* the process's clock_gettime: the library links no libc */
static int64_t *next_mark;

static void mark(void) {
  struct moment now;
  read_clock(MONOTONIC, &now);
  *next_mark++ = (int64_t)now.seconds * 1000000000 + now.nanoseconds;
}

#define CALL(kernel, arguments) (${name}_##kernel arguments, mark())
#include "${name}.c"

API int32_t timed_run(const float *input, float *output, void *workspace, clock_reader *reader,
                      int64_t *marks) {
  read_clock = reader;
  next_mark = marks;
  mark();
  return ${name}_run(input, output, workspace);
}
