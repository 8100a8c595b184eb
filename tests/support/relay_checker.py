"""What a real Relay makes of exported files. It runs under CPython 3.8 with `hhb-tvm` alone.

    python relay_checker.py FOLDER

For each NAME.relay with NAME.params and an input NAME.npy: parse, check types, build for this
machine, run, and write the outputs to NAME.npz.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

TARGET = "llvm -mtriple=x86_64-unknown-linux-gnu -mcpu=x86-64-v3"  # its own default is RISC-V


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

    with tvm.transform.PassContext(opt_level=3):
        library = relay.build(module, target=TARGET, params=params)
    executor = graph_executor.GraphModule(library["default"](tvm.cpu()))
    executor.set_input(names[0], np.load(path.with_suffix(".npy")))
    executor.run()
    return [executor.get_output(index).numpy() for index in range(executor.get_num_outputs())]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
