"""The trainings of a run: of a seed without weights, and of what came of it, from scratch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from mnv3gen.graph.expand import expand
from mnv3gen.graph.weights import load_weights
from mnv3gen.measure.paired import Paired
from mnv3gen.search.netadapt.outcome import FILE, TABLE, WEIGHTS, Final
from mnv3gen.search.netadapt.populate import Weights
from mnv3gen.search.netadapt.request import Request
from mnv3gen.search.netadapt.watch import Watcher
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.train import folder as files
from mnv3gen.train.data.examples import Data
from mnv3gen.train.request import Request as Training
from mnv3gen.train.session import train
from mnv3gen.train.state import replace_bytes, writing

SEED_RUN, FINAL_RUN = "seed", "training"


def pretrained(request: Request, data: Data, watcher: Watcher) -> Weights:
    """The seed's weights after so many epochs with all pictures but the hold-out."""
    recipe = msgspec.structs.replace(request.recipe, epochs=request.seed_epochs)
    training = Training(
        network=request.network,
        data=data,
        spec=request.spec,
        recipe=recipe,
        folder=request.folder / SEED_RUN,
        seed=request.seed,
        device=request.compute,
    )
    train(training, watcher.training("the seed"))
    return load_weights(training.folder / files.LAST, expand(request.network))


def finish(
    request: Request,
    network: Network,
    weights: Path,
    compare: Callable[[Network], Paired],
    watcher: Watcher,
) -> Final:
    """Train from scratch and measure beside the seed, unless a run has done that already.

    `weights` are those of the last step, which stay if nothing is to be trained.
    """
    path = request.folder / FILE
    if path.is_file():
        return msgspec.json.decode(path.read_bytes(), type=Final)
    accuracy, epochs = _trained(request, network, weights, watcher)
    watcher.busy("measure the seed and the result")
    pair = compare(network)
    final = Final(
        seed_ms=pair.before_ms,
        ms=pair.after_ms,
        ratio=pair.ratio,
        error=pair.error,
        target_ms=request.target_ms,
        accuracy=accuracy,
        pictures=len(request.data.held_out),
        epochs=epochs,
    )
    with writing(request.folder):
        replace_bytes(request.folder / TABLE, format_network(network).encode())
        replace_bytes(path, msgspec.json.format(msgspec.json.encode(final), indent=1))
    return final


def _trained(
    request: Request, network: Network, weights: Path, watcher: Watcher
) -> tuple[float | None, int]:
    """The accuracy on the test pictures and the epochs; the weights are the last epoch's."""
    if not request.final_epochs and request.final_minutes is None:
        with writing(request.folder):
            replace_bytes(request.folder / WEIGHTS, weights.read_bytes())
        return None, 0
    recipe = msgspec.structs.replace(request.recipe, epochs=max(request.final_epochs, 1))
    training = Training(
        network=network,
        data=request.data,
        spec=request.spec,
        recipe=recipe,
        folder=request.folder / FINAL_RUN,
        seed=request.seed,
        minutes=request.final_minutes,
        device=request.compute,
    )
    outcome = train(training, watcher.training("the result, from scratch"))
    with writing(request.folder):
        content = (training.folder / files.LAST).read_bytes()
        replace_bytes(request.folder / WEIGHTS, content)
    return outcome.rows[-1].accuracy, len(outcome.rows)
