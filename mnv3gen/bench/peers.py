"""The engines that networks are compared with, and what each needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mnv3gen.errors import InputError, nearest_names

Format = Literal["bundle", "onnx", "tflite", "ncnn", "mnn"]


@dataclass(frozen=True)
class Peer:
    """An engine. Its name is that of the module in `mnv3gen.bench.runners` that drives it.

    ``packages`` are the distributions that its own environment has to have, ``printers`` those that
    mnv3gen's has to have to write networks in ``format``. ``int8`` tells whether it computes in
    integers what we write for it.
    """

    name: str
    packages: tuple[str, ...]
    format: Format
    printers: tuple[str, ...] = ()
    int8: bool = False


ONNX = ("onnx",)
TFLITE = ("flatbuffers", "tflite")

PEERS = {
    peer.name: peer
    for peer in (
        Peer("onnxruntime", ("onnxruntime",), "onnx", ONNX, int8=True),
        Peer("litert", ("ai-edge-litert",), "tflite", TFLITE),
        Peer("openvino", ("openvino",), "onnx", ONNX, int8=True),
        Peer("ncnn", ("ncnn",), "ncnn"),
        Peer("mnn", ("MNN",), "mnn", ONNX),
    )
}


def check_int8(peers: Iterable[Peer]) -> None:
    """InputError for a peer that is not compared with int8 networks."""
    able = [name for name, peer in PEERS.items() if peer.int8]
    for peer in peers:
        if not peer.int8:
            raise InputError(
                "no int8 network is written for this peer",
                place="--against",
                found=peer.name,
                expected=f"one of {', '.join(able)}",
            )


def check_peers(names: Iterable[str], place: str) -> tuple[Peer, ...]:
    """The peers of these names, each once; InputError for a name that is none."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in PEERS:
            raise InputError(
                "no such peer",
                place=place,
                found=name,
                expected=f"one of {', '.join(PEERS)}",
                nearest=nearest_names(name, PEERS),
            )
    return tuple(PEERS[name] for name in wanted)
