"""`mnv3gen quantize`: measure a network for int8, and report what int8 makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.integers import (
    Integers,
    calibration_option,
    parsed,
    quantization_options,
    warn_of_raised,
)
from mnv3gen.cli.mixing import as_json as mixed_as_json
from mnv3gen.cli.mixing import measured_sensitivity, mixed_of, print_mixed
from mnv3gen.cli.options import (
    json_option,
    limit_option,
    network_options,
    weights_option,
    weights_seed_option,
)
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.compile.request import Request
    from mnv3gen.mixed.choose import Mixed
    from mnv3gen.onnx_import import Imported
    from mnv3gen.quantize.observers import ObserverName
    from mnv3gen.quantize.pictures import Pictures
    from mnv3gen.quantize.report import Report
    from mnv3gen.quantize.statistics_file import Statistics

EPILOG = """\b
Examples:
  mnv3gen quantize mobilenet_v3_small --weights w.safetensors --calibration photos/ --report q.html
  mnv3gen quantize mobilenet_v3_large --calibration photos/ -o large.json
  mnv3gen compile mobilenet_v3_large --int8 --statistics large.json
  mnv3gen quantize theirs.onnx --input-shape 48x192 --calibration lines/ -o theirs.json
  mnv3gen quantize my_table.bneck --calibration inputs.npz --mixed 40dB --target rpi5 --json

docs/quantization.md says what the report's columns are.
"""

REPORTED = 32  # pictures that the int8 network is compared with float32 on


@click.command(epilog=EPILOG)
@network_options(onnx=True)
@weights_option
@weights_seed_option
@calibration_option(required=True)
@limit_option
@quantization_options
@click.option(
    "--target", default="host", show_default=True, help="That --mixed is to cost little on."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The statistics' file.  [default: <network>-int8.json]",
)
@click.option("--report", type=click.Path(path_type=Path), help="Also write an HTML page.")
@json_option
def command(
    network: Network | Imported,
    weights: Path | None,
    seed: int,
    calibration: Path,
    limit: int | None,
    observer: ObserverName | None,
    correct: bool,
    keep_float: tuple[str, ...],
    mixed: str | None,
    target: str,
    output: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Measure what int8 needs to know of a network, into a file for `compile --statistics`.

    NETWORK is a name of the zoo, a .bneck file or an ONNX file. With --report, every layer's range,
    scale and error are written as an HTML page, and what it alone loses at the outputs is measured.
    """
    from mnv3gen.cli.given import given_network
    from mnv3gen.compile.request import Request
    from mnv3gen.quantize.page import page
    from mnv3gen.quantize.statistics_file import write_statistics
    from mnv3gen.targets import load

    budget = parsed(mixed)
    given = given_network(network, weights, seed)
    path = output or Path(f"{given.network.name}-int8.json")
    _check_folders(path, report)
    request = Request(given.network, load(target), given.weights, given.source)
    integers = Integers(calibration, None, observer, keep_float, correct, budget, limit)
    statistics, source, pictures = integers.measured(given.network, request.weights)
    assert pictures is not None
    found, choice = _measured(
        request, statistics, pictures, integers, with_layers=report is not None
    )
    write_statistics(found.statistics, path)
    if report is not None:
        write_whole(report, page(found, None if choice is None else mixed_as_json(choice)))
    if as_json:
        click.echo(json.dumps(_summary(found, choice, path, report), indent=1))
    else:
        _print(found, choice, source, path, report)


def _measured(
    request: Request,
    statistics: Statistics,
    pictures: Pictures,
    integers: Integers,
    with_layers: bool,
) -> tuple[Report, Mixed | None]:
    """Compare the int8 network with float32, after the choice of --mixed if there is any."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.quantize.layer_errors import measure_errors
    from mnv3gen.quantize.prepare import prepare
    from mnv3gen.quantize.report import report_of

    network, weights, choice = request.network, request.weights, None
    sensitivity = None
    if with_layers or integers.mixed is not None:
        whole = prepare(network, weights, statistics)
        sensitivity = measured_sensitivity(whole, pictures)
    if integers.mixed is not None:
        statistics, choice = mixed_of(request, statistics, pictures, integers.mixed, sensitivity)
    quantized = prepare(network, weights, statistics)
    warn_of_raised(quantized)
    inputs = pictures.sample(REPORTED)
    with counted("compare with float32", len(inputs)) as advance:
        errors = measure_errors(quantized, inputs, advance)
    return report_of(statistics, quantized, errors, sensitivity, pictures.skipped), choice


def _check_folders(*paths: Path | None) -> None:
    """InputError before the work if a result could not be written after it."""
    from mnv3gen.errors import InputError

    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise InputError("no such folder", place=str(path.parent))
        if path is not None and path.is_dir():
            raise InputError("a folder, not a file", place=str(path))


def write_whole(path: Path, text: str) -> None:
    """Write a file under a temporary name until it is whole."""
    import os

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _summary(
    found: Report, choice: Mixed | None, path: Path, report: Path | None
) -> dict[str, Any]:
    return {
        "statistics": str(path),
        "report": None if report is None else str(report),
        **found.as_json(),
        "mixed": None if choice is None else mixed_as_json(choice),
    }


def _print(
    found: Report, choice: Mixed | None, source: str, path: Path, report: Path | None
) -> None:
    statistics = found.statistics
    kept = f", {len(statistics.float_nodes)} in float32" if statistics.float_nodes else ""
    click.echo(f"network   {statistics.network}: {found.int8_nodes} operators in int8{kept}")
    corrected = "biases corrected" if statistics.shifts else "biases as they were"
    click.echo(f"ranges    {source}, {corrected}; {len(found.raised)} scales raised")
    noise = "no error" if found.sqnr_db is None else f"SQNR {found.sqnr_db:.1f} dB"
    click.echo(
        f"outputs   {found.agreement:.2%} of arg-maxes as in float32 on {found.compared} of the "
        f"pictures, {found.expected_agreement:.2%} to be expected on others; {noise}"
    )
    for layer in found.worst():
        click.echo(f"{'':10s}{layer.name}: {layer.share:.0%} of the error, {layer.cause}")
    if choice is not None:
        print_mixed(choice)
    click.echo(f"written   {path}" + ("" if report is None else f", {report}"))
