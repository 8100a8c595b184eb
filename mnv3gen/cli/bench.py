"""`mnv3gen bench`: networks timed beside the engines that others would run them with."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.bench_forms import Form, forms_of
from mnv3gen.cli.integers import calibration_option, statistics_option
from mnv3gen.cli.options import (
    input_shape_option,
    json_option,
    several_forms_options,
    weights_option,
    weights_seed_option,
)
from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.bench.compare import Source
    from mnv3gen.bench.environments import Environment
    from mnv3gen.bench.plot import Bar
    from mnv3gen.bench.rows import Row
    from mnv3gen.bench.session import Session, Settings
    from mnv3gen.compile.kernels import Observer

    Opener = Callable[[Observer], contextlib.AbstractContextManager[Session]]

DEFAULT = "mobilenet_v3_large"

EPILOG = """\b
A peer is looked for where --peer-env says, in the virtual environment <folder>/<peer>
of the folder MNV3GEN_PEERS, and in mnv3gen's own environment.

\b
Examples:
  mnv3gen bench                                  MobileNetV3-Large against what is installed
  mnv3gen bench mobilenet_v3_small mobilenet_v2 --against onnxruntime,litert
  mnv3gen bench somebody_elses.onnx --input-shape 48x192 --against onnxruntime
  mnv3gen bench out/ --against onnxruntime --json
  mnv3gen bench --list-peers
  mnv3gen bench --all-networks --seconds 10 --plot bars.svg
  mnv3gen bench --all-networks --width 0.5 --width 1 --resolution 160 --resolution 224
  mnv3gen bench --ablation nonlinearity          table 5 of the paper
  mnv3gen bench --int8 --against onnxruntime,openvino
  mnv3gen bench --int8 --calibration photos/     the network that compile makes of it
  mnv3gen bench mobilenet_v3_large --device pi   on a device: docs/devices.md
