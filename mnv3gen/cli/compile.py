"""`mnv3gen compile`: a network to a bundle of device-specific binaries."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.explain import as_dictionary, print_plan
from mnv3gen.cli.given import Given, given_network
from mnv3gen.cli.integers import chosen_integers, integer_options, warn_of_raised
from mnv3gen.cli.mixing import as_json as as_json_of
from mnv3gen.cli.mixing import as_record, mixed_of, print_mixed
from mnv3gen.cli.options import json_option, network_options, weights_option, weights_seed_option
from mnv3gen.lower.storage import STORAGES, WeightStorage
from mnv3gen.tables.network import Network
from mnv3gen.targets import DEFAULT

if TYPE_CHECKING:
    from mnv3gen.cli.integers import Integers
    from mnv3gen.compile.manifest import Manifest
    from mnv3gen.compile.pipeline import Result
    from mnv3gen.compile.request import Request
    from mnv3gen.mixed.choose import Mixed
    from mnv3gen.onnx_import import Imported

EPILOG = """\b
Examples:
  mnv3gen compile                        MobileNetV3-Large for any 64-bit ARM Linux
  mnv3gen compile mobilenet_v3_small --target rpi4 --weights w.safetensors -o out/
  mnv3gen compile my_table.bneck --width 0.75 --resolution 192 --target pixel3-android
  mnv3gen compile somebody_elses.onnx --input-shape 48x192 --target rpi4
  mnv3gen compile --weight-storage fp16 --explain
  mnv3gen compile mobilenet_v3_large --target rpi5 --int8 --calibration photos/ -o out8/
  mnv3gen compile --dump-ir ir/          also write the IR after every phase

