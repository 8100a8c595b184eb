"""The shipped tables, how commands find a network, and variants."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mnv3gen.errors import InputError, TableError
from mnv3gen.tables.network import Conventions
from mnv3gen.tables.parse import load
from mnv3gen.tables.variants import apply_variant
from mnv3gen.tables.zoo import get, names, resolve

DATA = Path(__file__).parent / "data"


def test_large_is_table_1() -> None:
    assert get("mobilenet_v3_large").rows == load(DATA / "table1.tsv").rows


def test_small_is_table_2_without_the_tick_on_its_last_convolution() -> None:
    ours, printed = get("mobilenet_v3_small").rows, load(DATA / "table2.tsv").rows
    assert [at for at, row in enumerate(ours) if row != printed[at]] == [12]
    assert (ours[12].squeeze, printed[12].squeeze) == (0, 144)


def test_every_network_is_named_after_its_file() -> None:
    assert {"mobilenet_v3_large", "mobilenet_v3_small"} <= set(names())
    assert [get(name).name for name in names()] == list(names())


def test_unknown_network() -> None:
    with pytest.raises(TableError) as caught:
        get("mobilenet_v3_larg")
    assert caught.value.nearest[0] == "mobilenet_v3_large"
    assert "mobilenet_v3_small" in str(caught.value.expected)


def test_names_cannot_leave_the_zoo() -> None:
    with pytest.raises(TableError, match="unknown network"):
        get("../zoo/mobilenet_v3_large")


def test_resolve_takes_files(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes((DATA / "table1.tsv").read_bytes())
    assert resolve(path).rows == resolve(str(path)).rows == get("mobilenet_v3_large").rows
    with pytest.raises(TableError, match="cannot read"):
        resolve("mobilenet_v3_large.bneck")


def test_a_folder_does_not_hide_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mobilenet_v3_large").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("mobilenet_v3_large") == get("mobilenet_v3_large")


def test_resolve_applies_variants_before_the_width() -> None:
    network = resolve("mobilenet_v3_small", "0.75", "192x256", classes=10, variants=["torchvision"])
    assert (network.height, network.width, network.rows[-1].out) == (192, 256, 10)
    assert network.rows[-2].out == 960  # only torchvision's rule scales what follows the pool
    assert resolve("mobilenet_v3_small", resolution=192).width == 192


@pytest.mark.parametrize("resolution", ["", "192x", "x192", "192x192x3", "19.2", "-5", "٣"])
def test_impossible_resolutions(resolution: str) -> None:
    with pytest.raises(InputError, match="192x256") as caught:
        resolve("mobilenet_v3_small", resolution=resolution)
    assert caught.value.found == resolution


def test_torchvision_s_conventions() -> None:
    network = apply_variant(get("mobilenet_v3_small"), "torchvision")
    assert network.conventions == Conventions(
        padding="symmetric",
        bn_eps=0.001,
        squeeze="expansion/4",
        width_rule="torchvision",
        preprocess="imagenet",
    )
    assert network.rows == get("mobilenet_v3_small").rows


def test_unknown_variant() -> None:
    with pytest.raises(TableError) as caught:
        apply_variant(get("mobilenet_v3_small"), "torchvison")
    assert caught.value.nearest == ("torchvision",)


def test_tables_import_no_other_stage() -> None:
    program = "import sys, mnv3gen.tables.published, mnv3gen.tables.format; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    modules = done.stdout.split()
    ours = {module.split(".")[1] for module in modules if module.startswith("mnv3gen.")}
    assert ours == {"errors", "resources", "tables"}
    assert not {"tvm", "numpy", "torch", "tomllib", "click", "msgspec"} & set(modules)
