"""`--weight-storage`: the values, the size, what is printed, and which targets refuse it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from support.command import Finished
from support.compiled import Array, request_for, tiny

from mnv3gen.compile.bundle import Bundle
from mnv3gen.compile.kernels import compile_kernels
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.round_weights import round_weights
from mnv3gen.lower.storage import WeightStorage
from mnv3gen.run import run_bundle
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.targets import Target, all_targets, load

Command = Callable[..., Finished]

# Channels that no vector divides, residuals, squeeze-and-excite, groups of every kind.
ODD = """\
name: odd
input: 19x23x3
classes: 7

Operator         exp size  #out  SE  NL  s
conv2d, 3x3         -     9   -  R6  2
bneck, 3x3          9     9   -  RE  1
bneck, 7x7         20    12   ✓  R6  1
bneck, 3x3         20    12   -  HS  1
bneck, 5x5         30    21   ✓  RE  2
conv2d, 1x1         -    22   -   -  1
pool                -     -   -   -  1
conv2d 1x1, NBN     -    13   -  HS  1
conv2d 1x1, NBN     -     k   -   -  1
"""

# Every array is a multiple of 64 bytes in both types, however the plan groups the layers.
EVEN = """\
name: even
input: 16x16x3
classes: 32

Operator         exp size  #out  SE  NL  s
conv2d, 3x3         -    32   -  HS  2
bneck, 3x3         64    32   -  RE  1
pool                -     -   -   -  1
conv2d 1x1, NBN     -  1024   -  HS  1
conv2d 1x1, NBN     -     k   -   -  1
"""
# (Steps of the reduction + bias) x channels: stem, expansion, depthwise, projection.
MAPS = (27 + 1) * 32 + (32 + 1) * 64 + (9 + 1) * 64 + (64 + 1) * 32
VECTORS, BIASES = 32 * 1024 + 1024 * 32, 1024 + 32  # whose biases stay in float32
BYTES: dict[WeightStorage, int] = {
    "float32": 4 * (MAPS + VECTORS + BIASES),
    "fp16": 4 * MAPS + 2 * VECTORS + 4 * BIASES,
    "fp16-all": 2 * MAPS + 2 * VECTORS + 4 * BIASES,
}

CORTEX_A15 = """\
base = "armv7"
description = "32-bit ARM that converts float16"
[llvm]
cpu = "cortex-a15"
features = ["neon", "vfp4", "fp16"]
[emulation]
unicorn = "cortex-a15"
qemu = "cortex-a15"
"""
WITHOUT_F16C = """\
base = "host"
description = "An x86-64 of 2010"
detect = false
architecture = "x86_64"
sources = []
[llvm]
triple = "x86_64-linux-gnu"
cpu = "x86-64-v2"
features = []
[core]
name = "Westmere"
vector_bits = 128
vector_registers = 16
clock_mhz = 2000
cache_line = 64
l1d_kib = 32
l2_kib = 256
[link]
zig_target = "x86_64-linux-musl"
system = "linux"
page_size = 4096
"""

BY_TVM = """
VERSION = 1


def apply(kernel, function, core):
    return function
