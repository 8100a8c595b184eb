"""Training a supernet: a random network of the space in every step, saved now and then.

Single paths, each as likely as any other (Guo et al., "Single Path One-Shot", 2019).
"""

from __future__ import annotations

import contextlib
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
from mnv3gen.train.recipe import DEFAULT, rate_at
from mnv3gen.train.signals import stopping
from mnv3gen.train.state import replace_bytes, writing

STATE = "supernet.json"
EVERY = 300.0  # seconds between two savings, beside those after each epoch
CLIP = 5.0  # of the gradient's norm: a path that was hardly trained may have a steep one
Observe = Callable[[int, int, float, float], None]
"""An epoch that is over, of how many, its mean loss, seconds since the beginning."""


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the supernet is of, and how far it is.

    `epoch` epochs are over, and `steps` of the next one, whose losses add up to `total`.
    """

    contents: str
    data: str
    images: int
    pictures: int
    epochs: int
    batch: int
    seed: int
    epoch: int = 0
    steps: int = 0
    total: float = 0.0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0

    @property
    def tensors(self) -> str:
        """The name of the file with the tensors of this moment."""
        steps = f"-{self.steps}" if self.steps else ""
        return f"supernet-{self.epoch}{steps}.safetensors"


def prepare(spec: EvaluatorSpec, space: Space, observe: Observe) -> None:
    """Train the supernet of a spec's folder, or go on where that was left, unless it is done.

    InputError for the folder of another supernet; KeyboardInterrupt after Ctrl-C, when everything
    is saved.
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
    arrays = load_tensors(folder / state.tensors)
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
        self.recipe = recipe_of(DEFAULT, spec, self.data.mirrored)
        torch.manual_seed(spec.seed)
        self.shared = Shared(space)
        self.optimizer = make_optimizer(self.shared, self.recipe.optimizer)
        seed = space.seed
        form = form_of(seed.height, seed.width, named(seed.conventions.preprocess))
        self.batches = Batches(
            self.data.train, form, self.recipe.augment, self.recipe.batch, spec.seed
        )
        self.begun = self.saved = time.monotonic()
        self.begun -= state.seconds
        if state.epoch or state.steps:
            self._restore()

    def run(self, observe: Observe) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with stopping() as wished:
            while self.state.epoch < self.state.epochs:
                loss = self._epoch(wished.is_set)
                observe(self.state.epoch, self.state.epochs, loss, self.state.seconds)

    def _epoch(self, wished: Callable[[], bool]) -> float:
        """The rest of an epoch; its mean loss."""
        state, last = self.state, len(self.batches)
        total = state.total
        with contextlib.closing(self.batches.epoch(state.epoch, state.steps)) as batches:
            for step, batch in enumerate(batches, state.steps + 1):
                done = state.epoch + (step - 1) / last
                set_rate(self.optimizer, rate_at(self.recipe, done, done / state.epochs))
                total += self._step(batch, (state.epoch, step - 1))
                if not np.isfinite(total):
                    raise Mnv3genError(f"{self.folder}: diverged in epoch {state.epoch + 1}")
                stop = wished()
                if step < last and (stop or time.monotonic() - self.saved > EVERY):
                    self._save(steps=step, total=total)
                    if stop:
                        raise KeyboardInterrupt
        loss = total / last
        self._save(epoch=state.epoch + 1, steps=0, total=0.0, losses=(*state.losses, loss))
        if wished() and self.state.epoch < state.epochs:
            raise KeyboardInterrupt
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

    def _save(self, **changes: Any) -> None:
        """Write the tensors of a moment, then the state that names them."""
        from safetensors.numpy import save

        before = self.folder / self.state.tensors
        now = time.monotonic()
        self.state = msgspec.structs.replace(self.state, seconds=now - self.begun, **changes)
        self.saved = now
        path = self.folder / self.state.tensors
        with writing(self.folder):
            replace_bytes(path, save(self._arrays()))
            content = msgspec.json.format(msgspec.json.encode(self.state), indent=1)
            replace_bytes(self.folder / STATE, content)
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

        arrays = load_tensors(self.folder / self.state.tensors)
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
