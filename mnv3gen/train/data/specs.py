"""What --data says: `fashion-mnist`, `digits`, `imagefolder:DIR`, a folder, or an .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnv3gen.errors import InputError, nearest_names
from mnv3gen.train.data.examples import Data, Examples, check_some

if TYPE_CHECKING:
    from mnv3gen.train.data.scenes import SceneData

KINDS = ("digits", "fashion-mnist", "imagefolder", "npz")
SCENES = "shapes"
EXPECTED = "digits, fashion-mnist, fashion-mnist:DIR, imagefolder:DIR, npz:FILE or shapes"


def open_any(spec: str, size: tuple[int, int]) -> Data | SceneData:
    """As `open_data`, and for "shapes" scenes of that (height, width)."""
    if spec == SCENES:
        from mnv3gen.train.data.scenes import shapes

        return shapes(*size)
    return open_data(spec)


def open_data(spec: str) -> Data:
    """The pictures to train with; InputError if there are none. Nothing is ever downloaded."""
    data = _opened(*_read(spec))
    for examples in (data.train, data.held_out):
        check_some(examples)
    return data


def open_test_data(spec: str) -> tuple[Examples, tuple[str, ...]]:
    """The pictures to evaluate on and their classes: a test part, or else all there are."""
    from mnv3gen.train.data.archive import whole_archive
    from mnv3gen.train.data.folder import whole_folder

    kind, path = _read(spec)
    examples: Examples
    if kind == "imagefolder":
        examples, names = whole_folder(_needed(kind, path))
    elif kind == "npz":
        examples, names = whole_archive(_needed(kind, path))
    else:
        data = _opened(kind, path)
        examples, names = data.held_out, data.names
    check_some(examples)
    return examples, names


def _opened(kind: str, path: Path | None) -> Data:
    from mnv3gen.train.data.archive import archive
    from mnv3gen.train.data.digits import digits
    from mnv3gen.train.data.folder import image_folder
    from mnv3gen.train.data.idx import fashion_mnist

    match kind:
        case "digits":
            return digits()
        case "fashion-mnist":
            return fashion_mnist(path)
        case "imagefolder":
            return image_folder(_needed(kind, path))
    return archive(_needed(kind, path))


def _read(spec: str) -> tuple[str, Path | None]:
    kind, colon, rest = spec.partition(":")
    if kind in KINDS:
        if colon and not rest:
            raise InputError("no path", place="--data", found=spec, expected=EXPECTED)
        return kind, Path(rest) if rest else None
    path = Path(spec)
    if path.is_dir():
        return "imagefolder", path
    if path.suffix == ".npz":
        return "npz", path
    nearest = nearest_names(kind, (*KINDS, SCENES))
    raise InputError("no such data", place="--data", found=spec, expected=EXPECTED, nearest=nearest)


def _needed(kind: str, path: Path | None) -> Path:
    if path is None:
        expected = f"{kind}:PATH"
        raise InputError("needs a path", place="--data", found=kind, expected=expected)
    return path
