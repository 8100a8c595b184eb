"""Image folders: a folder a class, perhaps inside of train/ and val/."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnv3gen.errors import InputError
from mnv3gen.train.data.examples import Data, FileExamples, split

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
HELD_OUT = ("val", "validation", "test")
LAYOUT = "DIR/CLASS/*.jpg, or DIR/train/CLASS/*.jpg and DIR/val/CLASS/*.jpg"


def image_folder(folder: Path) -> Data:
    """The pictures of a folder; without train/ and val/ a tenth of each class is held out.

    InputError for a class folder without pictures, and for val/ with other classes than train/.
    """
    _check_folder(folder)
    held_out = next((folder / name for name in HELD_OUT if (folder / name).is_dir()), None)
    if held_out is None or not (folder / "train").is_dir():
        examples, names = classes_of(folder)
        return Data(*split(examples), names)
    examples, names = classes_of(folder / "train")
    held, held_names = classes_of(held_out)
    if names != held_names:
        odd = sorted(set(names) ^ set(held_names))
        raise InputError(
            "not the classes of train/",
            place=str(held_out),
            found=f"{len(held_names)} classes; only one of the two has {', '.join(odd[:5])}",
            expected=f"the {len(names)} classes of {folder / 'train'}",
        )
    return Data(examples, held, names)


def whole_folder(folder: Path) -> tuple[FileExamples, tuple[str, ...]]:
    """What to evaluate on: val/ if there is one, else every picture of the folder."""
    _check_folder(folder)
    for name in HELD_OUT:
        if (folder / name).is_dir() and (folder / "train").is_dir():
            return classes_of(folder / name)
    return classes_of(folder)


def classes_of(folder: Path) -> tuple[FileExamples, tuple[str, ...]]:
    """The pictures under each class folder at any depth, and the classes' names, sorted."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if not classes:
        raise InputError("no class folders", place=str(folder), expected=LAYOUT)
    paths: list[Path] = []
    labels: list[int] = []
    for label, path in enumerate(classes):
        found = sorted(each for each in path.rglob("*") if _is_picture(each))
        if not found:
            raise InputError(
                "a class folder without pictures",
                place=str(path),
                expected=f"files that end in {', '.join(SUFFIXES)}, or no such folder",
            )
        paths += found
        labels += [label] * len(found)
    examples = FileExamples(str(folder), np.array(labels, np.int64), tuple(paths))
    return examples, tuple(path.name for path in classes)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError("no such folder", place=str(folder), expected=LAYOUT)
