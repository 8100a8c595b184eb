"""A device's predictor, from its folder: records, plans, and the model of what was not measured."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from mnv3gen.errors import InputError
from mnv3gen.measure import model as models
from mnv3gen.measure.predict import Predictor, times_of
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.records import FILE, Record, Records, read_records
from mnv3gen.measure.table import open_plans
from mnv3gen.measure.validate import calibrate, compared
from mnv3gen.targets import Target


def load_predictor(
    folder: Path, target: Target, learn: bool = True, protocol: Protocol | None = None
) -> Predictor:
    """The predictor of a device for a target, from the times under a protocol.

    Without one it is that of the most kernels. A model is fitted if there is none of these records
    yet, and kept. InputError without records.
    """
    records = read_records(folder / FILE)
    kernels = [
        it
        for it in records.of_kind("kernel")
        if it.target == target.name and protocol in (None, it.protocol)
    ]
    if not kernels:
        raise InputError(
            "no kernel was measured for this target",
            place=str(folder / FILE),
            found=target.name,
            expected="`mnv3gen latency-table` measures them",
        )
    protocol, kernels = _under_one_protocol(kernels)
    predictor = Predictor(
        plans=open_plans(target, folder),
        times=times_of(kernels),
        sizes_kib=(protocol.small_kib, protocol.large_kib),
        model=_model(folder, kernels) if learn else None,
    )
    networks = [it for it in records.of_kind("network") if it.target == target.name]
    calibrate(predictor, compared(predictor, networks))
    return predictor


def _under_one_protocol(kernels: list[Record]) -> tuple[Protocol, list[Record]]:
    """Times under different protocols are never mixed: those of the one with the most kernels."""
    ((protocol, _),) = Counter(it.protocol for it in kernels).most_common(1)
    return protocol, [it for it in kernels if it.protocol == protocol]


def _model(folder: Path, kernels: list[Record]) -> models.Model | None:
    """The model of these very records; None if there are too few."""
    path = folder / models.MODEL
    if path.is_file():
        model = models.load(path)
        if model.trained_on == models.basis(kernels):
            return model
    if sum(not it.noisy for it in kernels) < models.LEAST:
        return None
    model = models.fitted(kernels)
    models.save(model, path)
    return model


def open_records(folder: Path) -> Records:
    """The records of a device's folder, which is made if it is not there."""
    return Records(folder / FILE)
