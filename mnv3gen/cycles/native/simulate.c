// A core that executes a trace of instructions: dispatch, scheduling to ports, caches, retirement.
// Micro-operations are taken in program order; each gets the first free cycle of one of its ports
// once its sources are there, which is what oldest-first scheduling comes to.
#include "simulate.h"

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

// --- caches -------------------------------------------------------------------------------------

static uint64_t fetch(Simulator *s, int level, uint64_t line, uint64_t now, int write);

static void write_back(Simulator *s, int level, uint64_t line, uint64_t now) {
  for (; level < s->core->levels; level++) {
    int ways = s->core->ways[level];
    uint64_t set = (line % (uint64_t)s->core->sets[level]) * (uint64_t)ways;
    for (int way = 0; way < ways; way++)
      if (s->tags[level][set + way] == line + 1) {
        s->dirty[level][set + way] = 1;
        return;
      }
  }
  s->memory_free = later(s->memory_free, now) + (uint64_t)s->core->memory_interval;
}

static uint64_t place(Simulator *s, int level, uint64_t set, int way, uint64_t line, uint64_t ready,
                      int dirty) {
  // Ways are kept in the order of their last use.
  uint64_t *tags = s->tags[level] + set, *readies = s->readies[level] + set;
  uint8_t *marks = s->dirty[level] + set;
  for (; way > 0; way--) {
    tags[way] = tags[way - 1];
    readies[way] = readies[way - 1];
    marks[way] = marks[way - 1];
  }
  tags[0] = line + 1;
  readies[0] = ready;
  marks[0] = (uint8_t)dirty;
  return ready;
}

static uint64_t fetch(Simulator *s, int level, uint64_t line, uint64_t now, int write) {
  const Core *core = s->core;
  if (level == core->levels) {
    uint64_t start = later(now, s->memory_free);
    s->memory_free = start + (uint64_t)core->memory_interval;
    s->memory_lines++;
    return start + (uint64_t)core->memory_latency;
  }
  int ways = core->ways[level];
  uint64_t set = (line % (uint64_t)core->sets[level]) * (uint64_t)ways;
  uint64_t *tags = s->tags[level] + set;
  int way = 0;
  while (way < ways && tags[way] != line + 1) way++;
  if (way < ways) {
    uint64_t ready = s->readies[level][set + way];
    int dirty = s->dirty[level][set + way] | write;
    place(s, level, set, way, line, ready, dirty);
    uint64_t start = now;
    if (level > 0) {
      start = later(now, s->frees[level]);
      s->frees[level] = start + (uint64_t)core->interval[level];
    }
    return later(ready, start + (uint64_t)core->latency[level]);
  }
  way = ways - 1;
  if (tags[way] && s->dirty[level][set + way]) write_back(s, level + 1, tags[way] - 1, now);
  uint64_t ready = fetch(s, level + 1, line, now, 0);
  return place(s, level, set, way, line, ready, write);
}

static int holds(Simulator *s, int level, uint64_t line) {
  int ways = s->core->ways[level];
  uint64_t set = (line % (uint64_t)s->core->sets[level]) * (uint64_t)ways;
  for (int way = 0; way < ways; way++)
    if (s->tags[level][set + way] == line + 1) return 1;
  return 0;
}

// Follows streams of lines and fetches ahead of them, to L1 what is near and to L2 what is far.
static void prefetch(Simulator *s, uint64_t line, uint64_t now) {
  const Core *core = s->core;
  if (!core->near && !core->far) return;
  Stream *oldest = s->streams;
  s->stream_clock++;
  for (int i = 0; i < STREAMS; i++) {
    Stream *it = s->streams + i;
    int64_t step = (int64_t)(line - it->last);
    if (it->used && step == 0) return;
    if (it->used && step >= -4 && step <= 4) {
      it->confidence = step == it->stride || (step > 0) == (it->stride > 0)
                           ? it->confidence + 1 : 0;
      it->stride = step;
      it->last = line;
      it->used = s->stream_clock;
      if (it->confidence < 2) return;
      int64_t sign = step > 0 ? 1 : -1;
      for (int64_t n = 1; n <= core->far; n++) {
        uint64_t next = line + (uint64_t)(sign * n);
        if ((next >> (12 - core->line_shift)) != (line >> (12 - core->line_shift)) &&
            n > core->near) break;
        if (n <= core->near) {
          if (!holds(s, 0, next)) fetch(s, 0, next, now, 0);
        } else if (core->levels > 1 && !holds(s, 1, next) && !holds(s, 0, next)) {
          fetch(s, 1, next, now, 0);
        }
      }
      return;
    }
    if (it->used < oldest->used) oldest = it;
  }
  oldest->last = line;
  oldest->stride = 0;
  oldest->confidence = 0;
  oldest->used = s->stream_clock;
}

