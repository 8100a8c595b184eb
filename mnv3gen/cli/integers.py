"""int8 on the command line: where the ranges come from, and what stays in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from mnv3gen.graph.model import Model
    from mnv3gen.mixed.budget import Budget
    from mnv3gen.quantize.observers import ObserverName
    from mnv3gen.quantize.pictures import Pictures
    from mnv3gen.quantize.quantized import Quantized
    from mnv3gen.quantize.statistics_file import Statistics
    from mnv3gen.tables.network import Network

Command = Callable[..., Any]
OBSERVERS = ("mse", "minmax", "percentile")  # the first is the default
LISTED = 3  # of what could not be read, and of tensors with large scales
MOST_RAISED = 16.0  # times: 4 bits of 8 are lost


@dataclass(frozen=True)
class Integers:
    """The options, as they were typed; `float_nodes` are names of operators."""

    calibration: Path | None
    statistics: Path | None
    observer: ObserverName | None
    float_nodes: tuple[str, ...]
    correct: bool = True
    mixed: Budget | None = None
    limit: int | None = None

    def quantized(
        self, network: Network | Model, weights: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[Quantized, str]:
        """The int8 form of a network, and what its ranges come from.

        InputError with --mixed, which needs a target, and as `measured` raises.
        """
        from mnv3gen.quantize.prepare import prepare

        if self.mixed is not None:
            raise InputError(
                "latency decides what stays in float32, and this has no target",
                place="--mixed",
                expected="--statistics with a file that `mnv3gen quantize --mixed` wrote",
            )
        statistics, source, _ = self.measured(network, weights)
        return prepare(network, weights, statistics, self.float_nodes), source

    def measured(
        self, network: Network | Model, weights: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[Statistics, str, Pictures | None]:
        """What is known of a network's tensors, where from, and the pictures if it is from such.

        InputError without calibration data or statistics, for --mixed of a graph without a table,
        and as those raise.
        """
        from mnv3gen.graph.model import Model
        from mnv3gen.quantize.statistics_file import read_statistics

        if self.mixed is not None and isinstance(network, Model):
            raise InputError(
                "an ONNX file without a table",
                place="--mixed",
                expected="a network that has one, or --keep-float with the names of operators",
            )

        match self.calibration, self.statistics:
            case None, None:
                raise InputError(
                    "int8 needs the ranges of the network's tensors",
                    place="--int8",
                    expected="--calibration with a folder of pictures like those that it will see, "
                    "or --statistics with a file that `mnv3gen quantize` wrote",
                )
            case None, Path() as path:
                if self.observer is not None:
                    raise InputError(
                        "statistics were made by an observer",
                        place="--observer",
                        found=self.observer,
                        expected="--calibration, or no --observer",
                    )
                if self.mixed is not None:
                    raise InputError(
                        "sensitivities are measured on pictures",
                        place="--mixed",
                        expected="--calibration; or statistics that `mnv3gen quantize --mixed` "
                        "wrote, which name the operators to keep in float32",
                    )
                found = read_statistics(path, network, weights)
                source = f"{path.name} ({found.observer}, {found.pictures} pictures)"
                return found, source, None
            case Path() as path, None:
                pictures = self._pictures(path, network)
                found = self._calibrated(pictures, network, weights)
                source = f"{path.name} ({found.observer}, {found.pictures} pictures)"
                return found, source, pictures
        raise InputError(
            "two sources of ranges",
            place="--calibration --statistics",
            expected="one of the two",
        )

    def _pictures(self, path: Path, network: Network | Model) -> Pictures:
        from mnv3gen.graph.model import model_of
        from mnv3gen.images import named
        from mnv3gen.quantize.pictures import Pictures

        model = model_of(network)
        preprocess = named(model.preprocess)
        return Pictures(path, model.graph.input_shape, preprocess).limited(self.limit)

    def _calibrated(
        self, pictures: Pictures, network: Network | Model, weights: Mapping[str, npt.NDArray[Any]]
    ) -> Statistics:
        from mnv3gen.cli.progress import counted
        from mnv3gen.graph.model import model_of
        from mnv3gen.quantize.prepare import DEFAULT, calibrate

        steps = len(pictures) + (len(model_of(network).graph.nodes) if self.correct else 0)
        with counted("calibrate", steps) as advance:
            found = calibrate(
                network,
                weights,
                pictures,
                self.observer or DEFAULT,
                advance,
                self.float_nodes,
                self.correct,
            )
        warn_of_skipped(pictures.skipped, found.pictures)
        return found


def integer_options(command: Command) -> Command:
    """Add --int8 and its options; they pass as `int8`, `calibration`, and so on."""
    options = [
        click.option("--int8", is_flag=True, help="Quantize to int8 (docs/quantization.md)."),
        calibration_option(),
        statistics_option(),
        *form_options(),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def quantization_options(command: Command) -> Command:
    """Add the options of how a network becomes int8."""
    for option in reversed(form_options()):
        command = option(command)
    return command


def calibration_option(required: bool = False) -> Command:
    """--calibration."""
    return click.option(
        "--calibration",
        required=required,
        type=click.Path(path_type=Path),
        help="A folder of pictures, or an .npz file, to measure ranges with.",
    )


def statistics_option() -> Command:
    """--statistics."""
    return click.option(
        "--statistics",
        type=click.Path(path_type=Path),
        help="Ranges that `mnv3gen quantize` measured before.",
    )


def form_options() -> list[Command]:
    """The options of how a network becomes int8."""
    return [
        click.option(
            "--observer",
            type=click.Choice(OBSERVERS),
            help=f"How ranges are chosen.  [default: {OBSERVERS[0]}]",
        ),
        click.option(
            "--bias-correction/--no-bias-correction",
            "correct",
            default=True,
            help="Take off biases what int8 shifts them by.",
        ),
        click.option(
            "--keep-float", multiple=True, metavar="NODE", help="An operator to keep in float32."
        ),
        click.option(
            "--mixed",
            metavar="BUDGET",
            help="Keep as many operators in float32 as it takes: 1% for at most that share of "
            "arg-maxes other than float32's, 40dB for an error that far below the outputs.",
        ),
    ]


def chosen_integers(
    int8: bool,
    calibration: Path | None,
    statistics: Path | None,
    observer: ObserverName | None,
    correct: bool,
    keep_float: tuple[str, ...],
    mixed: str | None,
) -> Integers | None:
    """The options together; None without --int8. InputError if the others are given without it."""
    given = {
        "--calibration": calibration,
        "--statistics": statistics,
        "--observer": observer,
        "--no-bias-correction": not correct,
        "--keep-float": keep_float,
        "--mixed": mixed,
    }
    names = [name for name, value in given.items() if value]
    if not int8 and names:
        raise InputError("an option of --int8", place=names[0], expected=f"--int8 {names[0]} ...")
    if not int8:
        return None
    return Integers(calibration, statistics, observer, keep_float, correct, parsed(mixed))


def parsed(mixed: str | None) -> Budget | None:
    """The budget of --mixed. InputError if it is none."""
    from mnv3gen.mixed.budget import parse_budget

    return None if mixed is None else parse_budget(mixed)


def warn_of_raised(quantized: Quantized) -> None:
    """Name the tensors whose scales had to be so large that little is left of them."""
    worst = [it for it in quantized.raised if it.made > MOST_RAISED * it.wanted]
    if not worst:
        return
    worst.sort(key=lambda it: -it.made / it.wanted)
    names = ", ".join(f"{it.tensor} ({it.made / it.wanted:.0f} times)" for it in worst[:LISTED])
    more = f" and {len(worst) - LISTED} more" if len(worst) > LISTED else ""
    click.echo(
        f"mnv3gen: warning: int8 leaves little of {names}{more}: their scales had to be larger "
        "than their ranges, by weights that are large for them; see --keep-float",
        err=True,
    )


def warn_of_skipped(skipped: list[str], read: int | None = None) -> None:
    """Say how many pictures could not be read, beside how many were if given; name the first."""
    if not skipped:
        return
    whole = "" if read is None else f" of {len(skipped) + read}"
    noun = "picture" if len(skipped) == 1 and read is None else "pictures"
    click.echo(
        f"mnv3gen: warning: {len(skipped)}{whole} {noun} could not be read: left out", err=True
    )
    for problem in skipped[:LISTED]:
        click.echo(f"  {problem.splitlines()[0]}", err=True)
    if len(skipped) > LISTED:
        click.echo(f"  and {len(skipped) - LISTED} more", err=True)
