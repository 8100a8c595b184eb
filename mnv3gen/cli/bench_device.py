"""`mnv3gen bench NETWORK --device`: bundles timed on a device, by their own executables."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.errors import BundleError, DeviceError, InputError

if TYPE_CHECKING:
    from mnv3gen.cli.bench_forms import Form
    from mnv3gen.compile.bundle import Bundle
    from mnv3gen.devices.device import Device
    from mnv3gen.measure.records import Record
    from mnv3gen.measure.session import Session

Observer = Callable[[str], None]
BLOCKS = 5  # turns of networks that are measured together


def bench_on_device(
    sources: Sequence[tuple[str, Form]], device: Device, seconds: float, as_json: bool
) -> int:
    """Compile each form for the device, or take a bundle as it is; measure and keep records."""
    from mnv3gen.cli.progress import phases
    from mnv3gen.measure.session import Session

    titles = [f"{name}{form.words}" for name, form in sources]
    session = Session(device)
    try:
        with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder, phases() as observe:
            bundles = [
                _bundle(name, form, device, Path(folder) / str(number), observe)
                for number, (name, form) in enumerate(sources)
            ]
            observe(f"run on {device.name}")
            rows = _rows(titles, bundles, session, seconds)
    finally:
        session.close()
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        for row in rows:
            click.echo(_text(row))
    return 0


def _rows(
    titles: Sequence[str], bundles: Sequence[Bundle], session: Session, seconds: float
) -> list[dict[str, Any]]:
    """What was measured of each bundle. Those that are compared take turns."""
    from mnv3gen.measure.latency import open_records
    from mnv3gen.measure.network import measure_networks
    from mnv3gen.measure.protocol import Protocol
    from mnv3gen.measure.records import records_folder

    device = session.device
    if device.address.scheme == "emulator":
        pairs = zip(titles, bundles, strict=True)
        return [_checked(title, bundle, device) for title, bundle in pairs]
    blocks = BLOCKS if len(bundles) > 1 else 1
    protocol = Protocol(cpu=device.cpu, seconds=seconds, blocks=blocks)
    records = measure_networks(session, bundles, protocol)
    kept = open_records(records_folder(device.name))
    for record in records:
        kept.add(record)
    return [_row(title, record) for title, record in zip(titles, records, strict=True)]


def _bundle(name: str, form: Form, device: Device, folder: Path, observe: Observer) -> Bundle:
    from mnv3gen.bench.subject import compiled
    from mnv3gen.compile.bundle import MANIFEST, read_bundle
    from mnv3gen.devices.device import target_name

    if not (Path(name) / MANIFEST).is_file():
        network = form.network(name)
        title = f"{network.name}{form.words}"
        target = target_name(device)
        return compiled(
            title, network, form.weights, form.seed, folder, observe, form.quantize, target
        ).bundle
    bundle = read_bundle(Path(name))
    if form.words or form.int8:
        raise InputError("a bundle has the form that it was compiled in", place=name)
    if device.target and bundle.target.name != device.target:
        raise BundleError(
            "compiled for another target",
            place=name,
            found=bundle.target.name,
            expected=f"{device.target}, as {device.name} says; or --target {bundle.target.name}",
        )
    return bundle


def _checked(name: str, bundle: Bundle, device: Device) -> dict[str, Any]:
    """What the emulator can say: whether the values are right."""
    from mnv3gen.measure.values import emulated_error

    error = emulated_error(bundle)
    if not error <= bundle.manifest.expected.tolerance:
        raise DeviceError(device.name, f"{name} computes wrong values: error {error:.2e}")
    return {"network": name, "device": device.name, "max_error": error, "times": None}


def _row(name: str, record: Record) -> dict[str, Any]:
    import msgspec

    times = record.times["run"]
    return {
        "network": name,
        "device": record.device,
        "target": record.target,
        **msgspec.to_builtins(times),
        "spread": round(times.spread, 4),
        "noisy": record.noisy,
        "attempts": record.attempts,
        "before": msgspec.to_builtins(record.before),
        "after": msgspec.to_builtins(record.after),
        "protocol": msgspec.to_builtins(record.protocol),
    }


def _text(row: dict[str, Any]) -> str:
    if row.get("times", 0) is None:
        return (
            f"{row['network']}  right on {row['device']}: largest error {row['max_error']:.1e} of "
            "the largest output; an emulator takes no times"
        )
    noisy = f", NOISY after {row['attempts']} attempts" if row["noisy"] else ""
    return (
        f"{row['network']}  median {row['median_ms']:.3f} ms, min {row['min_ms']:.3f}, "
        f"p90 {row['p90_ms']:.3f} over {row['runs']} runs on {row['device']}{noisy}"
    )
