"""What a real Relay makes of exported files. It runs under CPython 3.8 with `hhb-tvm` alone.

    python relay_checker.py FOLDER

For each NAME.relay with NAME.params and an input NAME.npy: parse, check types, build for this
machine, run, and write the outputs to NAME.npz. NAME-int8.relay are built for a processor without
SSSE3: from there on Relay's int8 kernels add products in pairs that saturate at 16 bits.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

TARGET = "llvm -mtriple=x86_64-unknown-linux-gnu -mcpu="  # its own default is RISC-V
CPU, INT8_CPU = "x86-64-v3", "x86-64"


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.relay")):
        start = time.monotonic()
        outputs = _outputs(path)
        np.savez(path.with_suffix(".npz"), *outputs)
        print(path.stem, round(time.monotonic() - start, 1), flush=True)


def _outputs(path: Path) -> Any:
    import tvm
    from tvm import relay
    from tvm.contrib import graph_executor

    module = tvm.relay.parse(path.read_text(encoding="utf-8"))
    module = relay.transform.InferType()(module)
    params = relay.load_param_dict(path.with_suffix(".params").read_bytes())
    names = [str(variable.name_hint) for variable in module["main"].params]
    if set(names) != {names[0], *params}:
        raise ValueError("the parameters are not those of main")

    target = TARGET + (INT8_CPU if path.stem.endswith("-int8") else CPU)
    with tvm.transform.PassContext(opt_level=3):
        library = relay.build(module, target=target, params=params)
    executor = graph_executor.GraphModule(library["default"](tvm.cpu()))
    executor.set_input(names[0], np.load(path.with_suffix(".npy")))
    executor.run()
    return [executor.get_output(index).numpy() for index in range(executor.get_num_outputs())]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
