// The state of a simulated core, shared by what decides the cycles and what feeds it instructions.
// Everything is in core cycles; a time is a cycle's number. Structures that Python fills are packed
// by hand: mnv3gen/cycles/simulator.py has the same fields.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { COMPUTE, LOAD, STORE, PREFETCH, BRANCH };
// Registers from TEMPORARY on pass a value from one micro-operation of an instruction to the next.
enum { NO_REGISTER = 255, REGISTERS = 128, TEMPORARY = 120, PORTS = 24, QUEUES = 16, QUEUE_SIZE = 256 };
enum { LEVELS = 3, WAYS = 16, RING = 4096, WINDOW = 1024, STORES = 256, MISSES = 64 };
enum { STREAMS = 32, FORWARDS = 4096, HISTORY = 16, ACCESSES = 16 };

typedef struct {
  uint32_t ports;    // that may execute it, as bits; 0: none is needed
  uint16_t latency;  // of a load: that of a hit in the first cache
  uint8_t busy, queue, kind, slots;
  // A register that is read so many cycles after the start. Of a store, `late_by` is how many of its
  // reads make the address, with which it starts; the others it waits for elsewhere.
  uint8_t late, late_by;
  uint8_t reads[8], writes[4];
} Uop;

typedef struct {
  uint32_t first;  // of its micro-operations
  int32_t offset;  // the address of memory is base + index * scale + offset
  uint8_t count, branch, size, bytes;
  uint8_t base, index, scale, conditional;
} Instruction;

typedef struct {
  int32_t in_order, decode, dispatch, retire, window, store_buffer, mispredict, forward;
  int32_t misses, near, far;  // outstanding misses; lines that are prefetched to L1 and L2
  int32_t line_shift, levels, memory_latency, memory_interval;
  int32_t sets[LEVELS], ways[LEVELS], latency[LEVELS], interval[LEVELS];
  int32_t queue_size[QUEUES];
} Core;

typedef struct {
  uint64_t last;
  int64_t stride;
  uint64_t ahead;  // the last line that was prefetched
  int32_t confidence;
  uint32_t used;
} Stream;

typedef struct {
  const Core *core;
  const Instruction *instructions;
  const Uop *uops;
  const int32_t *places;  // the instruction at each unit of the code, -1 for none
  uint64_t code, code_end;
  uint32_t unit_shift;
  uint64_t *cycles_of, *executions_of;  // of each instruction
  uint64_t *tags[LEVELS], *readies[LEVELS];
  uint8_t *dirty[LEVELS];

  uint64_t now;  // the cycle in which instructions are dispatched
  int32_t decoded, dispatched;
  uint64_t fetched;  // no dispatch before: a branch was mispredicted
  uint64_t uop_number, store_number, miss_number, retired, last_issue;
  int32_t retired_now, issued_now;
  uint64_t registers[REGISTERS], results[REGISTERS];  // results: of the present instruction
  uint64_t retirements[WINDOW], drains[STORES], misses[MISSES];
  uint64_t queues[QUEUES][QUEUE_SIZE];
  int32_t queued[QUEUES];
  uint64_t busy[PORTS][RING];
  uint64_t pressure[PORTS];
  uint64_t last_drain;
  uint64_t frees[LEVELS], memory_free;
  Stream streams[STREAMS];
  uint32_t stream_clock;
  uint64_t forward_address[FORWARDS], forward_ready[FORWARDS], forward_drained[FORWARDS];
  uint8_t predictions[1 << HISTORY];
  uint32_t history;
  uint64_t l1_misses, memory_lines, mispredictions;

  int (*read_register)(void *uc, int register_id, void *value);  // unicorn's
  const int32_t *register_ids;                                   // of the general registers

  int32_t pending;  // the instruction that is being executed, -1 for none
  uint64_t pending_address;
  uint64_t accesses[ACCESSES];
  int32_t access_count;
} Simulator;

typedef struct {
  uint64_t counter, address;  // of the instruction, and of what it reads or writes, 0 for nothing
} Step;

void begin_instruction(Simulator *s, uint64_t address);
void add_access(Simulator *s, uint64_t address);
void finish(Simulator *s);