The bundle has a shared and a static library with a C header, the C source that calls the kernels,
a static benchmark program, and manifest.json. `mnv3gen run` runs it.
"""


@click.command(epilog=EPILOG)
@network_options(default="mobilenet_v3_large", onnx=True)
@click.option("--target", default=DEFAULT, show_default=True, help="See `mnv3gen targets`.")
@weights_option
@weights_seed_option
@click.option(
    "--labels", type=click.Path(path_type=Path), help="A text file, one class name a line."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The bundle's folder.  [default: <network>-<target>]",
)
@click.option(
    "--verify/--no-verify", default=True, help="Run the result against the reference executor."
)
@click.option(
    "--weight-storage",
    type=click.Choice(STORAGES),
    default="float32",
    show_default=True,
    help="Type of weights: fp16 for those of matrix-vector products, fp16-all for all.",
)
@integer_options
@click.option("--explain", is_flag=True, help="Print the plan: what each call computes, and why.")
@click.option("--cache/--no-cache", default=True, help="Use the cache of bundles.")
@click.option("--rule", "by_rule", is_flag=True, help="Ignore what was tuned.")
@click.option("--require-tuned", is_flag=True, help="Refuse kernels that were not tuned.")
@click.option("--dump-ir", type=click.Path(path_type=Path), help="Write the IR after every phase.")
@json_option
def command(
    network: Network | Imported,
    target: str,
    weights: Path | None,
    seed: int,
    labels: Path | None,
    output: Path | None,
    verify: bool,
    weight_storage: WeightStorage,
    explain: bool,
    cache: bool,
    by_rule: bool,
    require_tuned: bool,
    dump_ir: Path | None,
    as_json: bool,
    **integer_form: Any,
) -> None:
    """Compile a network to a bundle of device-specific binaries.

    NETWORK is a name of the zoo, a .bneck file or an ONNX file (default mobilenet_v3_large).
    """
    from mnv3gen.cli.progress import phases
    from mnv3gen.compile.bundle import check_replaceable
    from mnv3gen.compile.pipeline import compile_network

    given = given_network(network, weights, seed)
    folder = output or Path(f"{given.network.name}-{target}")
    check_replaceable(folder)
    integers, mixed = chosen_integers(**integer_form), None
    request = _request(given, target, labels, verify)
    request = dataclasses.replace(
        request, storage=weight_storage, by_rule=by_rule, require_tuned=require_tuned
    )
    if integers is not None:
        request, mixed = _quantized(request, integers)
    if not as_json:
        _echo(request, given.note, folder, dump_ir)
    if dump_ir is not None:
        dump_ir.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with phases() as observe:
        result = compile_network(request, folder, observe, dump_ir, use_cache=cache)
    for warning in result.warnings:
        click.echo(f"mnv3gen: warning: {warning}", err=True)
    summary = _summary(result, time.monotonic() - start)
    plan = as_dictionary(result.bundle.manifest) if explain else {}
    if as_json:
        choice = {} if mixed is None else {"mixed": as_json_of(mixed)}
        click.echo(json.dumps(summary | choice | plan, indent=1))
    else:
        if mixed is not None:
            print_mixed(mixed)
        if explain:
            print_plan(plan)
        _print(summary)


def _quantized(request: Request, integers: Integers) -> tuple[Request, Mixed | None]:
    """The request in int8, and what --mixed chose."""
    from mnv3gen.quantize.prepare import prepare

    network, weights, mixed = request.network, request.weights, None
    statistics, source, pictures = integers.measured(network, weights)
    if integers.mixed is not None:
        assert pictures is not None
        statistics, mixed = mixed_of(request, statistics, pictures, integers.mixed)
        source += f"; --mixed {integers.mixed}"
    quantized = prepare(network, weights, statistics, integers.float_nodes)
    warn_of_raised(quantized)
    request = dataclasses.replace(
        request,
        quantized=quantized,
        calibration=source,
        mixed=None if mixed is None else as_record(mixed),
    )
    return request, mixed


def _request(given: Given, target: str, labels: Path | None, verify: bool) -> Request:
    from mnv3gen.compile.request import Request
    from mnv3gen.graph.model import model_of
    from mnv3gen.images import load_labels
    from mnv3gen.targets import load

    classes = model_of(given.network).classes if labels is not None else 0
    return Request(
        network=given.network,
        target=load(target),
        weights=given.weights,
        weights_source=given.source,
        labels=() if labels is None else load_labels(labels, classes),
        verify=verify,
    )


def _echo(request: Request, note: str, folder: Path, dump_ir: Path | None) -> None:
    """Every resolved argument, before the work starts."""
    model, target = request.model, request.target
    sides = "x".join(map(str, model.graph.input_shape))
    source = request.weights_source
    lines = {
        "network": f"{model.name}, {sides}, {model.classes} classes, {model.preprocess} pictures",
        "weights": f"random ({source})" if source.startswith("seed ") else source,
        "target": f"{target.name}: {target.description} ({target.llvm.cpu})",
        "labels": f"{len(request.labels)}" if request.labels else "none",
        "storage": request.storage if request.quantized is None else "int8",
        "verify": "yes" if request.verify else "no",
        "output": f"{folder}/",
    }
    if note:
        lines["read as"] = note
    if request.quantized is not None:
        lines["ranges"] = request.calibration
    if dump_ir is not None:
        lines["IR dumps"] = f"{dump_ir}/"
    for label, text in lines.items():
        click.echo(f"{label:10s}{text}")


def _summary(result: Result, seconds: float) -> dict[str, Any]:
    bundle, manifest = result.bundle, result.bundle.manifest
    checked = manifest.verification
    return {
        "bundle": str(bundle.folder),
        "library": str(bundle.library),
        "library_bytes": manifest.files[bundle.library.name].bytes,
        "weights_bytes": manifest.memory.weights_bytes,
        "weight_storage": manifest.weights.storage.choice,
        "weights_in_float16": manifest.weights.storage.float16,
        "weights_kept_float32": manifest.weights.storage.refused,
        "storage_change": manifest.weights.storage.change,
        **_integers_of(manifest),
        "arena_bytes": manifest.memory.arena_bytes,
        "peak_alive_bytes": manifest.memory.peak_alive_bytes,
        "kernels": len(manifest.kernels),
        "calls": sum(kernel.calls for kernel in manifest.kernels),
        "executor": checked.executor if checked else None,
        "max_error": checked.max_error if checked else None,
        "tuned": _count(manifest, "tuned"),
        "fixed": _count(manifest, "fixed"),
        "by_modelled_cycles": _count(manifest, "modelled"),
        "by_rule": _count(manifest, "rule"),
        "by_metaschedule": _count(manifest, "metaschedule"),
        "by_tvm": _count(manifest, "TVM"),
        "cached": result.cached,
        "seconds": round(seconds, 3),
    }


def _integers_of(manifest: Manifest) -> dict[str, Any]:
    form = manifest.quantization
    return {
        "int8_nodes": form.int8_nodes if form else 0,
        "float_nodes": len(form.float_nodes) if form else None,
        "scales_raised": form.raised if form else None,
        "int8_change": form.change if form else None,
    }


def _count(manifest: Manifest, provenance: str) -> int:
    return sum(kernel.provenance == provenance for kernel in manifest.kernels)


def _print(summary: dict[str, Any]) -> None:
    code = summary["library_bytes"] - summary["weights_bytes"]
    click.echo(
        f"library   {_mib(summary['library_bytes'])}: weights {_mib(summary['weights_bytes'])}, "
        f"code {_mib(code)}; {summary['kernels']} kernels, {summary['calls']} calls"
    )
    click.echo(
        f"memory    arena {_mib(summary['arena_bytes'])}, at most "
        f"{_mib(summary['peak_alive_bytes'])} of tensors alive at one time"
    )
    searched = f", {summary['by_metaschedule']} by MetaSchedule"
    fixed = f", {summary['fixed']} with nothing to tune" if summary["fixed"] else ""
    by_tvm = f", {summary['by_tvm']} by TVM's rule"
    modelled = f", {summary['by_modelled_cycles']} by modelled cycles"
    click.echo(
        f"tuning    {summary['tuned']} of {summary['kernels']} kernels tuned"
        f"{modelled if summary['by_modelled_cycles'] else ''}"
        f"{searched if summary['by_metaschedule'] else ''}{fixed}, "
        f"{summary['by_rule']} by rule{by_tvm if summary['by_tvm'] else ''}"
    )
    if summary["weight_storage"] != "float32":
        _print_storage(summary)
    if summary["int8_nodes"]:
        _print_integers(summary)
    if summary["executor"]:
        click.echo(
            f"checked   {summary['executor']}: largest error {summary['max_error']:.2g} "
            "of the largest output"
        )
    else:
        click.echo("checked   no (--no-verify)")
    origin = "from the cache" if summary["cached"] else "compiled"
    click.echo(f"bundle    {summary['bundle']}/ ({origin} in {summary['seconds']:.1f} s)")


def _print_storage(summary: dict[str, Any]) -> None:
    half, kept = summary["weights_in_float16"], summary["weights_kept_float32"]
    refused = f", {kept} in float32 for want of a schedule that reads float16" if kept else ""
    click.echo(
        f"rounded   {summary['weight_storage']} weights change the output by "
        f"{summary['storage_change']:.1e} of the largest; {half} of {half + kept} convolutions "
        f"in float16{refused}"
    )


def _print_integers(summary: dict[str, Any]) -> None:
    raised = summary["scales_raised"]
    note = f"; {raised} scales larger than their ranges" if raised else ""
    click.echo(
        f"int8      {summary['int8_nodes']} operators, {summary['float_nodes']} in float32{note}; "
        f"the outputs change by {summary['int8_change']:.1e} of the largest"
    )


def _mib(size: int) -> str:
    return f"{size / 2**20:.2f} MiB"
