"""What MetaSchedule may draw: right values, no threads; searched with and without sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from support.compiled import tiny

from mnv3gen.compile.kernels import Phases, fallback_functions, fused_calls
from mnv3gen.compile.metaschedule import as_workload
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.lower.relax import to_relax
from mnv3gen.targets import load
from mnv3gen.tune.space import Search

pytestmark = pytest.mark.compile

KERNELS = (
    "conv1x1_10x10x8_10x10x16_bias_relu_f32",
    "dwconv5x5_10x10x24_5x5x24_s2_p1122_bias_hswish_f32",
    "gate_5x5x24_5x5x24_f32",
)


@pytest.mark.parametrize("name", KERNELS)
def test_candidates_compute_what_the_function_does(name: str) -> None:
    import tvm

    target = tvm.target.Target(load("host").tvm_dict())
    graph, phases = expand(tiny()), Phases(lambda phase: None, None)
    _, fused = fused_calls(to_relax(graph, seeded_weights(graph, 0)), phases)
    module = as_workload(fallback_functions(phases, fused, [name], target)[name])
    search = Search(module, target, seed=0, trials=6, batch=6)
    candidates = search.batch()
    assert candidates
    random = np.random.default_rng(0)
    shapes = [tuple(map(int, parameter.ty.shape)) for parameter in module["main"].params]
    inputs = [random.standard_normal(shape, np.float32) for shape in shapes[:-1]]

    def computed(scheduled: tvm.IRModule) -> npt.NDArray[np.float32]:
        output = tvm.runtime.tensor(np.zeros(shapes[-1], np.float32))
        tvm.compile(scheduled, target=target)["main"](*map(tvm.runtime.tensor, inputs), output)
        return np.asarray(output.numpy())

    expected = computed(module)
    for candidate in candidates:
        assert "T.parallel" not in candidate.sch.mod.script()
        np.testing.assert_allclose(computed(candidate.sch.mod), expected, rtol=1e-4, atol=1e-4)
    search.learn(candidates, [1e-6, *[None] * (len(candidates) - 1)])
    assert len(search.database) == 1
