/* Which processor a program runs on, for how long, and how that processor is doing. */

enum { MOST_CPUS = 1024, STATE_TEXT = 64 };

#if defined __x86_64__
enum { SET_AFFINITY = 203, SET_TIMER = 38 };
#elif defined __aarch64__
enum { SET_AFFINITY = 122, SET_TIMER = 103 };
#elif defined __arm__
enum { SET_AFFINITY = 241, SET_TIMER = 104 };
#endif

/* sched_setaffinity of this thread; the program ends if there is no such processor. */
static void stay_on(long cpu) {
  unsigned long mask[MOST_CPUS / (8 * sizeof(unsigned long))] = {0};
  const long bits = 8 * (long)sizeof(unsigned long);
  if (cpu >= MOST_CPUS) fail("no such processor", "--cpu", 0);
  mask[cpu / bits] = 1ul << (cpu % bits);
  long error = system_call(SET_AFFINITY, 0, sizeof mask, (long)mask, 0, 0, 0);
  if (error < 0) fail("cannot run on that processor", "--cpu", error);
}

/* SIGALRM after so many seconds, which ends the program whatever it does. */
static void end_after(long seconds) {
  const long timer[4] = {0, 0, seconds, 0}; /* struct itimerval: interval, value */
  long error = system_call(SET_TIMER, 0 /* ITIMER_REAL */, (long)timer, 0, 0, 0, 0);
  if (error < 0) fail("cannot set a timer", "--limit", error);
}

/* The first line of a small file of the kernel's, if it is printable; nothing otherwise. */
static int first_line(const char *path, char *text) {
  long file = open_file(path, READING);
  if (file < 0) return 0;
  long length = transfer(READ, file, text, STATE_TEXT - 1), end = 0;
  close_file(file);
  while (end < length && text[end] >= ' ' && text[end] <= '~' && text[end] != '"' && text[end] != '\\')
    end++;
  text[end] = 0;
  return end > 0;
}

static void append(char *path, const char *text) {
  while (*path) path++;
  while ((*path++ = *text++)) {}
}

static void append_number(char *path, uint32_t value) {
  char digits[11], *at = digits + 10;
  *at = 0;
  do *--at = (char)('0' + value % 10);
  while (value /= 10);
  append(path, at);
}

/* A field if there is such a file; what goes before the field after it. */
static const char *print_text(const char *name, const char *path, const char *before) {
  char text[STATE_TEXT];
  if (!first_line(path, text)) return before;
  const char *parts[] = {before, "\"", name, "\": \"", text, "\""};
  for (int i = 0; i < 6; i++) write_text(OUT, parts[i]);
  return ", ";
}

/* What the system tells of the processor, or of the first one: what it does not tell is left out.
   `before` goes before the first field. */
static void print_state(long cpu, const char *before) {
  static const char *const files[] = {"scaling_governor", "scaling_cur_freq"};
  static const char *const names[] = {"governor", "khz"};
  for (int i = 0; i < 2; i++) {
    char path[96] = "/sys/devices/system/cpu/cpu";
    append_number(path, cpu < 0 ? 0 : (uint32_t)cpu);
    append(path, "/cpufreq/");
    append(path, files[i]);
    before = print_text(names[i], path, before);
  }
  before = print_text("millicelsius", "/sys/class/thermal/thermal_zone0/temp", before);
  print_text("load", "/proc/loadavg", before);
}
