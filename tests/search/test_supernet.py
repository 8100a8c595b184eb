"""Weights that a space shares: what a network takes of them, training, going on, accuracies."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from support.searches import KERNELS, write_space

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from mnv3gen.errors import InputError  # noqa: E402
from mnv3gen.graph.expand import expand  # noqa: E402
from mnv3gen.lower.torch import to_torch  # noqa: E402
from mnv3gen.search.accuracy import EvaluatorSpec, open_evaluator  # noqa: E402
from mnv3gen.search.accuracy.supernet import recalibrate  # noqa: E402
from mnv3gen.search.space import Space  # noqa: E402
from mnv3gen.search.spaces import load_space  # noqa: E402
from mnv3gen.search.supernet import training  # noqa: E402
from mnv3gen.search.supernet.shared import Shared  # noqa: E402
from mnv3gen.search.supernet.training import load_shared, prepare, read_state  # noqa: E402

SAMPLE = Path(__file__).parents[1] / "train" / "fashion_mnist_250.npz"


def spec_of(folder: Path, **fields: object) -> EvaluatorSpec:
    """A supernet of two epochs of seven steps."""
    values = {
        "kind": "supernet",
        "data": f"npz:{SAMPLE}",
        "images": 0,
        "epochs": 2,
        "batch": 32,
        "seed": 0,
        "folder": str(folder),
    }
    return EvaluatorSpec(**values | fields)  # type: ignore[arg-type]


def silent(*_: object) -> None:
    """Nothing is watched."""


@pytest.mark.parametrize("name", ["mini", "mnasnet", "v3-compact"])
def test_a_network_computes_with_its_part_of_the_weights(name: str) -> None:
    """The same as the network's own module with copies of these parts."""
    import random

    space = load_space(name)
    torch.manual_seed(0)
    shared = Shared(space)
    candidate = shared.network(space.random(random.Random(2)))  # noqa: S311
    images = torch.randn(2, 3, space.seed.height, space.seed.width)
    with torch.no_grad():
        recalibrate(candidate, [images])
        candidate.module.eval()
        found = candidate(images)
        weights = {key: it.numpy() for key, it in candidate.parts.items()}
        weights |= {
            key: it.numpy() for key, it in candidate.module.state_dict().items() if "running" in key
        }
        module = to_torch(candidate.graph, weights).eval()
        expected = module(images)[candidate.graph.outputs[0]].flatten(1)
    torch.testing.assert_close(found, expected)


def test_small_windows_and_widths_are_parts_of_large_ones(tmp_path: Path) -> None:
    """The second block's 3x3 window is the centre of its 5x5, its channels are the first ones."""
    space = write_space(tmp_path, KERNELS)
    shared = Shared(space)
    weight = shared.get_parameter("b2_1_depthwise1_weight")
    assert weight.shape == (48, 1, 5, 5)  # bneck6 of 8 channels
    small = (space.choices(0)[0], space.choices(1)[0])
    assert (small[1].layer.operator, small[1].layer.kernel) == ("bneck3", 3)
    part = shared.network(small).parts["bneck2.depthwise.weight"]
    torch.testing.assert_close(part, weight[:24, :, 1:4, 1:4])


def test_batch_normalization_has_the_candidates_averages(tmp_path: Path) -> None:
    """Of two chunks of one size the averages are the mean of each chunk's."""
    space = write_space(tmp_path)
    candidate = Shared(space).network((space.choices(0)[0], space.choices(1)[0]))
    images = [torch.randn(4, 3, 8, 8) for _ in range(2)]
    with torch.no_grad():
        recalibrate(candidate, images)
        sums = [
            torch.nn.functional.conv2d(
                torch.nn.functional.pad(each, (0, 1, 0, 1)),
                candidate.parts["conv2d1.weight"],
                stride=2,
            )
            for each in images
        ]
    means = torch.stack([each.mean((0, 2, 3)) for each in sums]).mean(0)
    torch.testing.assert_close(candidate.module.state_dict()["conv2d1.bn.running_mean"], means)


