"""`mnv3gen compare`: two bundles of one network side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import executor_option, json_option, limit_option

if TYPE_CHECKING:
    from mnv3gen.compare.agreement import Agreements
    from mnv3gen.compare.latency import Latency
    from mnv3gen.compare.layers import Part
    from mnv3gen.compile.bundle import Bundle

EPILOG = """\b
Examples:
  mnv3gen compare out/ out8/ photos/             float32 beside int8, on pictures
  mnv3gen compare out/ out8/ inputs.npz --json
  mnv3gen compare rpi5/ rpi5-int8/ photos/ --limit 5     emulated: outputs and sizes, no times
"""

MIB = 1 << 20


@click.command(epilog=EPILOG)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.argument("pictures", type=click.Path(path_type=Path))
@limit_option
@executor_option
@click.option(
    "--runs",
    default=200,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Timed, of each.",
)
@click.option("--time/--no-time", "timed", default=True, help="Time both, if they run natively.")
@json_option
def command(
    first: Path,
    second: Path,
    pictures: Path,
    limit: int | None,
    executor: str,
    runs: int,
    timed: bool,
    as_json: bool,
) -> None:
    """Compare two bundles of one network: outputs on PICTURES, sizes, time layer by layer.

    PICTURES is a folder, or an .npz file of pictures or inputs. An output position agrees if its
    largest channel is the same in both. Layers are the smallest parts that both compute apart.
    """
    from mnv3gen.cli.emulated import counted_pictures
    from mnv3gen.cli.integers import warn_of_skipped
    from mnv3gen.compare.agreement import agreements, check_alike
    from mnv3gen.compare.layers import parts_of
    from mnv3gen.compile.bundle import read_bundle
    from mnv3gen.execute import choose
    from mnv3gen.quantize.pictures import Pictures

    bundles = read_bundle(first), read_bundle(second)
    check_alike(*bundles)
    parts = parts_of(*(bundle.manifest for bundle in bundles))
    entry = bundles[0].manifest.input
    _, height, width, channels = entry.shape
    inputs = Pictures(pictures, (height, width, channels), entry.preprocess).limited(limit)
    executors, limited = [choose(bundle.machine, executor) for bundle in bundles], limit is not None
    with counted_pictures("compare outputs", len(inputs), executors, limited) as advance:
        found = agreements(*bundles, inputs, executor, advance)
    warn_of_skipped(inputs.skipped)
    latency = _latency(bundles, parts, runs) if timed else None
    summary = _summary(bundles, found, latency, parts)
    click.echo(json.dumps(summary, indent=1) if as_json else _text(summary))


def _latency(bundles: tuple[Bundle, Bundle], parts: list[Part], runs: int) -> Latency | None:
    """None where one of them is not for this machine's processor."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.compare.latency import latency_of
    from mnv3gen.execute import host

    if any(host.lacks(bundle.machine) is not None for bundle in bundles):
        return None
    with counted("time both in turns", 2 * runs) as advance:
        return latency_of(*bundles, parts, runs, advance)


def _summary(
    bundles: tuple[Bundle, Bundle],
    found: Agreements,
    latency: Latency | None,
    parts: list[Part],
) -> dict[str, Any]:
    outputs = [
        asdict(output) | {"agreement": output.share, "sqnr_db": output.sqnr_db}
        for output in found.outputs
    ]
    times = latency.parts if latency else [(None, None)] * len(parts)
    return {
        "bundles": [_sizes(bundle) for bundle in bundles],
        "pictures": found.inputs,
        "outputs": outputs,
        "median_ms": list(latency.whole) if latency else None,
        "layers": [
            {
                "computes": list(part.computes),
                "calls": [len(part.first), len(part.second)],
                "median_ms": list(pair),
            }
            for part, pair in zip(parts, times, strict=True)
        ],
    }


def _sizes(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    form = manifest.quantization
    return {
        "bundle": str(bundle.folder),
        "target": bundle.target.name,
        "type": "float32" if form is None else "mixed" if form.float_nodes else "int8",
        "library_bytes": bundle.library.stat().st_size,
        "weights_bytes": manifest.memory.weights_bytes,
        "arena_bytes": manifest.memory.arena_bytes,
    }


def _text(summary: dict[str, Any]) -> str:
    first, second = summary["bundles"]
    lines = [
        f"{name:10s}{bundle['bundle']}: {bundle['type']} for {bundle['target']}"
        for name, bundle in (("first", first), ("second", second))
    ]
    for name, key in (("library", "library_bytes"), ("arena", "arena_bytes")):
        ratio = second[key] / first[key]
        lines.append(
            f"{name:10s}{first[key] / MIB:.2f} to {second[key] / MIB:.2f} MiB, ratio {ratio:.3f}"
        )
    for output in summary["outputs"]:
        noise = "identical" if output["sqnr_db"] is None else f"SQNR {output['sqnr_db']:.1f} dB"
        lines.append(
            f"{'outputs':10s}{output['name']}: {output['agreeing']:,} of {output['positions']:,} "
            f"agree ({output['agreement']:.2%}) on {summary['pictures']} pictures; {noise}"
        )
    return "\n".join([*lines, *_times(summary)])


def _times(summary: dict[str, Any]) -> list[str]:
    if summary["median_ms"] is None:
        return ["time      none: not both are executed natively here"]
    first, second = summary["median_ms"]
    lines = [
        f"time      {first:.3f} to {second:.3f} ms, ratio {second / first:.3f}",
        "",
        "   first   second  ratio  layer (microseconds)",
    ]
    for layer in summary["layers"]:
        ours, theirs = (1e3 * value for value in layer["median_ms"])
        lines.append(f"{ours:8.1f} {theirs:8.1f} {theirs / ours:6.2f}  {layer['computes'][0]}")
        lines += [f"{'':26s}{name}" for name in layer["computes"][1:]]
    return lines
