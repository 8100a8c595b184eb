"""`mnv3gen describe --all`: every row of the paper's tables beside the zoo's networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.command import Finished

Command = Callable[..., Finished]


def test_json(command: Command) -> None:
    rows = command("describe", "--all", "--json").json
    assert {"table", "row", "network", "paper", "params", "madds", "verdict"} <= set(rows[0])
    assert [row["row"] for row in rows if row["table"] == 3] == [
        "V3-Large 1.0",
        "V3-Large 0.75",
        "MnasNet-A1",
        "Proxyless",
        "V2 1.0",
        "V3-Small 1.0",
        "V3-Small 0.75",
        "Mnas-small",
        "V2 0.35",
    ]
    assert len([row for row in rows if row["table"] == 5]) == 4
    assert {row["verdict"] for row in rows} <= {"met", "explained"}
    assert all(row["why"] for row in rows if row["verdict"] == "explained")


def test_text(command: Command) -> None:
    result = command("describe", "--all")
    assert result.code == 0
    small = next(line for line in result.out.splitlines() if "V3-Small 1.0" in line)
    assert small.split()[-8:] == [
        *("2.9M", "2,946,568", "+46,568"),
        *("66M", "56,913,856", "-9,086,144"),
        *("convolutions", "explained"),
    ]
    assert "table 3, V3-Small 1.0: no convention gives 66M" in result.out
    assert "mobilenet_v3_large --variant hswish@112" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a NETWORK or --all"),
        (["--all", "mobilenet_v2"], "a NETWORK or --all"),
        (["--all", "--width", "0.5"], "no NETWORK"),
    ],
)
def test_either_a_network_or_all(command: Command, arguments: list[str], said: str) -> None:
    command("describe", *arguments).refused(said)