@pytest.fixture
def space(tmp_path: Path) -> Space:
    """Of 32 networks for 8 x 8."""
    return write_space(tmp_path, KERNELS)


def test_a_supernet_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each epoch has six steps and a question after each, and one more when it is over."""
    prepare(spec_of(tmp_path / "whole"), space, silent)

    class Wished:
        """Ctrl-C at the eleventh question, which is after the fourth step of the second epoch."""

        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked == 11

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "stopping", lambda: contextlib.nullcontext(Wished()))
        prepare(spec_of(tmp_path / "cut"), space, silent)
    state = read_state(tmp_path / "cut")
    assert state is not None
    assert (state.epoch, state.steps) == (1, 4)
    with pytest.raises(InputError, match="no trained supernet"):
        load_shared(tmp_path / "cut", space)
    prepare(spec_of(tmp_path / "cut"), space, silent)
    whole, cut = (load_shared(tmp_path / name, space) for name in ("whole", "cut"))
    for one, other in zip(whole.parameters(), cut.parameters(), strict=True):
        assert torch.equal(one, other)
    states = [read_state(tmp_path / name) for name in ("whole", "cut")]
    assert states[0] is not None
    assert states[1] is not None
    assert states[0].losses == states[1].losses
    assert {it.suffix for it in (tmp_path / "cut").iterdir()} == {".json", ".safetensors"}
    with pytest.raises(InputError, match=r"another epochs\n  found:    2\n  expected: 3"):
        prepare(spec_of(tmp_path / "cut", epochs=3), space, silent)


def test_accuracies_are_counted_on_pictures_held_out(tmp_path: Path, space: Space) -> None:
    """A tenth of each class of the 225 training pictures; the same candidate gives the same."""
    spec = spec_of(tmp_path / "net", epochs=8)
    prepare(spec, space, silent)
    evaluator = open_evaluator(spec, space)
    network = space.network((space.choices(0)[1], space.choices(1)[-1]))
    first, second = evaluator.of(0, network, ()), evaluator.of(1, network, ())
    assert first.value == second.value
    assert first.images == len(evaluator.data.held_out)  # type: ignore[attr-defined]
    assert 15 <= first.images <= 30
    assert first.value > 0.15  # a tenth is chance
    assert (first.evaluator, first.epochs, first.stopped) == ("supernet", 8, False)


def test_a_proxy_is_trained_and_stopped(tmp_path: Path, space: Space) -> None:
    spec = spec_of(tmp_path / "work", kind="proxy", epochs=3)
    evaluator = open_evaluator(spec, space)
    network = space.network((space.choices(0)[1], space.choices(1)[-1]))
    whole = evaluator.of(0, network, ())
    assert (len(whole.curve), whole.value, whole.stopped) == (3, whole.curve[-1], False)
    assert whole.recipe == "short"
    stopped = evaluator.of(1, network, (0.0, 1.0))
    assert (stopped.curve, stopped.stopped) == (whole.curve[:2], True)
    assert not list((tmp_path / "work").iterdir())


def test_data_too_few_to_hold_some_out(tmp_path: Path) -> None:
    from mnv3gen.search.accuracy.holdout import searched_data

    path = tmp_path / "few.npz"
    labels = np.repeat(np.arange(3), [40, 40, 6])
    pixels = np.zeros((len(labels), 8, 8), np.uint8)
    np.savez(path, x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    with pytest.raises(InputError, match=r"too few pictures.*\n  found:    6 of the class class 2"):
        searched_data(f"npz:{path}")


def test_parameters_have_the_modules_names(space: Space) -> None:
    point = (space.choices(0)[0], space.choices(1)[0])
    candidate = Shared(space).network(point)
    graph = expand(space.network(point))
    names = {name for name, _ in to_torch(graph).named_parameters()}
    assert set(candidate.parts) == names
