"""Training a supernet: a random network of the space in every step, saved after every epoch.

Single paths, each as likely as any other (Guo et al., "Single Path One-Shot", 2019).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.images import named
from mnv3gen.search.accuracy import EvaluatorSpec
from mnv3gen.search.accuracy.holdout import searched_data
from mnv3gen.search.accuracy.proxy import recipe_of
from mnv3gen.search.settings import contents_of
from mnv3gen.search.space import Space
from mnv3gen.search.supernet.shared import Shared
from mnv3gen.search.threads import one_thread
from mnv3gen.train.data.batches import Batches, form_of
from mnv3gen.train.losses import classification_loss
from mnv3gen.train.optimizers import make_optimizer, set_rate
from mnv3gen.train.recipe import rate_at
from mnv3gen.train.signals import stopping
from mnv3gen.train.state import replace_bytes, writing

STATE, WEIGHTS = "supernet.json", "supernet-{epoch}.safetensors"
CLIP = 5.0  # of the gradient's norm: a path that was hardly trained may have a steep one
Observe = Callable[[int, int, float, float], None]
"""An epoch that is over, of how many, its mean loss, seconds since the beginning."""


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the supernet is of, and how far it is: the file of `epoch` has its tensors."""

    contents: str
    data: str
    images: int
    pictures: int
    epochs: int
    batch: int
    seed: int
    epoch: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0


def prepare(spec: EvaluatorSpec, space: Space, observe: Observe) -> None:
    """Train the supernet of a spec's folder, or go on where that was left, unless it is done.

    InputError for the folder of another supernet; KeyboardInterrupt after Ctrl-C, with the last
    whole epoch saved.
    """
    folder = Path(spec.folder)
    wanted = State(
        contents=contents_of(space),
        data=spec.data,
        images=spec.images,
        pictures=len(searched_data(spec.data, spec.images).train),
        epochs=spec.epochs,
        batch=spec.batch,
        seed=spec.seed,
    )
    state = read_state(folder) or wanted
    _compare(folder, state, wanted)
    if state.epoch < state.epochs:
        one_thread()
        _Training(spec, space, state).run(observe)


def read_state(folder: Path) -> State | None:
    """The state of a folder; None if there is none. InputError for a damaged file."""
    path = folder / STATE
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("not a supernet's state", place=str(path), found=str(error)) from error


def load_shared(folder: Path, space: Space) -> Shared:
    """The trained weights of a folder. InputError if they are not there, or not done."""
    from mnv3gen.graph.weights import load_tensors

    state = read_state(folder)
    if state is None or state.epoch < state.epochs:
        raise InputError("no trained supernet", place=str(folder), expected="one that is done")
    shared = Shared(space)
    arrays = load_tensors(folder / WEIGHTS.format(epoch=state.epoch))
    with torch.no_grad():
        for name, tensor in shared.named_parameters():
            tensor.copy_(torch.from_numpy(arrays[f"shared/{name}"]))
    return shared


def _compare(folder: Path, state: State, wanted: State) -> None:
    for field in ("contents", "data", "images", "pictures", "epochs", "batch", "seed"):
        theirs, ours = getattr(state, field), getattr(wanted, field)
        if theirs != ours:
            raise InputError(
                f"the supernet has another {field}",
                place=str(folder / STATE),
                found=str(theirs),
                expected=f"{ours}; or another --supernet",
            )


class _Training:
    def __init__(self, spec: EvaluatorSpec, space: Space, state: State) -> None:
        self.folder, self.space, self.state = Path(spec.folder), space, state
        self.data = searched_data(spec.data, spec.images)
        self.recipe = recipe_of(spec, self.data.mirrored)
        torch.manual_seed(spec.seed)
        self.shared = Shared(space)
        self.optimizer = make_optimizer(self.shared, self.recipe.optimizer)
        seed = space.seed
        form = form_of(seed.height, seed.width, named(seed.conventions.preprocess))
        self.batches = Batches(
            self.data.train, form, self.recipe.augment, self.recipe.batch, spec.seed
        )
        if state.epoch:
            self._restore()

    def run(self, observe: Observe) -> None:
        begun = time.monotonic() - self.state.seconds
        self.folder.mkdir(parents=True, exist_ok=True)
        with stopping() as wished:
            while self.state.epoch < self.state.epochs:
                loss = self._epoch(self.state.epoch, wished.is_set)
                seconds = time.monotonic() - begun
                self._save(loss, seconds)
                observe(self.state.epoch, self.state.epochs, loss, seconds)

    def _epoch(self, epoch: int, wished: Callable[[], bool]) -> float:
        losses = []
        for number, batch in enumerate(self.batches.epoch(epoch)):
            if wished():
                raise KeyboardInterrupt
            done = epoch + number / len(self.batches)
            set_rate(self.optimizer, rate_at(self.recipe, done, done / self.state.epochs))
            losses.append(self._step(batch, (epoch, number)))
        loss = float(np.mean(losses))
        if not np.isfinite(loss):
            raise Mnv3genError(f"{self.folder}: the supernet diverged in epoch {epoch + 1}")
        return loss

    def _step(self, batch: Any, place: tuple[int, int]) -> float:
        text = f"{self.state.seed}:{place}"
        torch.manual_seed(self.state.seed + 1_000_003 * place[0] + place[1])
        point = self.space.random(random.Random(text))  # noqa: S311 - repeatable
        network = self.shared.network(point)
        network.module.train()
        batch = batch.to(torch.device("cpu"), torch.channels_last)
        loss = classification_loss(network(batch.images), batch, self.recipe.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.shared.parameters(), CLIP)
        self.optimizer.step()
        return float(loss.item())

    def _save(self, loss: float, seconds: float) -> None:
        from safetensors.numpy import save

        state = self.state
        before = self.folder / WEIGHTS.format(epoch=state.epoch)
        self.state = msgspec.structs.replace(
            state, epoch=state.epoch + 1, losses=(*state.losses, loss), seconds=seconds
        )
        path = self.folder / WEIGHTS.format(epoch=self.state.epoch)
        with writing(self.folder):
            replace_bytes(path, save(self._arrays()))
            replace_bytes(
                self.folder / STATE, msgspec.json.format(msgspec.json.encode(self.state), indent=1)
            )
        before.unlink(missing_ok=True)

    def _arrays(self) -> dict[str, Any]:
        """The weights, and what the optimizer knows unless the training is done."""
        parts = {f"shared/{name}": it for name, it in self.shared.named_parameters()}
        if self.state.epoch < self.state.epochs:
            for index, values in self.optimizer.state_dict()["state"].items():
                parts |= {f"optimizer/{index}/{name}": it for name, it in values.items()}
        return {
            name: np.array(torch.as_tensor(it).detach().numpy(), order="C", copy=True)
            for name, it in parts.items()
        }

    def _restore(self) -> None:
        from mnv3gen.graph.weights import load_tensors

        arrays = load_tensors(self.folder / WEIGHTS.format(epoch=self.state.epoch))
        with torch.no_grad():
            for name, tensor in self.shared.named_parameters():
                tensor.copy_(torch.from_numpy(arrays[f"shared/{name}"]))
        state = self.optimizer.state_dict()
        state["state"] = {}
        for key, array in arrays.items():
            if key.startswith("optimizer/"):
                _, index, name = key.split("/")
                state["state"].setdefault(int(index), {})[name] = torch.from_numpy(array.copy())
        self.optimizer.load_state_dict(state)
