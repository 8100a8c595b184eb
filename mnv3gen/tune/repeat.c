/* The loop around kernels that are timed: Python's own would cost as much as a small kernel. */

#define POINTERS 12

typedef int kernel(void *, void *, void *, void *, void *, void *, void *, void *, void *, void *,
                   void *, void *);

/* Calls `count` kernels one after the other, `rounds` times; `pointers` has POINTERS of each. A
   kernel that takes fewer leaves the others alone: no calling convention of ours has it pop them. */
void repeat(kernel **kernels, void **pointers, long count, long rounds) {
  for (long round = 0; round < rounds; round++)
    for (long i = 0; i < count; i++) {
      void **p = pointers + i * POINTERS;
      kernels[i](p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11]);
    }
}
