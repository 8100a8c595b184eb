"""`mnv3gen predict`: what a network takes on a device, from what was measured there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import (
    device_option,
    device_target_option,
    json_option,
    network_options,
    table_option,
)
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.measure.predict import Part, Prediction, Predictor
    from mnv3gen.onnx_import import Imported

EPILOG = """\b
A kernel that was not measured is guessed by a model of those that were.
`mnv3gen latency-table` measures kernels, `mnv3gen bench --device` whole networks.

\b
Examples:
  mnv3gen predict my_table.bneck --device pi
  mnv3gen predict somebody_elses.onnx --input-shape 48x192 --device pi
  mnv3gen predict mobilenet_v3_large --width 0.75 --table table/ --json
"""


@click.command(epilog=EPILOG)
@network_options(onnx=True)
@device_option
@device_target_option
@table_option
@click.option(
    "--top",
    default=12,
    show_default=True,
    type=click.IntRange(min=1),
    help="Print so many kernels, those that take longest.",
)
@json_option
def command(
    network: Network | Imported,
    device: str,
    target: str | None,
    table: Path | None,
    top: int,
    as_json: bool,
) -> None:
    """Predict the latency of NETWORK on a device, without running it.

    NETWORK is a name of the zoo, a .bneck file or an ONNX file.
    """
    from mnv3gen.cli.progress import phases
    from mnv3gen.devices.device import find_device, target_name
    from mnv3gen.measure.latency import load_predictor
    from mnv3gen.measure.records import records_folder
    from mnv3gen.targets import load

    chosen = find_device(device, target)
    folder = table or records_folder(chosen.name)
    own = network if isinstance(network, Network) else network.network
    with phases() as observe:
        observe("learn from what was measured")
        predictor = load_predictor(folder, load(target_name(chosen)))
        observe("plan the network")
        prediction = predictor.predict(own)
    if as_json:
        click.echo(json.dumps(_dictionary(network.name, prediction, predictor), indent=1))
    else:
        click.echo(_text(prediction, predictor, top))


def _dictionary(name: str, prediction: Prediction, predictor: Predictor) -> dict[str, Any]:
    return {
        "network": name,
        "ms": round(prediction.ms, 6),
        "interval_ms": round(prediction.interval_ms, 6),
        "kind": "predicted from measured kernels",
        "calls": len(prediction.parts),
        "measured": sum(part.measured for part in prediction.parts),
        "guessed": prediction.guessed,
        "overhead_ms": round(predictor.overhead_ms, 9),
        "parts": [
            {"kernel": part.kernel, "ms": round(part.ms, 6), "measured": part.measured}
            for part in prediction.parts
        ],
    }


def _text(prediction: Prediction, predictor: Predictor, top: int) -> str:
    parts = prediction.parts
    guessed = [part for part in parts if not part.measured]
    lines = [
        f"predicted {prediction.ms:.3f} ms ± {prediction.interval_ms:.3f} (19 of 20 networks)",
        f"kernels   {len(parts) - len(guessed)} of {len(parts)} calls were measured; "
        f"{sum(part.ms for part in guessed):.3f} ms are guessed",
        f"overhead  {predictor.overhead_ms * 1e6:.0f} ns a call",
    ]
    if guessed and predictor.model is not None:
        lines.append(f"guesses   off by {predictor.model.error:.0%} (standard deviation)")
    lines += [_row(part) for part in sorted(parts, key=lambda part: -part.ms)[:top]]
    if len(parts) > top:
        lines.append(f"{'':9} and {len(parts) - top} more; --top {len(parts)} lists them")
    return "\n".join(lines)


def _row(part: Part) -> str:
    return f"{part.ms:9.4f} {'measured' if part.measured else 'guessed '} {part.kernel}"
