"""MetaSchedule's search of one function, without its builder, runner and threads."""

from __future__ import annotations

import contextlib
import logging
import sys
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvm import tirx

POPULATION = 64
LANES = (4, 8, 16, 32, 64)
UNROLLED = (1, 2, 4)
VECTOR_BITS = 512  # at most, of the default rules' vectors: LLVM splits what is longer
REDUCTION = 2  # tvm.tirx.IterVar.iter_type
INTRINSICS = "tvm.s_tir.tensor_intrin"


class Search:
    """Gives candidates in batches and learns their times; one core, no `parallel` loops."""

    def __init__(self, module: Any, target: Any, seed: int, trials: int, batch: int) -> None:
        from tvm.s_tir import meta_schedule

        self.target = target
        self.database = meta_schedule.database.MemoryDatabase()
        self.workload = self.database.commit_workload(module)
        with _without_intrinsics():
            self.context = meta_schedule.TuneContext(
                module,
                target=target,
                space_generator=_space(module["main"]),
                search_strategy=meta_schedule.search_strategy.EvolutionarySearch(
                    population_size=POPULATION,
                    init_measured_ratio=0.2,
                    init_min_unmeasured=batch,
                    genetic_num_iters=2,
                ),
                rand_state=seed + 1,
                num_threads=1,
                logger=_silent(),
            )
        model = meta_schedule.cost_model.RandomModel(seed=seed)
        self.context.pre_tuning(trials, batch, database=self.database, cost_model=model)

    def batch(self) -> list[Any]:
        """Untried candidates; none if the trials are used up, or the space is."""
        return list(self.context.generate_measure_candidates() or ())

    def learn(self, candidates: list[Any], seconds: list[float | None]) -> None:
        """Tell the times of a batch; None for a candidate that was wrong."""
        from tvm.s_tir.meta_schedule.runner import RunnerResult

        results = []
        for candidate, time in zip(candidates, seconds, strict=True):
            if time is None:
                results.append(RunnerResult(None, "wrong"))
                continue
            results.append(RunnerResult([time], None))
            self.database.commit_tuning_record(self.record(candidate, time))
        self.context.notify_runner_results(candidates, results)

    def record(self, candidate: Any, seconds: float) -> Any:
        """TVM's record of a candidate."""
        from tvm.s_tir.meta_schedule.database import TuningRecord

        trace, arguments = candidate.sch.trace, candidate.args_info
        return TuningRecord(trace, self.workload, [seconds], self.target, arguments)


def _space(function: tirx.PrimFunc) -> Any:
    """Lanes and unrolling of one fused loop if nothing is summed up, else TVM's rules for CPUs."""
    from tvm.s_tir import Schedule
    from tvm.s_tir.meta_schedule import mutator, postproc, space_generator

    schedule = Schedule(function)
    if not _sums(schedule):
        try:
            _elementwise(schedule)
        except Exception:
            return _default()
        return space_generator.ScheduleFn(
            _elementwise,
            sch_rules=[],
            postprocs=[postproc.DisallowDynamicLoop()],
            mutator_probs={mutator.MutateTileSize(): 1.0},  # one is needed, none of them applies
        )
    return _default()


def _sums(schedule: Any) -> bool:
    blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    axes = (axis for block in blocks for axis in schedule.get(block).iter_vars)
    return any(int(axis.iter_type) == REDUCTION for axis in axes)


def _elementwise(schedule: Any) -> None:
    *producers, last = schedule.get_child_blocks(schedule.get_sblock("root"))
    for block in producers:
        schedule.compute_inline(block)
    fused = schedule.fuse(*schedule.get_loops(last))
    extent = int(schedule.get(fused).extent)
    lanes = _sampled(schedule, [it for it in LANES if extent % it == 0] or [1])
    count = _sampled(schedule, list(UNROLLED))
    _, unrolled, lane = schedule.split(fused, [None, count, lanes])
    schedule.vectorize(lane)
    schedule.unroll(unrolled)


def _sampled(schedule: Any, values: list[int]) -> Any:
    return schedule.sample_categorical(values, [1 / len(values)] * len(values))


def _default() -> Any:
    """TVM's own rules for CPUs without those that start threads or change layouts."""
    from tvm.s_tir.meta_schedule import mutator, postproc, schedule_rule, space_generator

    return space_generator.PostOrderApply(
        sch_rules=[
            schedule_rule.InlineConstantScalars(),
            schedule_rule.AutoInline(
                into_producer=False,
                into_consumer=True,
                inline_const_tensor=True,
                disallow_if_then_else=True,
                require_injective=True,
                require_ordered=True,
            ),
            schedule_rule.MultiLevelTiling(
                structure="SSRSRS",
                max_innermost_factor=64,
                reuse_write=schedule_rule.ReuseType(req="may", levels=[1, 2], scope="global"),
            ),
            schedule_rule.ParallelizeVectorizeUnroll(
                max_jobs_per_core=-1,  # none
                max_vectorize_extent=VECTOR_BITS // 32,
                unroll_max_steps=[0, 16, 64],
                unroll_explicit=True,
            ),
            schedule_rule.RandomComputeLocation(),
        ],
        postprocs=[
            postproc.DisallowDynamicLoop(),
            postproc.RewriteParallelVectorizeUnroll(),
            postproc.RewriteReductionBlock(),
        ],
        mutator_probs={
            mutator.MutateTileSize(): 0.9,
            mutator.MutateComputeLocation(): 0.05,
            mutator.MutateUnroll(): 0.05,
        },
    )


@contextlib.contextmanager
def _without_intrinsics() -> Iterator[None]:
    """Spare the half minute in which TVM parses intrinsics of GPUs, which nothing here uses."""
    if INTRINSICS in sys.modules:
        yield
        return
    sys.modules[INTRINSICS] = types.ModuleType(INTRINSICS)
    try:
        yield
    finally:
        del sys.modules[INTRINSICS]


def _silent() -> logging.Logger:
    logger = logging.getLogger("mnv3gen.metaschedule")
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)
    return logger