"""


@click.command(epilog=EPILOG)
@click.argument("networks", nargs=-1, metavar="[NETWORK|BUNDLE]...")
@several_forms_options
@input_shape_option
@click.option("--all-networks", is_flag=True, help="Every network of the zoo.")
@click.option(
    "--ablation", type=click.Choice(["nonlinearity"]), help="Where h-swish stands (table 5)."
)
@click.option(
    "--against", metavar="PEER,...", help="See --list-peers.  [default: all that are installed]"
)
@click.option("--peer-env", multiple=True, metavar="PEER=PYTHON", help="Where one is installed.")
@click.option("--list-peers", is_flag=True, help="Say which there are, and how to install others.")
@click.option("--int8", is_flag=True, help="Quantized, beside our float32 and int8 peers.")
@calibration_option()
@statistics_option()
@weights_option
@weights_seed_option
@click.option(
    "--seconds",
    default=20.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="About how long for each network.",
)
@click.option("--rounds", type=click.IntRange(min=1), help="Blocks of each, instead of --seconds.")
@click.option(
    "--block",
    default=8,
    show_default=True,
    type=click.IntRange(3, 10_000),
    help="Runs in a row; the first 2 do not count.",
)
@click.option("--cpu", type=click.IntRange(min=0), help="The processor.  [default: the last]")
@click.option("--device", metavar="D", help="Time ours on a device: see `mnv3gen devices`.")
@click.option("--target", metavar="T", help="What to compile for --device.  [default: its own]")
@click.option("--plot", type=click.Path(path_type=Path), help="Write bars (.png, .svg, .pdf).")
@json_option
def command(
    networks: tuple[str, ...],
    all_networks: bool,
    ablation: str | None,
    against: str | None,
    peer_env: tuple[str, ...],
    list_peers: bool,
    seconds: float,
    rounds: int | None,
    block: int,
    cpu: int | None,
    device: str | None,
    target: str | None,
    plot: Path | None,
    as_json: bool,
    variant: tuple[str, ...],
    **form: Any,
) -> int:
    """Time networks beside the engines that others would run them with.

    One thread, batch 1, float32, the same weights; outputs are compared before anything is timed.
    A NETWORK (a name, a .bneck or an ONNX file; default mobilenet_v3_large) is compiled for this
    machine, a BUNDLE is taken as it is.
    Of several --width and --resolution every pair is a form of each NETWORK.
    With --int8 a NETWORK is quantized as `compile --int8` does it with that --calibration or
    --statistics, or else by the ranges of a seeded input, on which time does not depend; the peers
    get the same scales, and round in their own ways.
    """
    if device is not None:
        if against or ablation or plot or rounds or peer_env or list_peers:
            raise click.UsageError("--device times our own code alone: no peers, rounds or plots")
        from mnv3gen.cli.bench_device import bench_on_device
        from mnv3gen.devices.device import find_device

        place, own = find_device(device, target, cpu), _forms(variant, form)
        names = _names(networks, all_networks)
        pairs = [(name, each) for name in names for each in own]
        return bench_on_device(pairs, place, seconds, as_json)
    if target is not None:
        raise click.UsageError("--target goes with --device")
    from mnv3gen.bench.environments import read_pythons

    pythons = read_pythons(peer_env)
    if list_peers:
        from mnv3gen.cli.bench_peers import print_peers

        print_peers(pythons, as_json)
        return 0
    from mnv3gen.bench.session import Settings, choose_cpu

    if plot is not None:
        from mnv3gen.profile.plot import check_plot

        check_plot(plot)
    forms = _forms(variant, form)
    names = _names(networks, all_networks)
    settings = Settings(block=block, seconds=seconds, rounds=rounds, cpu=choose_cpu(cpu))
    if ablation is None:
        sources = [_source(name, form) for name in names for form in forms]
        environments = _environments(against, pythons, forms[0].int8)
        dtype = "int8" if forms[0].int8 else "float32"
        outcome = _compare(sources, environments, settings, as_json, dtype)
    elif len(names) * len(forms) > 1 or against is not None or forms[0].int8:
        raise click.UsageError(
            "--ablation takes one NETWORK in one form, and neither --against nor --int8"
        )
    else:
        outcome = _ablate(names[0], forms[0], settings, as_json)
    if plot is not None and outcome.bars:
        from mnv3gen.bench.plot import draw

        draw(outcome.bars, plot)
        if not as_json:
            click.echo(f"plot      {plot}")
    return int(bool(outcome.failures))


def _forms(variant: tuple[str, ...], form: Mapping[str, Any]) -> list[Form]:
    for name in ("calibration", "statistics"):
        if form[name] is not None and not form["int8"]:
            option = f"--{name}"
            raise InputError("an option of --int8", place=option, expected=f"--int8 {option} ...")
    return forms_of(variants=variant, **form)


def _names(networks: tuple[str, ...], all_networks: bool) -> tuple[str, ...]:
    if not all_networks:
        return networks or (DEFAULT,)
    if networks:
        raise click.UsageError("give either NETWORKs or --all-networks")
    from mnv3gen.tables import zoo

    return zoo.names()


def _source(name: str, form: Form) -> Source:
    """A bundle, if that is what lies there, or else a network; InputError if it is neither."""
    from mnv3gen.bench.compare import Source
    from mnv3gen.bench.subject import compiled, native_bundle, opened
    from mnv3gen.compile.bundle import MANIFEST

    folder = Path(name)
    if (folder / MANIFEST).is_file():
        if form.words or form.int8:
            raise InputError(
                "a bundle has the form that it was compiled in",
                place=name,
                found=form.words.strip() or "--int8",
                expected="a network",
            )
        bundle = native_bundle(folder)
        return Source(name, lambda *_: opened(bundle, form.weights))
    network = form.network(name)
    title = f"{network.name}{form.words}"
    floats = functools.partial(compiled, title, network, form.weights, form.seed)
    if not form.int8:
        return Source(title, floats)
    return Source(f"{title} --int8", functools.partial(floats, quantize=form.quantize), floats)


def _environments(against: str | None, pythons: Mapping[str, str], int8: bool) -> list[Environment]:
    """The peers asked for, or else all that there are."""
    from mnv3gen.bench.environments import Environment, find_peers, need_peers
    from mnv3gen.bench.peers import check_int8

    if against is not None:
        found = need_peers(filter(None, against.split(",")), pythons)
        if int8:
            check_int8(each.peer for each in found)
        return found
    found = [each for each in find_peers(pythons) if isinstance(each, Environment)]
    found = [each for each in found if each.peer.int8 or not int8]
    if not found:
        click.echo(
            "mnv3gen: warning: no peer is installed; `mnv3gen bench --list-peers` says how",
            err=True,
        )
    return found


@dataclass
class Outcome:
    """What was measured so far, bars of it by title, and which peers failed."""

    rows: list[Row] = field(default_factory=list)
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, title: str, session: Session, rows: list[Row], bars: list[Bar]) -> None:
        """Take over what a session measured; say what it left out."""
        self.rows += rows
        self.bars[title] = bars
        for name, reason in session.failures.items():
            self.failures.append(name)
            click.echo(f"mnv3gen: warning: {title} goes without {name}: {reason}", err=True)


def _compare(
    sources: Sequence[Source],
    environments: Sequence[Environment],
    settings: Settings,
    as_json: bool,
    dtype: str,
) -> Outcome:
    """Measure one network after the other, printing each; all together as JSON, even if cut off."""
    from mnv3gen.bench.compare import peers_session
    from mnv3gen.bench.plot import bar_of
    from mnv3gen.bench.rows import as_dictionary
    from mnv3gen.cli.bench_tables import echo_arguments, print_all, print_rows

    if not as_json:
        echo_arguments([source.name for source in sources], environments, settings, dtype)
    outcome = Outcome()
    try:
        for source in sources:
            opener = functools.partial(peers_session, source, environments, settings)
            with _measured(source.name, opener) as (session, rows):
                outcome.add(source.name, session, rows, [bar_of(row) for row in rows])
                if not as_json:
                    print_rows(session, rows)
    finally:
        if as_json and outcome.rows:
            click.echo(json.dumps([as_dictionary(row) for row in outcome.rows], indent=1))
        elif len(outcome.bars) > 1:
            print_all(outcome.rows)
    return outcome


def _ablate(name: str, form: Form, settings: Settings, as_json: bool) -> Outcome:
    """Measure the forms of a network side by side."""
    from mnv3gen.bench.ablation import CASES, as_dictionaries, bars_of
    from mnv3gen.bench.compare import ablation_session
    from mnv3gen.cli.bench_tables import echo_arguments, print_ablation

    network = form.network(name)
    if not isinstance(network, Network):
        raise InputError(
            "h-swish is moved about in a table",
            place="--ablation",
            found=name,
            expected="a name of the zoo or a .bneck file",
        )
    title = f"{network.name}{form.words}"
    names = {case: f"{title}{case.words}" for case in CASES}
    opener = functools.partial(ablation_session, network, names, form.weights, form.seed, settings)
    if not as_json:
        echo_arguments([title], [], settings)
    outcome = Outcome()
    with _measured(title, opener) as (session, rows):
        outcome.add(title, session, rows, bars_of(rows, names))
        if as_json:
            click.echo(json.dumps(as_dictionaries(rows, names, network), indent=1))
        else:
            print_ablation(session, rows, names, network)
    return outcome


@contextlib.contextmanager
def _measured(title: str, open_session: Opener) -> Iterator[tuple[Session, list[Row]]]:
    """A session and its rows; after Ctrl-C those of the rounds until then, and an interrupt."""
    from mnv3gen.bench.rows import rows_of
    from mnv3gen.cli.progress import counted, phases

    with contextlib.ExitStack() as stack:
        with phases() as observe:
            session = stack.enter_context(open_session(observe))
        interrupted = False
        try:
            with counted(title, session.rounds) as advance:
                session.measure(advance)
        except KeyboardInterrupt:
            interrupted = True
        yield session, rows_of(session)
    if interrupted:
        raise KeyboardInterrupt
