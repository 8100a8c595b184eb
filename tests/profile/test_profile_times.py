"""Times by kernel: which calls are timed, and that a profile adds up. No time is judged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.compiled import Compiled, Compiler, tiny

from mnv3gen.compile.bundle import Bundle
from mnv3gen.errors import BundleError, InputError
from mnv3gen.profile.times import CallTime, TimeProfile, profile_times


@pytest.mark.compile
def test_every_call_is_timed(tiny_bundle: Compiled) -> None:
    rounds: list[None] = []
    profile = profile_times(tiny_bundle.bundle, 4, lambda: rounds.append(None))
    manifest = tiny_bundle.bundle.manifest
    assert profile.rounds == 4
    assert len(rounds) == 4 + 5
    kernels = {kernel.name: kernel.calls for kernel in profile.kernels}
    assert kernels == {kernel.name: kernel.calls for kernel in manifest.kernels}
    assert profile.calls[0].kernel.startswith("conv3x3_20x20x3_10x10x8_")
    assert profile.calls[-1].kernel.startswith("conv1x1_1x1x16_1x1x10_")
    assert all(0 < call.min_ms <= call.median_ms for call in profile.calls)
    assert sum(kernel.share for kernel in profile.kernels) == pytest.approx(1)
    assert profile.min_ms <= profile.median_ms
    # No round is shorter than the shortest calls of all rounds; but for the rounding of the sums.
    assert sum(call.min_ms for call in profile.calls) <= profile.min_ms * (1 + 1e-9)


def test_calls_of_a_kernel_are_put_together() -> None:
    kernel, other = "conv1x1_1x5x4_1x5x6_bias_f32", "pool_4x4x4_1x1x4_f32"
    calls = CallTime(kernel, 1, 3), CallTime(other, 1, 2), CallTime(kernel, 2, 5)
    first, second = TimeProfile(calls, rounds=9, min_ms=4, median_ms=10).kernels
    assert (first.name, first.calls, first.min_ms, first.median_ms) == (kernel, 2, 1.5, 4)
    assert (first.share, second.share) == (0.8, 0.2)
    # 1 x 5 positions, 4 x 6 channels: 120 multiply-adds in 4 ms.
    assert first.madds == 120
    assert first.gmacs == pytest.approx(120 / 4e-3 / 1e9)
    assert (second.madds, second.gmacs) == (None, None)


@pytest.mark.compile
def test_a_bundle_for_another_processor_is_refused(compiler: Compiler) -> None:
    bundle = compiler(tiny(), "armv7").bundle
    with pytest.raises(InputError, match=r"armv7(.|\n)*--instructions"):
        profile_times(bundle, 1)


@pytest.mark.compile
def test_a_driver_without_a_place_for_a_clock_is_refused(
    tiny_bundle: Compiled, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.bundle.folder, folder)
    driver = folder / "tiny.c"
    driver.write_text(driver.read_text().replace("  CALL(", "  OTHER("))
    with pytest.raises(BundleError, match=r"tiny\.c: .*another version(.|\n)*compile again"):
        profile_times(Bundle(folder, tiny_bundle.bundle.manifest), 1)
