"""Network to Graph: what each row of a bneck table is made of (paper, figures 3 and 4).

A bneck is an expansion (1x1), a depthwise convolution, optionally squeeze-and-excite, and a linear
projection (1x1), with a residual where stride is 1 and the widths are equal. The expansion is left
out where it would not widen.
"""

from __future__ import annotations

from collections.abc import Callable

from mnv3gen.graph.graph import (
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Coordinates,
    Gate,
    GlobalPool,
    Graph,
    Node,
    Resize,
    Shape,
)
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.shapes import output_shape

ACTIVATIONS: dict[str, Activation] = {
    "": "none",
    "RE": "relu",
    "R6": "relu6",
    "HS": "hswish",
    "SG": "sigmoid",
}
GATES: dict[str, Activation] = {"hard_sigmoid": "hard_sigmoid", "sigmoid": "sigmoid"}
COORDINATES: dict[str, Coordinates] = {
    "align_corners": "align_corners",
    "half_pixel": "half_pixel",
}


def expand(network: Network) -> Graph:
    """The graph of a network; its input tensor is called `input`."""
    return _Expansion(network).graph()


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """TensorFlow's SAME padding of one axis: (before, after), the odd pixel after."""
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


class _Expansion:
    """The nodes made so far, and the tensors that labels and the next row stand for."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {"input": (network.height, network.width, network.channels)}
        self.labelled = {"": "input"}  # tensors by label; "" is the row before
        self.row = 0
        self.counts: dict[str, int] = {}

    def graph(self) -> Graph:
        network = self.network
        input_shape = self.shapes["input"]
        for self.row, row in enumerate(network.rows):
            self._expand(row)
        outputs = network.outputs or ("",)
        return Graph(
            name=network.name,
            input="input",
            input_shape=input_shape,
            nodes=tuple(self.nodes),
            outputs=tuple(self.labelled[label] for label in outputs),
            bn_eps=network.conventions.bn_eps,
        )

    def _expand(self, row: Row) -> None:
        """Add the nodes of a row and learn what its labels name."""
        self.counts[row.operator] = self.counts.get(row.operator, 0) + 1
        prefix = f"{row.operator}{self.counts[row.operator]}"
        sources = [self.labelled[label] for label in row.sources or ("",)]
        makers: dict[str, Callable[[Row, str, list[str]], dict[str, str]]] = {
            "conv2d": self._conv2d,
            "bneck": self._bneck,
            "dw": self._dw,
        }
        parts = makers.get(row.operator, self._plain)(row, prefix, sources)
        self.labelled |= {name: parts[part] for name, part in row.labels}
        self.labelled[""] = parts[""]

    def _conv2d(self, row: Row, prefix: str, sources: list[str]) -> dict[str, str]:
        tensor = self._convolve(
            prefix,
            sources[0],
            row.out,
            kernel=row.kernel,
            stride=row.stride,
            dilation=row.dilation,
            batch_norm=row.batch_norm,
            activation=self._activation(row),
        )
        return {"": self._squeeze_excite(prefix, tensor, row.squeeze)}

    def _bneck(self, row: Row, prefix: str, sources: list[str]) -> dict[str, str]:
        activation = self._activation(row)
        shortcut = tensor = sources[0]
        parts = {}
        if row.expansion > self.shapes[tensor][2]:
            tensor = self._convolve(
                f"{prefix}.expand", tensor, row.expansion, activation=activation
            )
            parts["expand"] = tensor
        tensor = parts["depthwise"] = self._depthwise(f"{prefix}.depthwise", tensor, row)
        tensor = self._squeeze_excite(prefix, tensor, row.squeeze)
        tensor = self._convolve(f"{prefix}.project", tensor, row.out)
        if row.stride == 1 and self.shapes[tensor] == self.shapes[shortcut]:
            shape = self.shapes[tensor]
            tensor = self._append(Add(f"{prefix}.add", (tensor, shortcut), shape, self.row))
        return parts | {"": tensor}

    def _dw(self, row: Row, prefix: str, sources: list[str]) -> dict[str, str]:
        return {"": self._depthwise(prefix, sources[0], row)}

    def _plain(self, row: Row, prefix: str, sources: list[str]) -> dict[str, str]:
        """Pools and what joins tensors: operators without parameters."""
        shapes = [self.shapes[tensor] for tensor in sources]
        shape, names = output_shape(row, *shapes), tuple(sources)
        node: Node
        match row.operator:
            case "pool" if row.window == (0, 0):
                node = GlobalPool(prefix, names, shape, self.row)
            case "pool":
                height, width, _ = shapes[0]
                window = min(row.window[0], height), min(row.window[1], width)
                node = AveragePool(prefix, names, shape, self.row, window, row.strides)
            case "add":
                node = Add(prefix, names, shape, self.row)
            case "gate":
                node = Gate(prefix, names, shape, self.row)
            case "concat":
                node = Concat(prefix, names, shape, self.row)
            case "resize":
                coordinates = COORDINATES[self.network.conventions.resize]
                node = Resize(prefix, names[:1], shape, self.row, coordinates)
            case _:
                raise NotImplementedError(f"no expansion of {row.operator}")
        return {"": self._append(node)}

    def _activation(self, row: Row) -> Activation:
        if row.nonlinearity == "HS" and self.network.conventions.hswish == "naive":
            return "naive_hswish"
        return ACTIVATIONS[row.nonlinearity]

    def _squeeze_excite(self, prefix: str, tensor: str, squeeze: int) -> str:
        """Pool, two fully connected layers with bias, a sigmoid, scale (sections 3 and 5.3)."""
        if not squeeze:
            return tensor
        shape = self.shapes[tensor]
        pooled = self._append(
            GlobalPool(f"{prefix}.se.pool", (tensor,), (1, 1, shape[2]), self.row)
        )
        squeezed = self._convolve(
            f"{prefix}.se.squeeze", pooled, squeeze, batch_norm=False, activation="relu"
        )
        gate = self._convolve(
            f"{prefix}.se.excite",
            squeezed,
            shape[2],
            batch_norm=False,
            activation=GATES[self.network.conventions.gate],
        )
        return self._append(Gate(f"{prefix}.se.gate", (tensor, gate), shape, self.row))

    def _depthwise(self, name: str, tensor: str, row: Row) -> str:
        channels = self.shapes[tensor][2]
        return self._convolve(
            name,
            tensor,
            channels,
            kernel=row.kernel,
            stride=row.stride,
            dilation=row.dilation,
            groups=channels,
            activation=self._activation(row),
        )

    def _convolve(
        self,
        name: str,
        tensor: str,
        out: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        batch_norm: bool = True,
        activation: Activation = "none",
    ) -> str:
        height, width, channels = self.shapes[tensor]
        conv = Conv2d(
            name,
            (tensor,),
            (-(-height // stride), -(-width // stride), out),
            self.row,
            in_channels=channels,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            groups=groups,
            padding=self._padding(height, width, kernel, stride, dilation),
            batch_norm=batch_norm,
            activation=activation,
        )
        return self._append(conv)

    def _padding(
        self, height: int, width: int, kernel: int, stride: int, dilation: int
    ) -> tuple[int, int, int, int]:
        if self.network.conventions.padding == "symmetric":
            return ((kernel - 1) * dilation // 2,) * 4
        top, bottom = same_padding(height, kernel, stride, dilation)
        left, right = same_padding(width, kernel, stride, dilation)
        return top, left, bottom, right

    def _append(self, node: Node) -> str:
        self.nodes.append(node)
        self.shapes[node.name] = node.shape
        return node.name
