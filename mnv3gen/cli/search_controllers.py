"""`mnv3gen search controllers`: controllers beside each other, where the truth is tabulated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import json_option

if TYPE_CHECKING:
    from mnv3gen.search.compare import Compared

EPILOG = """\b
The table has the accuracy and the latency of every network of a small space. Each controller has
the same number of trials; networks that it tries again count as trials, but once among its best.

\b
Examples:
  mnv3gen search controllers
  mnv3gen search controllers --controller ppo --controller random --trials 64 --seeds 5 --json
  mnv3gen search controllers --space my.toml --truth my.tsv
"""
COMPARED = ("random", "evolution", "library", "ppo")


@click.command(epilog=EPILOG)
@click.option("--space", default="mini", show_default=True, help="A small one.")
@click.option("--truth", metavar="F", help="Its table, by `search tabulate`.  [default: SPACE's]")
@click.option("--controller", "controllers", multiple=True, help="Several.  [default: four]")
@click.option(
    "--trials", default=128, show_default=True, type=click.IntRange(1, 100_000), help="Of each."
)
@click.option(
    "--seeds", default=3, show_default=True, type=click.IntRange(1, 1000), help="Runs of each."
)
@click.option(
    "--target-ms",
    type=click.FloatRange(0, min_open=True),
    help="TAR of the reward.  [default: the median of all networks]",
)
@json_option
def command(
    space: str,
    truth: str | None,
    controllers: tuple[str, ...],
    trials: int,
    seeds: int,
    target_ms: float | None,
    as_json: bool,
) -> None:
    """Compare controllers by the mean reward of their best ten networks."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.search.compare import best_possible, compare
    from mnv3gen.search.controllers import check_kind
    from mnv3gen.search.reward import EXPONENTS
    from mnv3gen.search.spaces import load_space
    from mnv3gen.search.tabulated import read_truth, truth_file

    names = [check_kind(name) for name in controllers or COMPARED]
    loaded = load_space(space)
    table = read_truth(truth_file(truth or loaded.name), loaded)
    target, exponents = target_ms or table.median_ms, EXPONENTS["small"]
    with counted("controllers", len(names) * seeds) as advance:
        found = compare(table, names, range(seeds), trials, target, exponents, advance)
    possible = best_possible(table, target, exponents)
    if as_json:
        click.echo(json.dumps(_dictionary(found, possible, target, trials), indent=1))
    else:
        _print(found, possible, target, trials)


def _dictionary(
    found: list[Compared], possible: float, target: float, trials: int
) -> dict[str, Any]:
    rows = [
        {
            "controller": it.controller,
            "mean": it.mean,
            "smallest": it.spread[0],
            "largest": it.spread[1],
            "runs": [
                {"seed": run.seed, "mean": run.mean, "best": run.best, "networks": run.networks}
                for run in it.runs
            ],
        }
        for it in found
    ]
    return {"trials": trials, "target_ms": target, "possible": possible, "controllers": rows}


def _print(found: list[Compared], possible: float, target: float, trials: int) -> None:
    from mnv3gen.cli.terminal import print_table

    rows = [
        (
            it.controller,
            f"{it.mean:.4f}",
            f"{it.spread[0]:.4f} to {it.spread[1]:.4f}",
            f"{max(run.best for run in it.runs):.4f}",
            ", ".join(str(run.networks) for run in it.runs),
        )
        for it in found
    ]
    print_table(("Controller", "Best ten", "Over seeds", "Best", "Networks"), rows)
    click.echo(f"{trials} trials, target {target:.4g} ms; the best ten of all have {possible:.4f}")
