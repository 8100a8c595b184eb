/* Loaded before a process' libc: counts what it writes below FAULT_FOLDER, and fails one of it.
 *
 * FAULT_AT is which (from 1; 0 for none), FAULT_KIND "full" (no space is left) or "kill" (the
 * process is killed before it is done). FAULT_COUNT names a file that takes one byte an event.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int events;

static int inside(const char *path) {
  const char *folder = getenv("FAULT_FOLDER");
  return folder && !strncmp(path, folder, strlen(folder));
}

/* Whether this one is to fail; it is counted. */
static int fails(void) {
  const char *count = getenv("FAULT_COUNT"), *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
  if (count) {
    int file = open(count, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file >= 0) {
      syscall(SYS_write, file, ".", 1);
      close(file);
    }
  }
  if (!at || ++events != atoi(at)) return 0;
  if (kind && !strcmp(kind, "kill")) kill(getpid(), SIGKILL);
  errno = ENOSPC;
  return 1;
}

static int writes_to(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return inside(path);
}

#define REAL(name, ...) ((ssize_t(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *data, size_t bytes) {
  if (writes_to(file) && fails()) return -1;
  return REAL(write, int, const void *, size_t)(file, data, bytes);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t bytes) {
  if (writes_to(out) && fails()) return -1;
  return REAL(sendfile, int, int, off_t *, size_t)(out, in, offset, bytes);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t bytes) {
  if (writes_to(out) && fails()) return -1;
  return REAL(sendfile64, int, int, off64_t *, size_t)(out, in, offset, bytes);
}

int rename(const char *from, const char *to) {
  if (inside(to) && fails()) return -1;
  return (int)REAL(rename, const char *, const char *)(from, to);
}

int fsync(int file) {
  if (writes_to(file) && fails()) return -1;
  return (int)REAL(fsync, int)(file);
}
