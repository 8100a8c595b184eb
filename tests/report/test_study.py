"""The study of components and non-linearities: its networks, and the paper's figures beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnv3gen.errors import InputError, NoisyError
from mnv3gen.report.study import Measured, Refused, cases, measured, read_study
from mnv3gen.search.latency import Latency
from mnv3gen.tables.network import Network


class Rows:
    """A device that takes a millisecond a row."""

    def of(self, network: Network) -> Latency:
        """See `LatencySource`."""
        return Latency(ms=len(network.rows), interval_ms=0.1, source="measured")


def of_the_paper() -> list[Measured]:
    """All cases of width 1."""
    found = measured(cases(("1.0",)), None, Rows(), ("pi", "rpi4"))
    return [it for it in found if isinstance(it, Measured)]


def test_the_papers_figures_stand_beside() -> None:
    """Those of table 5, and of table 3 for V2."""
    found = {(it.part, it.label, it.naive): (it.top1, it.paper_ms) for it in of_the_paper()}
    assert found["nonlinearity", "h-swish @80 (V3)", False] == (75.2, 51.4)
    assert found["nonlinearity", "h-swish @80 (V3)", True] == (75.2, 57.5)
    assert found["nonlinearity", "ReLU", False] == (74.5, 50.5)
    assert found["nonlinearity", "h-swish @16", True] == (75.4, 68.9)
    assert found["component", "MobileNetV2", False] == (72.0, 64.0)
    assert found["component", "efficient last stage (figure 5)", False] == (None, None)


def test_components_are_different_networks() -> None:
    """Figure 5's last stage and the stem's 16 filters save multiply-adds; h-swish costs none."""
    madds = [it.madds for it in of_the_paper() if it.part == "component"]
    assert len(madds) == 7
    original, last_stage, stem, naive, fused = madds[2:]
    assert original > last_stage > stem == naive == fused
    assert (original - last_stage) // 10_000_000 == 3  # "30 millions MAdds" (section 5.1)


def test_other_networks_have_no_components() -> None:
    found = cases(("0.5", "1.0"), "mobilenet_v3_small")
    assert {it.part for it in found} == {"nonlinearity"}
    assert len(found) == 2 * 7


def test_noise_is_left_out() -> None:
    class Noisy(Rows):
        def of(self, network: Network) -> Latency:
            if network.name == "mnasnet_a1":
                raise NoisyError("pi", "unsteady")
            return super().of(network)

    found = list(measured(cases(("1.0",)), None, Noisy(), ("pi", "rpi4")))
    refused = [it for it in found if isinstance(it, Refused)]
    assert [(it.case.network, it.reason) for it in refused] == [("mnasnet_a1", "unsteady")]
    assert len(found) == 7 + 7


def test_what_is_no_study(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    for text in ("[1, 2]", "{}", "nothing", '[{"form": "ReLU"}]'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="not a study"):
            read_study(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_study(tmp_path / "none.json")
