/* What a program without a libc needs of Linux: where it starts, its system calls, a clock.
 *
 * A libc would first have to be built for the target, which takes a minute. The numbers are those
 * of the kernel's arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h and
 * arch/arm/tools/syscall.tbl, and the same on Android.
 */
#include <stddef.h>

#define FUNCTION(name, code)                                                      \
  __asm__(".text\n.balign 16\n.globl " #name "\n.hidden " #name "\n.type " #name \
          ", %function\n" #name ":\n" code)

#if defined __x86_64__
enum { READ = 0, WRITE = 1, OPENAT = 257, CLOSE = 3, MMAP = 9, CLOCK_GETTIME = 228, EXIT = 231 };
FUNCTION(_start, "xor %ebp, %ebp; mov %rsp, %rdi; call begin");
FUNCTION(system_call,
         "mov %rdi, %rax; mov %rsi, %rdi; mov %rdx, %rsi; mov %rcx, %rdx;"
         "mov %r8, %r10; mov %r9, %r8; mov 8(%rsp), %r9; syscall; ret");
#elif defined __aarch64__
enum { READ = 63, WRITE = 64, OPENAT = 56, CLOSE = 57, MMAP = 222, CLOCK_GETTIME = 113, EXIT = 94 };
FUNCTION(_start, "mov x29, xzr; mov x30, xzr; mov x0, sp; bl begin");
FUNCTION(system_call,
         "mov x8, x0; mov x0, x1; mov x1, x2; mov x2, x3;"
         "mov x3, x4; mov x4, x5; mov x5, x6; svc #0; ret");
#elif defined __arm__ /* mmap2, which takes the offset in pages, and the clock of 32-bit seconds */
enum { READ = 3, WRITE = 4, OPENAT = 322, CLOSE = 6, MMAP = 192, CLOCK_GETTIME = 263, EXIT = 248 };
FUNCTION(_start, "mov fp, #0; mov lr, #0; mov r0, sp; bl begin");
FUNCTION(system_call,
         "push {r4, r5, r7, lr}; mov r7, r0; mov r0, r1; mov r1, r2; mov r2, r3;"
         "ldr r3, [sp, #16]; ldr r4, [sp, #20]; ldr r5, [sp, #24]; svc #0; pop {r4, r5, r7, pc}");
#endif

/* Gives what the kernel gives: -errno for an error. */
long system_call(long number, long a, long b, long c, long d, long e, long f);

int main(int count, char **arguments);

static _Noreturn void leave(int code) {
  for (;;) system_call(EXIT, code, 0, 0, 0, 0, 0);
}

/* The stack of a new process holds the number of arguments, then a pointer to each. */
__attribute__((used)) static _Noreturn void begin(char **stack) {
  leave(main((int)(size_t)stack[0], stack + 1));
}

enum { READING = 0, WRITING = 01 | 0100 | 01000 /* O_WRONLY | O_CREAT | O_TRUNC */ };

/* A file's descriptor, or -errno. */
static long open_file(const char *path, long flags) {
  const long here = -100; /* AT_FDCWD */
  return system_call(OPENAT, here, (long)path, flags, 0666, 0, 0);
}

static long close_file(long file) { return system_call(CLOSE, file, 0, 0, 0, 0, 0); }

/* READ or WRITE all bytes, or as many as there are: their number, or -errno. */
static long transfer(long direction, long file, const void *data, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    long some = system_call(direction, file, (long)data + (long)done, (long)(bytes - done), 0, 0, 0);
    if (some < 0) return some;
    if (some == 0) break;
    done += (size_t)some;
  }
  return (long)done;
}

/* Zeros in pages of their own, at least one, all of them present; NULL if there is no memory. */
static void *allocate(size_t bytes) {
  const long protection = 1 | 2;           /* PROT_READ | PROT_WRITE */
  const long flags = 0x2 | 0x20 | 0x8000; /* MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE */
  long address = system_call(MMAP, 0, (long)(bytes + !bytes), protection, flags, -1, 0);
  return -4096 < address && address < 0 ? NULL : (void *)address;
}

static double now_ms(void) {
  struct { long seconds, nanoseconds; } time;
  system_call(CLOCK_GETTIME, 1 /* CLOCK_MONOTONIC */, (long)&time, 0, 0, 0, 0);
  return (double)time.seconds * 1e3 + (double)time.nanoseconds * 1e-6;
}
