"""The simulated core against cycles counted by hand from a small core's description."""

from __future__ import annotations

import pytest
from support.toy_core import START, executed, fmla, load, op, steady, store, toy

from mnv3gen.cycles.decoded import FLAGS, VECTORS, Decoded

pytestmark = pytest.mark.emulate


def test_a_chain_waits_for_the_accumulator_only_when_it_is_read() -> None:
    # Latency 6, of which the accumulator is needed 2 cycles after the start.
    assert steady([fmla(0, 8, 9)], toy()) == 4
    # Through a factor the whole latency counts.
    assert steady([fmla(0, 1, 9), fmla(1, 0, 9)], toy()) == 6 + 6
    assert steady([op("fadd", 0, 0, 9)], toy()) == 3


def test_ports_bound_what_does_not_wait() -> None:
    independent = [fmla(number, 30, 31) for number in range(16)]
    assert steady(independent, toy()) == 16 / 2
    # One of four is a division, which its port is busy with for 8 cycles; the rest go beside it.
    divided = [op("divide", 0, 9), *(op("fadd", number, 9) for number in range(1, 4))]
    assert steady(divided, toy()) == 8


def test_widths_bound_what_no_port_does() -> None:
    mixed = [fmla(0, 30, 31), fmla(1, 30, 31), op("alu", 2, 3), load(4)]
    assert steady(mixed * 4, toy(), rounds=50) == pytest.approx(16, abs=0.5)  # chains of 4 each
    wide = [op("alu", number, 9) for number in range(8)]
    ports = {"alu": [{"ports": "I L S V0 V1"}]}
    assert steady(wide, toy(classes=ports)) == 8 / 4
    assert steady(wide, toy(classes=ports, decode=2)) == 8 / 2
    assert steady(wide, toy(classes=ports, dispatch=1)) == 8


def test_a_window_hides_what_it_holds() -> None:
    # A slow chain, then much that is free: out of order both go on at once.
    chain = [op("divide", 0, 0)]
    rest = [op("fadd", number, 9) for number in range(1, 9)]
    assert steady(chain + rest, toy()) == 8
    narrow = steady(chain + rest, toy(window=2))
    assert narrow > 8


def test_in_order_nothing_overtakes() -> None:
    body = [op("divide", 0, 9), op("fadd", 1, 0), op("fadd", 2, 9), op("fadd", 3, 9)]
    model = toy(in_order=True, queues={})
    # The second waits 8 for the first, and the others, which wait for nothing, for the second.
    found = executed(body, model).counters.cycles
    assert found >= 8 + 3
    assert steady(body, toy()) == 8


def test_lines_are_missed_once_and_come_at_the_memorys_pace() -> None:
    lines = 32
    addresses = [0x100000 + 64 * number for number in range(lines)]
    found = executed([load(0)], toy(), [addresses], rounds=lines).counters
    assert (found.l1_misses, found.memory_lines) == (lines, lines)
    assert found.cycles >= 100 + 32 * (lines - 1)
    assert found.cycles <= 100 + 32 * lines + 20
    again = executed([load(0)], toy(), [addresses], rounds=2 * lines).counters
    assert again.l1_misses == lines  # 2 KiB of 4 KiB


def test_what_does_not_fit_the_first_cache_comes_from_the_second() -> None:
    lines = 128  # 8 KiB: twice the first cache, in order, so that none is left when it comes again
    addresses = [0x100000 + 64 * number for number in range(lines)]
    found = executed([load(0)], toy(), [addresses], rounds=3 * lines).counters
    assert found.l1_misses == 3 * lines
    assert found.memory_lines == lines


def test_prefetching_hides_memory_behind_other_work() -> None:
    lines = 64
    addresses = [0x100000 + 64 * number for number in range(lines)]
    body = [load(0), *(op("divide", 1, 1) for _ in range(6))]  # 48 cycles of work a line
    places = [addresses, *([[]] * 6)]
    model = toy(window=8)
    alone = executed(body, model, places, rounds=lines).counters.cycles
    ahead = toy(window=8, prefetcher={"near": 2, "far": 4})
    helped = executed(body, ahead, places, rounds=lines).counters.cycles
    assert helped < alone
    assert helped <= lines * 48 + 400


def test_a_load_of_what_was_just_stored_is_forwarded() -> None:
    place = [0x2000]
    body = [op("fadd", 0, 0), store(0), load(0)]
    found = executed(body, toy(), [[], place, place], rounds=200).counters.cycles
    # The addition 3, the store 1, forwarding 5.
    assert found / 200 == pytest.approx(3 + 1 + 5, abs=1.2)


def test_a_load_across_two_lines_is_two() -> None:
    inside = executed([load(0)], toy(), [[0x2000]], rounds=400).counters
    across = executed([load(0)], toy(), [[0x2000 + 64 - 8]], rounds=400).counters
    assert inside.memory_lines == 1
    assert across.memory_lines == 2
    assert across.cycles - inside.cycles == pytest.approx(400, abs=120)


def test_what_always_goes_the_same_way_is_predicted() -> None:
    jump = Decoded("branch", 4, (FLAGS,), branches=True, conditional=True)
    found = executed([op("alu", 0, 1), jump], toy(), rounds=300).counters
    assert found.mispredictions < 25  # until the history is all ones


def test_cycles_and_executions_are_told_by_instruction() -> None:
    found = executed([op("divide", 0, 0), op("fadd", 1, 9)], toy(), rounds=50)
    assert found.executions_of.tolist() == [50, 50]
    assert found.cycles_of.sum() == found.counters.cycles
    assert found.cycles_of[0] > 40 * 8 > found.cycles_of[1]


def test_code_that_is_not_described_costs_nothing() -> None:
    import numpy as np

    simulator = executed([op("fadd", 0, 9)], toy())
    before = simulator.counters.cycles
    simulator.replay(np.array([[START + 4096, 0]], np.uint64))
    assert simulator.counters.cycles == before


def test_it_is_deterministic() -> None:
    body = [fmla(0, 8, 9), load(8), store(0), Decoded("alu", 4, (1,), (1,))]
    places = [[], [0x4000 + 24 * n for n in range(99)], [0x9000 + 16 * n for n in range(77)], []]
    first, second = (executed(body, toy(), places, rounds=500) for _ in range(2))
    assert first.counters == second.counters
    assert VECTORS == 32
