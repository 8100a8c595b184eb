/* ROUNDS times CHAINS vectors of BYTES bytes: as many independent sums as there are registers to
   spare, so that the multiply-adds wait for the unit and never for each other. */

typedef float vector __attribute__((vector_size(BYTES), aligned(4)));

/* values: CHAINS sums, then two factors. The sums are written back. */
void peak(vector *values) {
  vector sums[CHAINS], x = values[CHAINS], y = values[CHAINS + 1];
#pragma clang loop unroll(full)
  for (int i = 0; i < CHAINS; i++) sums[i] = values[i];
  for (int round = 0; round < ROUNDS; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < CHAINS; i++) {
#if defined(__FMA__) || defined(__aarch64__)
      sums[i] = __builtin_elementwise_fma(x, y, sums[i]);
#else
      sums[i] = sums[i] * x + y;
#endif
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < CHAINS; i++) values[i] = sums[i];
}