// When the data of an address is there, for a load that is issued `now`.
static uint64_t access(Simulator *s, uint64_t address, uint64_t now, int write) {
  const Core *core = s->core;
  uint64_t line = address >> core->line_shift;
  int ways = core->ways[0];
  uint64_t set = (line % (uint64_t)core->sets[0]) * (uint64_t)ways;
  if (s->tags[0][set] == line + 1) {  // the most recently used one of its set
    s->dirty[0][set] |= (uint8_t)write;
    return s->readies[0][set];
  }
  if (holds(s, 0, line)) {
    uint64_t ready = fetch(s, 0, line, now, write);
    if (ready > now + (uint64_t)core->latency[0]) prefetch(s, line, now);
    return ready;
  }
  s->l1_misses++;
  uint64_t *slot = s->misses + s->miss_number++ % (uint64_t)core->misses;
  uint64_t start = later(now, *slot);
  uint64_t ready = fetch(s, 0, line, start, write);
  *slot = ready;
  prefetch(s, line, start);
  return ready;
}

// --- the pipeline -------------------------------------------------------------------------------

// A scheduler's entries are a heap of the cycles in which they are left.
static void queue_push(Simulator *s, int queue, uint64_t value) {
  uint64_t *heap = s->queues[queue];
  int at = s->queued[queue]++;
  while (at > 0 && heap[(at - 1) / 2] > value) {
    heap[at] = heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap[at] = value;
}

static uint64_t queue_pop(Simulator *s, int queue) {
  uint64_t *heap = s->queues[queue];
  uint64_t least = heap[0], value = heap[--s->queued[queue]];
  int count = s->queued[queue], at = 0;
  for (;;) {
    int child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
  return least;
}

static uint64_t dispatch(Simulator *s, const Uop *u, int first) {
  const Core *core = s->core;
  uint64_t at = later(s->now, s->fetched);
  uint64_t room = s->retirements[s->uop_number % (uint64_t)core->window];
  at = later(at, room);
  if (u->kind == STORE)
    at = later(at, s->drains[s->store_number % (uint64_t)core->store_buffer]);
  if (!core->in_order && u->ports && core->queue_size[u->queue])
    while (s->queued[u->queue] >= core->queue_size[u->queue])
      at = later(at, queue_pop(s, u->queue));
  if (at > s->now) {
    s->now = at;
    s->decoded = s->dispatched = 0;
  }
  if ((first && s->decoded >= core->decode) || s->dispatched + u->slots > core->dispatch) {
    s->now++;
    s->decoded = s->dispatched = 0;
  }
  s->decoded += first;
  s->dispatched += u->slots;
  return s->now;
}

static uint64_t issue(Simulator *s, const Uop *u, uint64_t ready) {
  if (!u->ports) return ready;
  for (uint64_t at = ready;; at++) {
    int best = -1;
    for (uint32_t ports = u->ports; ports; ports &= ports - 1) {
      int port = __builtin_ctz(ports);
      int is_free = 1;
      for (uint64_t n = 0; n < u->busy && is_free; n++)
        is_free = s->busy[port][(at + n) % RING] != at + n;
      if (is_free && (best < 0 || s->pressure[port] < s->pressure[best])) best = port;
    }
    if (best < 0) continue;
    for (uint64_t n = 0; n < u->busy; n++) s->busy[best][(at + n) % RING] = at + n;
    s->pressure[best] += u->busy;
    return at;
  }
}

static uint64_t loaded(Simulator *s, const Uop *u, uint64_t at, uint64_t address) {
  uint64_t granule = address >> 3, slot = granule % FORWARDS;
  uint64_t hit = at + u->latency;
  if (s->forward_address[slot] == granule && s->forward_drained[slot] > at)
    return later(hit, s->forward_ready[slot] + (uint64_t)s->core->forward);
  uint64_t ready = access(s, address, at, 0);
  uint64_t beyond = at + (uint64_t)s->core->latency[0];
  return ready > beyond ? hit + ready - beyond : hit;
}

static void stored(Simulator *s, uint64_t at, uint64_t ready, uint64_t address, int bytes) {
  uint64_t line = access(s, address, at, 1);
  uint64_t drain = later(later(s->last_drain + 1, ready), line);
  s->last_drain = drain;
  s->drains[s->store_number++ % (uint64_t)s->core->store_buffer] = drain;
  for (uint64_t granule = address >> 3; granule <= (address + (uint64_t)bytes - 1) >> 3; granule++) {
    uint64_t slot = granule % FORWARDS;
    s->forward_address[slot] = granule;
    s->forward_ready[slot] = ready;
    s->forward_drained[slot] = drain;
  }
}

static uint64_t execute(Simulator *s, const Uop *u, int first, uint64_t address, int bytes) {
  const Core *core = s->core;
  uint64_t entered = dispatch(s, u, first), ready = entered + 1, data = 0;
  for (int i = 0; i < 8 && u->reads[i] != NO_REGISTER; i++) {
    uint64_t source = s->registers[u->reads[i]];
    uint64_t late = u->reads[i] == u->late ? u->late_by : 0;
    if (u->kind == STORE && i >= u->late_by) data = later(data, source);
    else if (source > ready + late) ready = source - late;
  }
  if (core->in_order) ready = later(ready, s->last_issue);
  uint64_t at = issue(s, u, ready);
  if (core->in_order) {
    s->last_issue = at;
    if (at > s->now + 1) {  // what cannot be issued holds up all that follows
      s->now = at - 1;
      s->decoded = first;
      s->dispatched = u->slots;
    }
  } else if (u->ports && core->queue_size[u->queue]) {
    queue_push(s, u->queue, at);
  }
  uint64_t done = later(at, data) + u->latency;
  if (u->kind == LOAD) done = loaded(s, u, at, address);
  uint64_t line = (1ull << core->line_shift) - 1;
  if ((u->kind == LOAD || u->kind == STORE) && (address & line) + (uint64_t)bytes > line + 1) {
    // It crosses into a second line, which is another access.
    uint64_t second = issue(s, u, at), next = (address | line) + 1;
    uint64_t there = access(s, next, second, u->kind == STORE);
    if (u->kind == LOAD) {
      uint64_t beyond = second + (uint64_t)core->latency[0];
      done = later(done, second + u->latency + (there > beyond ? there - beyond : 0));
    }
  }
  if (u->kind == PREFETCH) access(s, address, at, 0);
  if (u->kind == STORE) stored(s, at, done, address, bytes);
  for (int i = 0; i < 4 && u->writes[i] != NO_REGISTER; i++) {
    uint8_t it = u->writes[i];
    if (it >= TEMPORARY) s->registers[it] = done;
    else s->results[it] = later(s->results[it], done);
  }
  // In order, at most so many a cycle.
  uint64_t leaves = core->in_order && u->kind == LOAD ? at + 1 : done;
  if (leaves > s->retired) {
    s->retired = leaves;
    s->retired_now = 0;
  } else if (s->retired_now >= core->retire) {
    s->retired++;
    s->retired_now = 0;
  }
  s->retired_now++;
  s->retirements[s->uop_number++ % (uint64_t)core->window] = s->retired;
  return done;
}

static void branch(Simulator *s, const Instruction *it, uint64_t done, int taken) {
  if (it->conditional) {
    uint32_t mask = (1u << HISTORY) - 1;
    uint32_t slot = ((uint32_t)(s->pending_address >> 1) * 2654435761u >> 8 ^ s->history) & mask;
    uint8_t *counter = s->predictions + slot;
    if ((*counter >= 2) != taken) {
      s->mispredictions++;
      s->fetched = done + (uint64_t)s->core->mispredict;
    }
    if (taken && *counter < 3) ++*counter;
    if (!taken && *counter > 0) --*counter;
    s->history = (s->history << 1 | (uint32_t)taken) & mask;
  }
  if (taken) s->decoded = s->core->decode;  // a group of instructions ends there
}

static void execute_pending(Simulator *s, uint64_t next) {
  const Instruction *it = s->instructions + s->pending;
  uint64_t before = s->retired, done = s->now;
  int used = 0;
  for (int i = 0; i < it->count; i++) {
    const Uop *u = s->uops + it->first + i;
    int moves = u->kind == LOAD || u->kind == STORE || u->kind == PREFETCH;
    uint64_t address = 0;
    if (moves && s->access_count)
      address = s->accesses[used < s->access_count ? used++ : s->access_count - 1];
    Uop without = *u;
    if (moves && !s->access_count) {  // a predicated one that moves nothing
      without.kind = COMPUTE;
      u = &without;
    }
    done = execute(s, u, i == 0, address, it->bytes ? it->bytes : 8);
  }
  for (int i = 0; i < it->count; i++) {
    const uint8_t *writes = s->uops[it->first + i].writes;
    for (int n = 0; n < 4 && writes[n] != NO_REGISTER; n++)
      if (s->results[writes[n]]) {
        s->registers[writes[n]] = s->results[writes[n]];
        s->results[writes[n]] = 0;
      }
  }
  s->cycles_of[s->pending] += s->retired - before;
  s->executions_of[s->pending]++;
  if (it->branch) branch(s, it, done, next != s->pending_address + it->size);
}

// --- what feeds it ------------------------------------------------------------------------------

void finish(Simulator *s) {
  if (s->pending >= 0) execute_pending(s, s->pending_address + s->instructions[s->pending].size);
  s->pending = -1;
}

void begin_instruction(Simulator *s, uint64_t address) {
  if (s->pending >= 0) execute_pending(s, address);
  s->pending = -1;
  s->access_count = 0;
  if (address < s->code || address >= s->code_end) return;
  s->pending = s->places[(address - s->code) >> s->unit_shift];
  s->pending_address = address;
}

void add_access(Simulator *s, uint64_t address) {
  if (s->access_count < ACCESSES) s->accesses[s->access_count++] = address;
}

// Have the core execute what was written down.
void replay(Simulator *s, const Step *steps, int64_t count) {
  for (const Step *it = steps; it < steps + count; it++) {
    begin_instruction(s, it->counter);
    if (it->address) add_access(s, it->address);
  }
  finish(s);
}

size_t simulator_bytes(void) { return sizeof(Simulator); }

void start(Simulator *s, const Core *core, const Instruction *instructions, const Uop *uops,
           const int32_t *places, uint64_t code, uint64_t code_bytes, uint32_t unit_shift,
           uint64_t *cycles_of, uint64_t *executions_of, uint64_t **tags, uint64_t **readies,
           uint8_t **dirty) {
  s->core = core;
  s->instructions = instructions;
  s->uops = uops;
  s->places = places;
  s->code = code;
  s->code_end = code + code_bytes;
  s->unit_shift = unit_shift;
  s->cycles_of = cycles_of;
  s->executions_of = executions_of;
  for (int level = 0; level < core->levels; level++) {
    s->tags[level] = tags[level];
    s->readies[level] = readies[level];
    s->dirty[level] = dirty[level];
  }
  s->pending = -1;
}

uint64_t cycles(const Simulator *s) { return s->retired; }

void counters(const Simulator *s, uint64_t *out) {
  out[0] = s->l1_misses;
  out[1] = s->memory_lines;
  out[2] = s->mispredictions;
}

void use_registers(Simulator *s, int (*read_register)(void *, int, void *), const int32_t *ids) {
  s->read_register = read_register;
  s->register_ids = ids;
}

// The callback of unicorn's hook for instructions, before each. Its hooks for memory would cost
// more than everything else: what an instruction reads or writes follows from its registers.
void on_code(void *uc, uint64_t address, uint32_t size, void *user) {
  (void)size;
  Simulator *s = user;
  begin_instruction(s, address);
  if (s->pending < 0) return;
  const Instruction *it = s->instructions + s->pending;
  if (it->base == NO_REGISTER) return;
  uint64_t base = 0, index = 0;
  s->read_register(uc, s->register_ids[it->base], &base);
  if (it->index != NO_REGISTER) s->read_register(uc, s->register_ids[it->index], &index);
  base += (uint64_t)(int64_t)it->offset + index * it->scale;
  add_access(s, base);
  // What a pair or a list has beyond its first register lies behind that.
  int moves = 0;
  for (int i = 0; i < it->count; i++) {
    uint8_t kind = s->uops[it->first + i].kind;
    if ((kind == LOAD || kind == STORE) && moves++) add_access(s, base += it->bytes);
  }
}
