"""ncnn: a .param text with its .bin of weights beside it, in float32 on every processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NARROW = ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage")


class Runner:
    """See `mnv3gen.bench.runners.serve`."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        import ncnn

        self.net = ncnn.Net()
        self.net.opt.num_threads = 1
        self.net.opt.use_vulkan_compute = False
        for kind in NARROW:
            setattr(self.net.opt, f"use_{kind}", False)
        if self.net.load_param(str(model)) or self.net.load_model(str(model.with_suffix(".bin"))):
            raise ValueError(f"ncnn cannot load {model.name}")
        self.data = ncnn.Mat(data[0]).clone()
        self.names = outputs
        self.found: list[tuple[int, Any]] = []

    def run(self) -> None:
        """An extractor keeps what it computed, so that each run takes a new one."""
        extractor = self.net.create_extractor()
        extractor.input("input", self.data)
        self.found = [extractor.extract(name) for name in self.names]

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """(c, h, w), or (c,); ValueError if one could not be computed."""
        for name, (code, _) in zip(self.names, self.found, strict=True):
            if code:
                raise ValueError(f"ncnn computes no {name}: error {code}")
        return [np.array(tensor) for _, tensor in self.found]