"""


@pytest.fixture
def own_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Target]:
    """Loads the target that a text describes."""

    def write(text: str) -> Target:
        (tmp_path / "targets").mkdir()
        (tmp_path / "targets" / "mine.toml").write_text(text, encoding="utf-8")
        monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path))
        return load("mine")

    return write


@pytest.mark.parametrize("storage", ["fp16", "fp16-all"])
@pytest.mark.parametrize(
    "target",
    [
        pytest.param("host", marks=pytest.mark.compile),
        pytest.param("arm_cpu", marks=pytest.mark.emulate),
    ],
)
def test_values(target: str, storage: WeightStorage, tmp_path: Path) -> None:
    check_values(parse(ODD), load(target), storage, tmp_path)


@pytest.mark.emulate
def test_values_on_32_bit_arm(own_target: Callable[[str], Target], tmp_path: Path) -> None:
    check_values(tiny(), own_target(CORTEX_A15), "fp16-all", tmp_path)


def zeros(bundle: Bundle, storage: WeightStorage) -> int:
    """Bytes of the biases that panel_residual has for every panel of a bneck but the first.

    The bneck has 64 expanded and 32 projected channels.
    """
    lanes = load("host").core.vector_bits // 32
    panels = [
        math.ceil(64 / (kernel.parameters["vectors"] * lanes))
        for kernel in bundle.manifest.kernels
        if kernel.schedule == "panel_residual"
    ]
    return sum(count - 1 for count in panels) * 32 * (2 if storage == "fp16-all" else 4)


@pytest.mark.compile
def test_size(tmp_path: Path) -> None:
    bundles = {storage: bundle_of(parse(EVEN), "host", storage, tmp_path) for storage in BYTES}
    weights = {
        storage: each.manifest.memory.weights_bytes - zeros(each, storage)
        for storage, each in bundles.items()
    }
    assert weights == BYTES
    sizes = {storage: each.library.stat().st_size for storage, each in bundles.items()}
    saved = sizes["float32"] - sizes["fp16"]
    assert saved == pytest.approx(2 * VECTORS, abs=4096)
    counts = [each.manifest.weights.storage.float16 for each in bundles.values()]
    assert counts == [0, 2, 6]


@pytest.mark.compile
def test_what_is_printed(command: Command, table: Path, tmp_path: Path) -> None:
    arguments = ["compile", table, "--target", "host", "-o", tmp_path / "out"]
    arguments += ["--weight-storage", "fp16-all"]
    printed = command(*arguments).out
    data = seeded_input((20, 20, 3))
    graph, weights = expand(tiny()), seeded_weights(expand(tiny()))
    exact = outputs(graph, weights, data)
    rounded = rounded_outputs(graph, weights, "fp16-all", data)
    change = np.abs(rounded - exact).max() / np.abs(exact).max()
    assert 1e-5 < change < 1e-2
    assert f"fp16-all weights change the output by {change:.1e} of the largest" in printed
    assert "; 10 of 10 convolutions in float16\n" in printed
    assert "storage   fp16-all\n" in printed
    summary = command(*arguments, "--json").json
    assert summary["cached"]
    assert summary["weight_storage"] == "fp16-all"
    assert summary["storage_change"] == pytest.approx(change, rel=1e-3)
    plain = command(
        "compile", table, "--target", "host", "-o", tmp_path / "out", "--no-cache", "--json"
    ).json
    assert not plain["cached"]
    assert plain["storage_change"] == 0
    assert summary["weights_bytes"] < 0.6 * plain["weights_bytes"]


@pytest.mark.compile
def test_what_no_generator_reads_stays_float32(
    command: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "dwconv.py").write_text(BY_TVM)
    monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path))
    options = ["--target", "host", "-o", tmp_path / "out", "--weight-storage", "fp16-all"]
    printed = command("compile", table, *options).out
    assert "; 8 of 10 convolutions in float16, 2 in float32 for want of a schedule" in printed
    assert "checked   native: " in printed


@pytest.mark.parametrize("storage", ["fp16", "fp16-all"])
def test_armv7_refuses(
    command: Command, table: Path, storage: WeightStorage, tmp_path: Path
) -> None:
    options = ["--target", "armv7", "--weight-storage", storage, "-o", tmp_path / "out"]
    command("compile", table, *options).refused(
        "--weight-storage: armv7 cannot convert float16",
        f"found:    {storage} for armv7, whose CPU (generic) lacks fp16",
        "expected: float32; fp16 and fp16-all need a target with fp16",
    )
    assert not (tmp_path / "out").exists()


def test_an_old_x86_refuses(own_target: Callable[[str], Target]) -> None:
    request = replace(request_for(tiny()), target=own_target(WITHOUT_F16C))
    with pytest.raises(InputError, match=r"x86-64-v2\) lacks f16c"):
        replace(request, storage="fp16")


def test_there_are_three_choices(command: Command, table: Path) -> None:
    command("compile", table, "--weight-storage", "fp8").refused("'float32', 'fp16', 'fp16-all'")


@pytest.mark.compile
@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)
def test_nothing_is_converted_by_a_function(target: Target, tmp_path: Path) -> None:
    called = undefined(compiled_kernels(target, tmp_path / "kernels.o"))
    if target.name == "armv7":  # which is why it refuses
        assert "__gnu_h2f_ieee" in called
    else:
        assert called <= {"memset"}


@pytest.mark.compile
def test_nothing_is_converted_by_a_function_on_a_cortex_a15(
    own_target: Callable[[str], Target], tmp_path: Path
) -> None:
    target = own_target(CORTEX_A15)
    assert undefined(compiled_kernels(target, tmp_path / "kernels.o")) <= {"memset"}


def compiled_kernels(target: Target, path: Path) -> Path:
    graph = expand(tiny())
    rounded, weights = round_weights(graph, seeded_weights(graph), "fp16-all")
    compile_kernels(rounded, weights, target, "tiny", path, storage="fp16-all")
    return path


def undefined(path: Path) -> set[str]:
    """What an object file wants from elsewhere."""
    with path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        return {each.name for each in symbols if each["st_shndx"] == "SHN_UNDEF"} - {""}


def bundle_of(
    network: Network, target: str | Target, storage: WeightStorage, folder: Path
) -> Bundle:
    request = request_for(network)
    loaded = load(target) if isinstance(target, str) else target
    request = replace(request, target=loaded, storage=storage)
    return compile_network(request, folder / storage, use_cache=False).bundle


def check_values(network: Network, target: Target, storage: WeightStorage, folder: Path) -> None:
    """Against weights that were rounded here, for an input that the compiler does not know."""
    bundle = bundle_of(network, target, storage, folder)
    graph, weights = expand(network), request_for(network).weights
    data = np.random.default_rng(20190507).normal(0.2, 0.8, graph.input_shape).astype(np.float32)
    _, results = run_bundle(bundle, data)
    actual = np.concatenate([each.ravel() for each in results.values()])
    expected = rounded_outputs(graph, weights, storage, data)
    largest = np.abs(expected).max()
    assert np.abs(actual - expected).max() < 1e-4 * largest
    # Otherwise nothing was rounded.
    assert np.abs(expected - outputs(graph, weights, data)).max() > 1e-5 * largest


def outputs(graph: Graph, weights: Mapping[str, Any], data: Array) -> Any:
    return np.concatenate([each.ravel() for each in run(graph, weights, data).values()])


def rounded_outputs(
    graph: Graph, weights: Mapping[str, Array], storage: WeightStorage, data: Array
) -> Any:
    """With folded weights in float16, and a batch normalization that does nothing."""
    values: dict[str, Any] = dict(weights)
    for conv in graph.convolutions:
        name = conv.name
        if storage == "fp16" and (conv.shape[:2] != (1, 1) or conv.groups > 1):
            continue
        weight = weights[f"{name}.weight"].astype(np.float64)
        if not conv.batch_norm:
            values[f"{name}.weight"] = np.float16(weight)
            values[f"{name}.bias"] = np.float16(weights[f"{name}.bias"])
            continue
        gamma, beta, mean, variance = (
            weights[f"{name}.bn.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + graph.bn_eps)
        values[f"{name}.weight"] = np.float16(np.float32(weight * scale[:, None, None, None]))
        one, zero = np.ones(len(scale)), np.zeros(len(scale))
        values[f"{name}.bn.weight"], values[f"{name}.bn.running_mean"] = one, zero
        values[f"{name}.bn.bias"] = np.float16(np.float32(beta - mean * scale))
        values[f"{name}.bn.running_var"] = one - graph.bn_eps
    return outputs(graph, values, data)
