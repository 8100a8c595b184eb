"""The page on searches, and the files beside it; in Chromium where that is installed."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.browser import CHROMIUM, ask
from support.command import Finished
from support.compiled import TINY, tiny

from mnv3gen.errors import InputError, NoisyError
from mnv3gen.report.rows import pairs
from mnv3gen.report.search_data import Point, frontier, read_networks
from mnv3gen.search.accuracy import Accuracy
from mnv3gen.search.latency import Latency
from mnv3gen.search.netadapt.journal import Step, Verified
from mnv3gen.search.netadapt.outcome import Final
from mnv3gen.search.trials import Trial
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import get, resolve

pytest.importorskip("bokeh")
Command = Callable[..., Finished]
SETTINGS: dict[str, Any] = {
    "space": "s", "contents": "", "device": "local", "target": "host", "target_ms": 1.0,
    "exponents": [-0.15, -0.15], "controller": "random", "evaluator": "proxy", "data": "digits",
    "images": 0, "epochs": 1, "batch": 32, "latency": "table", "table": "", "seed": 0,
    "round": 4, "version": "0",
}  # fmt: skip
EVIL = "</script><script>alert(1)</script>"


def trial(number: int, accuracy: float | None, ms: float) -> Trial:
    """A trial whose reward is its accuracy."""
    if accuracy is None:
        return Trial(
            number=number, seed=0, controller="random", point=TINY, state="failed", reason=EVIL
        )
    return Trial(
        number=number,
        seed=0,
        controller="random",
        point=TINY,
        state="ok",
        accuracy=Accuracy(value=accuracy, evaluator="proxy", epochs=1, images=9, seed=0, seconds=1),
        latency=Latency(ms=ms, interval_ms=0.1, source="table"),
        reward=accuracy,
    )


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A search of four trials, and a NetAdapt run of one step that came to its end."""
    search, adapted = tmp_path / "s", tmp_path / "n"
    search.mkdir()
    adapted.mkdir()
    (search / "search.json").write_bytes(msgspec.json.encode(SETTINGS))
    trials = [trial(0, 0.5, 1.0), trial(1, 0.4, 2.0), trial(2, None, 0), trial(3, 0.7, 3.0)]
    lines = b"".join(msgspec.json.encode(it) + b"\n" for it in trials)
    (search / "trials.jsonl").write_bytes(lines)
    (search / "best.bneck").write_text(TINY, encoding="utf-8")
    known = Latency(ms=2.0, interval_ms=0.1, source="table")
    smaller = TINY.replace("24    16", "16    16")
    verified = Verified(
        site="bneck2.expand", before_ms=2.0, after_ms=1.8, ratio=0.9, error=0.002, rounds=7,
        reduction=0.1, accepted=True,
    )  # fmt: skip
    steps = [
        Step(number=0, table=TINY, accuracy=0.8, latency=known, share=1.0, measured_ms=2.0),
        Step(
            number=1, table=smaller, accuracy=0.75, latency=known, share=0.9, measured_ms=1.8,
            chosen="bneck2.expand", verified=(verified,),
        ),
    ]  # fmt: skip
    (adapted / "steps.jsonl").write_bytes(b"".join(msgspec.json.encode(it) + b"\n" for it in steps))
    asked = {"target_ms": 1.9, "delta": 0.05, "data": "digits", "table": TINY, "format": 1}
    (adapted / "netadapt.json").write_bytes(msgspec.json.encode(asked))
    final = Final(
        seed_ms=2.0, ms=1.8, ratio=0.9, error=0.002, target_ms=1.9, accuracy=0.85, pictures=100,
        epochs=3,
    )  # fmt: skip
    (adapted / "final.json").write_bytes(msgspec.json.encode(final))
    (adapted / "final.bneck").write_text(smaller, encoding="utf-8")
    return search, adapted


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two rows as `mnv3gen bench --ablation nonlinearities --json` writes them."""
    row = {"network": "mobilenet_v3_large --variant relu", "median_ms": 9.0, "min_ms": 8.0}
    rows = [
        row | {"form": "ReLU", "naive": False, "paper_ms": 50.5},
        row | {"form": "h-swish @16", "naive": True, "paper_ms": 68.9, "median_ms": 12.0},
    ]
    path = tmp_path / "ablation.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def networks(folder: Path, text: str = "name,ms,accuracy\nV3 0.5,1.5,0.6\n") -> Path:
    """A file of networks that stand beside."""
    path = folder / "networks.csv"
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_frontier_by_hand() -> None:
    def point(ms: float, accuracy: float) -> Point:
        return Point(name="", ms=ms, accuracy=accuracy, how="")

    points = [point(3, 0.9), point(1, 0.5), point(2, 0.4), point(1, 0.3), point(4, 0.9)]
    assert frontier(points) == [point(1, 0.5), point(3, 0.9)]


def test_files_beside_the_page(
    folders: tuple[Path, Path], study: Path, tmp_path: Path, command: Command
) -> None:
    page = tmp_path / "out" / "report.html"
    beside = networks(tmp_path)
    result = command("report", *folders, "--networks", beside, "--study", study, "-o", page)
    assert result.code == 0, result.err
    assert sorted(it.name for it in page.parent.iterdir()) == [
        "report-frontier.csv",
        "report-netadapt.csv",
        "report-study.csv",
        "report-table.csv",
        "report-trials.csv",
        "report.html",
        "report.json",
    ]
    on_frontier = [
        (it["series"], it["name"])
        for it in rows(page.parent / "report-frontier.csv")
        if it["on its frontier"] == "1"
    ]
    assert ("s", "trial 1") not in on_frontier
    assert {("s", "trial 0"), ("s", "trial 3"), ("beside", "V3 0.5")} <= set(on_frontier)
    (_, step) = rows(page.parent / "report-netadapt.csv")
    assert (step["chosen"], step["reduction"], step["refused"]) == ("bneck2.expand", "0.1", "0")
    (relu, naive) = rows(page.parent / "report-study.csv")
    assert (relu["label"], relu["variants"], relu["ms"]) == ("ReLU", "relu", "9.0")
    assert (naive["variants"], naive["paper_ms"]) == ("hswish@16 naive-hswish", "68.9")
    everything = json.loads(page.with_suffix(".json").read_bytes())
    assert len(everything["content"]["searches"][0]["trials"]) == 4
    text = page.read_text(encoding="utf-8")
    assert EVIL not in text
    assert "10.0% ± 0.4% less" in text


def test_rows_stand_beside_each_other() -> None:
    """V3-Small without its first 5x5 at 4 x 4 still has its other rows beside their own."""
    network = resolve("mobilenet_v3_small", resolution="32")
    assert all(pair.left == pair.right for pair in pairs(network, network))
    found = pairs(tiny(), parse(TINY.replace("24    16", "32    16")))
    assert [pair.differs.index(True) for pair in found if any(pair.differs)] == [2]
    large = pairs(get("mobilenet_v3_large"), get("mobilenet_v3_small"))
    assert sum(bool(pair.left) for pair in large) == 20
    assert sum(bool(pair.right) for pair in large) == 16


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,ms\na,1\n", "no column accuracy"),
        ("name,ms,accuracy\na,1,0.5\nb,fast,0.5\n", "line 3: not a number"),
        ("name,ms,accuracy\na,1,91.2\n", "a share from 0 to 1"),
        ("", "found:    nothing"),
    ],
)
def test_networks_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_networks(networks(tmp_path, text))


def test_what_is_no_search(tmp_path: Path, command: Command) -> None:
    page = tmp_path / "report.html"
    result = command("report", tmp_path / "nothing", "-o", page)
    assert (result.code, page.exists()) == (2, False)
    assert "paper, cycles, or folders" in result.err
    result = command("report", tmp_path, "-o", page)
    assert (result.code, page.exists()) == (2, False)
    assert "not the folder of a search" in result.err
    result = command("report", tmp_path, "-o", tmp_path / "report.pdf")
    assert "not the name of a page" in result.err


RUNS = (
    ("good-0", "good", 0.5625),
    ("noisy", "noisy", 0.5),
    ("other", "other", 0.75),
    ("good-1", "good", 0.6875),
)


def test_runs_stand_beside(
    folders: tuple[Path, Path], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accuracies of last epochs, one point a network; a noisy latency is left out."""
    from mnv3gen.search import latency

    class Device:
        def of(self, network: Any) -> Latency:
            if network.name == "noisy":
                raise NoisyError("local", "unsteady")
            return Latency(ms=1.25, interval_ms=0.1, source="measured")

        def close(self) -> None:
            pass

    def opened(*_: object) -> Device:
        return Device()

    monkeypatch.setattr(latency, "open_latency", opened)
    for name, network, last in RUNS:
        run = tmp_path / name
        run.mkdir()
        table = TINY.replace("name: tiny", f"name: {network}")
        (run / "network.bneck").write_text(table, encoding="utf-8")
        (run / "curves.csv").write_text(f"epoch,accuracy\n1,0.5\n2,{last}\n", encoding="utf-8")
    page = tmp_path / "report.html"
    runs = [it for name, _, _ in RUNS for it in ("--run", tmp_path / name)]
    result = command("report", *folders, *runs, "-o", page)
    assert result.code == 0, result.err
    assert "left out: unsteady" in result.err
    beside = [it for it in rows(tmp_path / "report-frontier.csv") if it["series"] == "beside"]
    columns = ("name", "ms", "accuracy", "lowest", "highest")
    assert [tuple(it[column] for column in columns) for it in beside] == [
        ("good-0 and 1 more", "1.25", "0.625", "0.5625", "0.6875"),
        ("other", "1.25", "0.75", "0.75", "0.75"),
    ]
    result = command("report", *folders, "--run", tmp_path / "s", "-o", page)
    assert (result.code, "not the folder of a training" in result.err) == (2, True)


