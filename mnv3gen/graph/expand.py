"""Network to Graph: what each row of a bneck table is made of (paper, figures 3 and 4).

A bneck is an expansion (1x1), a depthwise convolution, optionally squeeze-and-excite, and a linear
projection (1x1), with a residual where stride is 1 and the widths are equal. The expansion is left
out where it would not widen.
"""

from __future__ import annotations

from mnv3gen.graph.graph import Activation, Add, Conv2d, Gate, GlobalPool, Graph, Node, Shape
from mnv3gen.tables.network import Network, Row

ACTIVATIONS: dict[str, Activation] = {"": "none", "RE": "relu", "R6": "relu6", "HS": "hswish"}


def expand(network: Network) -> Graph:
    """The graph of a network; its input tensor is called `input`."""
    return _Expansion(network).graph()


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """TensorFlow's SAME padding of one axis: (before, after), the odd pixel after."""
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


class _Expansion:
    """The nodes made so far and the tensor that the next row reads."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[Node] = []
        self.tensor = "input"
        self.shape: Shape = (network.height, network.width, network.channels)
        self.row = 0
        self.counts: dict[str, int] = {}

    def graph(self) -> Graph:
        network = self.network
        input_shape = self.shape
        for self.row, row in enumerate(network.rows):
            self.counts[row.operator] = self.counts.get(row.operator, 0) + 1
            prefix = f"{row.operator}{self.counts[row.operator]}"
            {"conv2d": self._conv2d, "bneck": self._bneck, "pool": self._pool}[row.operator](
                row, prefix
            )
        return Graph(
            name=network.name,
            input="input",
            input_shape=input_shape,
            nodes=tuple(self.nodes),
            outputs=(self.tensor,),
            bn_eps=network.conventions.bn_eps,
        )

    def _conv2d(self, row: Row, prefix: str) -> None:
        self._convolve(
            prefix,
            row.out,
            kernel=row.kernel,
            stride=row.stride,
            batch_norm=row.batch_norm,
            activation=ACTIVATIONS[row.nonlinearity],
        )
        if row.squeeze:
            self._squeeze_excite(prefix, row.squeeze)

    def _bneck(self, row: Row, prefix: str) -> None:
        activation = ACTIVATIONS[row.nonlinearity]
        shortcut, shortcut_shape = self.tensor, self.shape
        if row.expansion > self.shape[2]:
            self._convolve(f"{prefix}.expand", row.expansion, activation=activation)
        self._convolve(
            f"{prefix}.depthwise",
            row.expansion,
            kernel=row.kernel,
            stride=row.stride,
            groups=row.expansion,
            activation=activation,
        )
        if row.squeeze:
            self._squeeze_excite(prefix, row.squeeze)
        self._convolve(f"{prefix}.project", row.out)
        if row.stride == 1 and self.shape == shortcut_shape:
            self._append(Add(f"{prefix}.add", (self.tensor, shortcut), self.shape, self.row))

    def _pool(self, row: Row, prefix: str) -> None:
        self._append(GlobalPool(prefix, (self.tensor,), (1, 1, self.shape[2]), self.row))

    def _squeeze_excite(self, prefix: str, squeeze: int) -> None:
        """Pool, two fully connected layers with bias, hard-sigmoid, scale (sections 3 and 5.3)."""
        scaled, shape = self.tensor, self.shape
        self._append(GlobalPool(f"{prefix}.se.pool", (scaled,), (1, 1, shape[2]), self.row))
        self._convolve(f"{prefix}.se.squeeze", squeeze, batch_norm=False, activation="relu")
        self._convolve(f"{prefix}.se.excite", shape[2], batch_norm=False, activation="hard_sigmoid")
        self._append(Gate(f"{prefix}.se.gate", (scaled, self.tensor), shape, self.row))

    def _convolve(
        self,
        name: str,
        out: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        batch_norm: bool = True,
        activation: Activation = "none",
    ) -> None:
        height, width, channels = self.shape
        self._append(
            Conv2d(
                name,
                (self.tensor,),
                (-(-height // stride), -(-width // stride), out),
                self.row,
                in_channels=channels,
                kernel=kernel,
                stride=stride,
                groups=groups,
                padding=self._padding(height, width, kernel, stride),
                batch_norm=batch_norm,
                activation=activation,
            )
        )

    def _padding(
        self, height: int, width: int, kernel: int, stride: int
    ) -> tuple[int, int, int, int]:
        if self.network.conventions.padding == "symmetric":
            return (kernel // 2,) * 4
        top, bottom = same_padding(height, kernel, stride)
        left, right = same_padding(width, kernel, stride)
        return top, left, bottom, right

    def _append(self, node: Node) -> None:
        self.nodes.append(node)
        self.tensor, self.shape = node.name, node.shape
