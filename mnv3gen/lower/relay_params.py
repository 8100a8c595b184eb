"""The parameter file of Relay and of TVM's graph executor (`save_param_dict`), little-endian.

A magic number, the names, then one `NDArray` a name in the same order, each with a magic number of
its own (`src/runtime/file_utils.cc` and `include/tvm/runtime/ndarray.h` of TVM).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

LIST_MAGIC, ARRAY_MAGIC = 0xF7E58D4F05049CB7, 0xDD5E40F096B4A13F
CPU = 1
TYPE_CODES = {"i": 0, "u": 1, "f": 2}


def encode_params(params: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The file's content; names are sorted, as TVM's own maps are."""
    names = sorted(params)
    parts = [struct.pack("<QQQ", LIST_MAGIC, 0, len(names))]
    for name in names:
        text = name.encode()
        parts.append(struct.pack("<Q", len(text)) + text)
    parts.append(struct.pack("<Q", len(names)))
    parts += [_array(params[name]) for name in names]
    return b"".join(parts)


def _array(value: npt.NDArray[Any]) -> bytes:
    kind, item_bytes = value.dtype.kind, value.dtype.itemsize
    head = struct.pack("<QQiii", ARRAY_MAGIC, 0, CPU, 0, value.ndim)
    dtype = struct.pack("<BBH", TYPE_CODES[kind], 8 * item_bytes, 1)
    shape = struct.pack(f"<{value.ndim}q", *value.shape)
    data = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
    return head + dtype + shape + struct.pack("<q", len(data)) + data
