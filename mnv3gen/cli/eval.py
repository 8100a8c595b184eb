"""`mnv3gen eval`: a bundle or weights on labelled pictures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import (
    executor_option,
    json_option,
    limit_option,
    network_options,
)
from mnv3gen.cli.train import need_torch, warn_of_skipped
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    from mnv3gen.train.evaluate import Result, Subject

LISTED = 20  # classes, at most

EPILOG = """\b
DATA is as for `mnv3gen train`: of data with a test part that is what counts, of an image folder
without train/ and val/ every picture. Pictures are prepared as `mnv3gen run` prepares them.

\b
Examples:
  mnv3gen eval out/ --data imagefolder:DIR/val       a bundle, natively or emulated
  mnv3gen eval out/ --data fashion-mnist --limit 100
  mnv3gen eval runs/a/best.safetensors --data fashion-mnist
  mnv3gen eval w.safetensors --network mobilenet_v3_small --data imagefolder:DIR/val
"""


@click.command(epilog=EPILOG)
@click.argument("subject", type=click.Path(path_type=Path))
@network_options(as_option=True, optional=True)
@click.option("--data", "spec", required=True, help="Labelled pictures; see below.")
@executor_option
@limit_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write every answer as CSV.")
@json_option
def command(
    subject: Path,
    network: Network | None,
    spec: str,
    executor: str,
    limit: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Count how many pictures SUBJECT, a bundle or a weights file, classifies rightly.

    A weights file of `mnv3gen train` knows its network; for another, give --network.
    """
    from mnv3gen.cli.emulated import counted_pictures
    from mnv3gen.train.data.specs import open_test_data
    from mnv3gen.train.evaluate import evaluate

    examples, names = open_test_data(spec)
    total = len(examples) if limit is None else min(limit, len(examples))
    with _opened(subject, network, executor) as opened:
        executors, limited = [opened.how], limit is not None
        with counted_pictures("evaluate", total, executors, limited) as advance:
            result = evaluate(opened, examples, names, limit, advance)
        warn_of_skipped(result.skipped)
        if output is not None:
            _write(output, result)
        summary = _summary(opened, spec, result)
    click.echo(json.dumps(summary, indent=1) if as_json else _text(summary))


@contextlib.contextmanager
def _opened(path: Path, network: Network | None, executor: str) -> Iterator[Subject]:
    from mnv3gen.train.evaluate import bundle_subject

    if path.is_dir():
        if network is not None:
            raise click.UsageError("a bundle knows its network; --network is for weights")
        with bundle_subject(path, executor) as subject:
            yield subject
        return
    need_torch()
    from mnv3gen.train.evaluate_weights import weights_subject

    yield weights_subject(path, network)


def _summary(subject: Subject, spec: str, result: Result) -> dict[str, Any]:
    score = result.score
    return {
        "subject": subject.name,
        "executor": subject.how,
        "data": spec,
        "pictures": score.pictures,
        "skipped": len(result.skipped),
        "right": score.right,
        "top1": score.accuracy,
        "top5": score.top5,
        "loss": score.loss,
        "classes": {
            result.names[label]: {"right": right, "pictures": pictures}
            for label, (right, pictures) in sorted(score.by_class.items())
        },
    }


def _text(summary: dict[str, Any]) -> str:
    lines = [
        f"subject   {summary['subject']} ({summary['executor']})",
        f"pictures  {summary['pictures']:,} of {summary['data']}",
        f"top-1     {summary['top1']:.2%} ({summary['right']:,} right), "
        f"top-5 {summary['top5']:.2%}, loss {summary['loss']:.4f}",
    ]
    classes = summary["classes"]
    if len(classes) > LISTED:
        return "\n".join(lines)
    width = max(map(len, classes))
    for name, counts in classes.items():
        share = counts["right"] / counts["pictures"]
        lines.append(f"  {name:{width}s}  {share:7.2%} of {counts['pictures']:,}")
    return "\n".join(lines)


def _write(path: Path, result: Result) -> None:
    import csv

    from mnv3gen.run import replacing_file

    examples = result.examples
    with (
        replacing_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        lines = csv.writer(file)
        lines.writerow(("picture", "class", "answer"))
        for index, answer in zip(result.read, result.score.predictions, strict=True):
            lines.writerow((examples.name(index), examples.labels[index], answer))
