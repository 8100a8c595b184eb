"""Which convolutions keep their weights in float16: the choices of `--weight-storage`."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

WeightStorage: TypeAlias = Literal["float32", "fp16", "fp16-all"]
STORAGES: tuple[WeightStorage, ...] = get_args(WeightStorage)


def is_half(storage: WeightStorage, depthwise: bool, shape: tuple[int, ...]) -> bool:
    """Whether a convolution whose output is (h, w, c) keeps its weights in float16.

    By "fp16" matrix-vector products do, the dense convolutions to a single pixel: they wait for
    their weights and for nothing else. By "fp16-all" every convolution does.
    """
    match storage:
        case "float32":
            return False
        case "fp16":
            return not depthwise and shape[:2] == (1, 1)
        case "fp16-all":
            return True
