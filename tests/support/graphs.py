"""A graph that no table makes: every operator, window and activation that `Graph` has."""

from __future__ import annotations

from mnv3gen.graph.graph import (
    Activate,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    MaxPool,
    Node,
    Resize,
    Softmax,
)

CHANNELS = 16


def every_operator() -> Graph:
    """29x20x3 to three outputs, by strides that differ, an even window and padding on one side."""
    nodes: list[Node] = [
        Conv2d(
            "stem",
            ("input",),
            (15, 10, CHANNELS),
            0,
            in_channels=3,
            kernel=3,
            stride=2,
            padding=(1, 1, 1, 1),
            activation="hswish",
        ),
        Conv2d(
            "rectangular",
            ("stem",),
            (8, 10, CHANNELS),
            0,
            in_channels=CHANNELS,
            kernel=5,
            stride=2,
            along=1,
            groups=CHANNELS,
            padding=(2, 2, 2, 2),
        ),
        Activate("activate", ("rectangular",), (8, 10, CHANNELS), 0, "sigmoid"),
        Gate("gate", ("rectangular", "activate"), (8, 10, CHANNELS), 0),
        MaxPool("max", ("gate",), (4, 5, CHANNELS), 0, (3, 3), (2, 2), (1, 1, 1, 1)),
        Conv2d(
            "scale",
            ("max",),
            (4, 5, CHANNELS),
            0,
            in_channels=CHANNELS,
            kernel=1,
            groups=CHANNELS,
            batch_norm=False,
            activation="hard_sigmoid",
        ),
        Conv2d(
            "even",
            ("max",),
            (4, 5, CHANNELS),
            0,
            in_channels=CHANNELS,
            kernel=2,
            padding=(0, 0, 1, 1),
            batch_norm=False,
            activation="relu6",
        ),
        Add("add", ("scale", "even"), (4, 5, CHANNELS), 0),
        Concat("concat", ("add", "max"), (4, 5, 2 * CHANNELS), 0),
        AveragePool("average", ("concat",), (2, 3, 2 * CHANNELS), 0, (2, 3), (2, 1)),
        Resize("resize", ("average",), (7, 9, 2 * CHANNELS), 0, "half_pixel"),
        GlobalPool("pool", ("resize",), (1, 1, 2 * CHANNELS), 0),
        Conv2d(
            "classes", ("pool",), (1, 1, 7), 0, in_channels=2 * CHANNELS, kernel=1, batch_norm=False
        ),
        Softmax("shares", ("classes",), (1, 1, 7), 0),
    ]
    return Graph("every", "input", (29, 20, 3), tuple(nodes), ("shares", "add", "activate"))
