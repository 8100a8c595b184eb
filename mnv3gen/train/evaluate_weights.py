"""Weights as what is evaluated, computed by torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mnv3gen.graph.expand import expand
from mnv3gen.graph.weights import check_metadata, load_weights
from mnv3gen.images import named
from mnv3gen.lower.torch import to_torch
from mnv3gen.tables.network import Network
from mnv3gen.train.evaluate import Subject
from mnv3gen.train.learner import classifier_output, module_outputs
from mnv3gen.train.starting import network_of


def weights_subject(path: Path, network: Network | None = None) -> Subject:
    """A weights file; without a network, of the one that the file names.

    WeightsError if the weights do not fit the network or were made for other conventions.
    """
    names: tuple[str, ...] = ()
    if network is None:
        network, names = network_of(path)
    check_metadata(path, network.conventions)
    graph = expand(network)
    output = classifier_output(graph)
    module = to_torch(graph, load_weights(path, graph)).eval()
    module = module.to(memory_format=torch.channels_last)
    device = torch.device("cpu")

    def scores(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        outputs = module_outputs(module, inputs, torch.channels_last, device)
        return outputs[output].reshape(len(inputs), -1)

    return Subject(
        name=f"{network.name}, {path}",
        height=network.height,
        width=network.width,
        classes=network.classes,
        labels=names,
        preprocess=named(network.conventions.preprocess),
        how="torch",
        scores=scores,
    )
