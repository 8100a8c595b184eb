"""The controller of MnasNet: an RNN that makes one decision after the other, trained by PPO.

Tan et al., "MnasNet", 2019, section 4.3: the RNN samples a batch of models, a token a choice, and
learns to maximize their expected reward by Proximal Policy Optimization (Schulman et al., 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import nn

from mnv3gen.search.controllers import Told
from mnv3gen.search.encoding import Choice, Encoding
from mnv3gen.search.space import Point, Space

Tensor: TypeAlias = torch.Tensor
Rows: TypeAlias = list[tuple[Choice, ...]]
Choose: TypeAlias = Callable[[int, Tensor], Tensor]
"""A decision's number and logarithms of probabilities (n, options) to choices (n,)."""

HIDDEN = 64
RATE = 0.001
CLIP = 0.2  # how far a probability may move from what it was, Schulman's epsilon
UPDATES = 8  # steps on the trials of the last few rounds
MEMORY = 32  # trials that are learned from together: four rounds of eight
ENTROPY = 0.05  # of the bonus for being undecided
BASELINE = 0.8  # that a round keeps of the mean reward
FORBIDDEN = -1e9


@dataclass(frozen=True)
class _Sample:
    """A trial: its choices, the logarithm of their probability when drawn, its reward."""

    choices: tuple[Choice, ...]
    log_probability: float
    reward: float


class Policy(nn.Module):  # type: ignore[misc]
    """An LSTM over the decisions with a choice: it reads the option before, scores the next."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        self.encoding = encoding
        sizes = [len(decision.options) for decision in encoding.decisions]
        self.sizes = sizes
        self.starts = [sum(sizes[:number]) for number in range(len(sizes))]
        self.open = [number for number, size in enumerate(sizes) if size > 1]
        # Row 0 stands for the beginning; each option of each decision has one of its own.
        self.embedding = nn.Embedding(1 + sum(sizes), HIDDEN)
        self.cell = nn.LSTMCell(HIDDEN, HIDDEN)
        self.heads = nn.ModuleDict({str(it): nn.Linear(HIDDEN, sizes[it]) for it in self.open})
        for head in self.heads.values():  # at first every option is about as likely as any other
            nn.init.normal_(head.weight, 0.0, 0.01)
            nn.init.zeros_(head.bias)

    def sample(self, count: int, generator: torch.Generator) -> tuple[Rows, list[float]]:
        """Rows of choices, and the logarithms of their probabilities."""
        rows: list[list[Choice]] = [[] for _ in range(count)]

        def draw(number: int, logs: Tensor) -> Tensor:
            return torch.multinomial(logs.exp(), 1, generator=generator)[:, 0]

        with torch.no_grad():
            total, _ = self._unrolled(rows, draw)
        return [tuple(row) for row in rows], total.tolist()

    def evaluate(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The logarithms of the rows' probabilities, and the mean entropy of a decision of each."""
        chosen = torch.tensor(rows)
        return self._unrolled([[] for _ in rows], lambda number, logs: chosen[:, number])

    def _unrolled(self, rows: list[list[Choice]], choose: Choose) -> tuple[Tensor, Tensor]:
        """Make all decisions by `choose`, and append them to the rows."""
        count = len(rows)
        read = torch.zeros(count, dtype=torch.long)
        state = (torch.zeros(count, HIDDEN), torch.zeros(count, HIDDEN))
        total, entropy = torch.zeros(count), torch.zeros(count)
        for number in range(len(self.sizes)):
            own = torch.zeros(count, dtype=torch.long)
            if self.sizes[number] > 1:
                state = self.cell(self.embedding(read), state)
                scores = self.heads[str(number)](state[0]) + self._mask(number, rows)
                logs = scores.log_softmax(1)
                own = choose(number, logs)
                total = total + logs.gather(1, own[:, None])[:, 0]
                entropy = entropy - (logs.exp() * logs).sum(1)
                read = 1 + self.starts[number] + own
            for row, choice in zip(rows, own.tolist(), strict=True):
                row.append(choice)
        return total, entropy / len(self.open)

    def _mask(self, number: int, rows: list[list[Choice]]) -> Tensor:
        """0 for what is allowed after each row, and a score of no probability for the rest."""
        mask = torch.full((len(rows), self.sizes[number]), FORBIDDEN)
        for row, choices in enumerate(rows):
            mask[row, list(self.encoding.allowed(choices))] = 0.0
        return mask


class Ppo:
    """Samples from the policy, and after each round moves it towards what was better."""

    def __init__(self, space: Space, seed: int) -> None:
        self.encoding = Encoding(space)
        self.generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = Policy(self.encoding)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), RATE)
        self.asked: tuple[Rows, list[float]] = [], []
        self.memory: list[_Sample] = []
        self.baseline: float | None = None

    def ask(self, count: int) -> list[Point]:
        """Points that the policy draws; one may come again."""
        self.asked = self.policy.sample(count, self.generator)
        return [self.encoding.decoded(choices) for choices in self.asked[0]]

    def tell(self, results: Sequence[Told]) -> None:
        """Learn from the rewards of the last few rounds; trials that failed teach nothing."""
        fresh = [
            _Sample(choices, log_probability, result.reward)
            for choices, log_probability, result in zip(*self.asked, results, strict=True)
            if result.reward is not None
        ]
        if not fresh:
            return
        mean = sum(sample.reward for sample in fresh) / len(fresh)
        known = mean if self.baseline is None else self.baseline
        self.baseline = BASELINE * known + (1 - BASELINE) * mean
        self.memory = (self.memory + fresh)[-MEMORY:]
        for _ in range(UPDATES):
            self._update()

    def _update(self) -> None:
        rewards = torch.tensor([sample.reward for sample in self.memory])
        advantages = rewards - self.baseline
        advantages = advantages / (rewards.std(unbiased=False) + 1e-8)
        before = torch.tensor([sample.log_probability for sample in self.memory])
        now, entropy = self.policy.evaluate([sample.choices for sample in self.memory])
        ratio = (now - before).exp()
        clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
        gain = torch.minimum(ratio * advantages, clipped * advantages)
        loss = -(gain + ENTROPY * entropy).mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