def test_without_bokeh(
    folders: tuple[Path, Path], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bokeh", None)
    result = command("report", *folders, "-o", tmp_path / "report.html")
    assert result.code == 2
    assert "pip install 'mnv3gen[report]'" in result.err


LOOK = """
  await pause(1000);
  const every = (root, name) => [...root.querySelectorAll("*")].flatMap(it => [
    ...(it.matches(name) ? [it] : []), ...(it.shadowRoot ? every(it.shadowRoot, name) : [])]);
  const plots = Bokeh.documents.flatMap(it => it.roots());
  const canvas = every(document, ".bk-events")[0];
  const box = canvas.getBoundingClientRect();
  const range = plots[0].x_range;
  const before = range.end - range.start;
  canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: -300, bubbles: true, composed: true,
    cancelable: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2}));
  await pause(1000);
  return {
    plots: plots.length,
    widest: Math.max(...every(document, ".bk-events").map(it => it.getBoundingClientRect().right)),
    page: document.documentElement.scrollWidth,
    window: innerWidth,
    loaded: performance.getEntriesByType("resource").map(it => it.name),
    zoomed: (range.end - range.start) / before,
    headings: [...document.querySelectorAll("h2")].map(it => it.textContent),
  };
"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("size", [(390, 844), (1280, 900)])
def test_in_a_browser(
    folders: tuple[Path, Path],
    study: Path,
    tmp_path: Path,
    command: Command,
    size: tuple[int, int],
) -> None:
    """Nothing is loaded, no script fails, plots zoom, and nothing is wider than a phone."""
    page = tmp_path / "report.html"
    assert command("report", *folders, "--study", study, "-o", page).code == 0
    seen = ask(page, LOOK, size, tmp_path)
    assert seen["caught"] == []
    assert seen["loaded"] == []
    assert seen["plots"] == 5  # frontier, rewards, path, reductions, table 5
    assert seen["zoomed"] < 0.95
    assert seen["page"] <= seen["window"]
    assert seen["widest"] <= seen["window"]
    assert "Search s: reward over trials" in seen["headings"]
