/* Says that programs run on a device, and how its processor is doing. */
#include "${name}-text.h"
#include "${name}-state.h"

static long number(const char *text) {
  long value = read_whole(text, 1000000);
  if (value < 0) fail("not a number in range", text, 0);
  return value;
}

int main(int count, char **arguments) {
  long cpu = -1;
  for (int i = 1; i + 1 < count; i += 2) {
    if (same(arguments[i], "--cpu")) stay_on(cpu = number(arguments[i + 1]));
    else if (same(arguments[i], "--limit")) end_after(number(arguments[i + 1]));
    else fail("unknown argument", arguments[i], 0);
  }
  write_text(OUT, "{\"state\": {");
  print_state(cpu, "");
  write_text(OUT, "}}\n");
  return 0;
}
