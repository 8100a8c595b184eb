"""A bundle on disk: reading one with every file checked, and putting a new one in its place."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mnv3gen.compile import manifest as manifests
from mnv3gen.compile.folders import temporary_folder
from mnv3gen.compile.manifest import File, Manifest
from mnv3gen.errors import BundleError, InputError, Mnv3genError
from mnv3gen.execute import Entry, Machine
from mnv3gen.targets import Target, available, from_manifest

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Bundle:
    """A folder that `compile` wrote, and what its manifest says."""

    folder: Path
    manifest: Manifest

    @property
    def target(self) -> Target:
        """The target that the bundle was compiled for."""
        return from_manifest(self.manifest.target, file=str(self.folder / MANIFEST))

    @property
    def library(self) -> Path:
        """The shared library."""
        return self.folder / f"lib{self.manifest.name}.so"

    @property
    def benchmark(self) -> Path:
        """The static executable."""
        return self.folder / "benchmark"

    @property
    def entry(self) -> Entry:
        """How the library is called."""
        outputs = self.manifest.outputs
        return Entry(
            symbol=f"{self.manifest.name}_run",
            input_bytes=_bytes(self.manifest.input.shape),
            output_bytes=outputs[-1].offset + _bytes(outputs[-1].shape),
            workspace_bytes=self.manifest.memory.arena_bytes,
        )

    @property
    def machine(self) -> Machine:
        """What the library needs of the processor that executes it."""
        return machine_of(self.target)


def machine_of(target: Target) -> Machine:
    """What an executor has to know of a target."""
    emulation = target.emulation
    return Machine(
        architecture=target.architecture,
        features=tuple(sorted(available(target) - {"neon", "vfp3"})),
        unicorn=emulation.unicorn if emulation else None,
        qemu=emulation.qemu if emulation else None,
    )


def read_bundle(folder: Path) -> Bundle:
    """Open a bundle; BundleError if it is none, or if a file is not as `compile` left it."""
    path = folder / MANIFEST
    try:
        manifest = manifests.decode(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            "not a bundle", place=str(folder), expected=f"a folder with a {MANIFEST} of mnv3gen"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError("not a manifest of mnv3gen", place=str(path), found=str(error)) from error
    if manifest.format != manifests.FORMAT:
        raise BundleError(
            "another manifest format",
            place=f"{path}: format",
            found=manifest.format,
            expected=f"{manifests.FORMAT}; compile again with this mnv3gen",
        )
    if manifest.sha256 != manifests.content_hash(manifest):
        raise BundleError(
            "changed after compilation",
            place=f"{path}: sha256",
            found=f"{manifest.sha256[:16]}...",
            expected=f"{manifests.content_hash(manifest)[:16]}..., the hash of what it says",
        )
    for name, expected in manifest.files.items():
        _check_file(folder, name, expected)
    return Bundle(folder, manifest)


def describe_files(folder: Path) -> dict[str, File]:
    """Size and hash of every file of a folder but the manifest."""
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    return {path.name: File(bytes=path.stat().st_size, sha256=_hash(path)) for path in paths}


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place when the block ends without an error.

    Only a bundle, an empty folder or nothing at all is replaced; InputError otherwise. After an
    error or Ctrl-C nothing of the new folder is left and the old one is as it was.
    """
    check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_folder(folder, folder.name) as fresh:
            yield fresh
            _swap(fresh, folder)
    except OSError as error:
        raise Mnv3genError(f"cannot write {folder}: {error.strerror or error}") from error


def check_replaceable(folder: Path) -> None:
    """InputError if `folder` is something that a bundle must not overwrite."""
    if folder.is_dir() and ((folder / MANIFEST).is_file() or not any(folder.iterdir())):
        return
    if folder.exists() or folder.is_symlink():
        raise InputError(
            "will not overwrite what is not a bundle",
            place=str(folder),
            expected="a new folder, an empty one, or an earlier bundle",
        )


def _swap(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        return
    with temporary_folder(folder, folder.name) as old:
        try:
            folder.rename(old / folder.name)
            fresh.rename(folder)
        except BaseException:
            if not folder.exists():
                (old / folder.name).rename(folder)
            raise


def _check_file(folder: Path, name: str, expected: File) -> None:
    path = folder / name
    if Path(name).name != name:
        raise BundleError("a file outside of the bundle", place=str(folder / MANIFEST), found=name)
    if not path.is_file():
        raise BundleError("a file of the bundle is missing", place=str(path))
    if path.stat().st_size != expected.bytes or _hash(path) != expected.sha256:
        raise BundleError(
            "changed after compilation",
            place=str(path),
            found=f"{path.stat().st_size} bytes, sha256 {_hash(path)[:16]}...",
            expected=f"{expected.bytes} bytes, sha256 {expected.sha256[:16]}...",
        )


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _bytes(shape: tuple[int, ...]) -> int:
    size = 4
    for side in shape:
        size *= side
    return size
