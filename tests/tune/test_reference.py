"""What candidates are checked by, beside plain loops over single pixels."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from support.kernel_cases import FORMS
from support.kernel_reference import reference

from mnv3gen.tune.data import Data
from mnv3gen.tune.reference import computed


@pytest.mark.parametrize("kind", FORMS)
def test_against_plain_loops(kind: str) -> None:
    group = FORMS[kind](Random(kind))  # noqa: S311
    data = Data(group, seed=0)
    inputs = [
        values.reshape(shape) for values, shape in zip(data.inputs, group.inputs, strict=True)
    ]
    expected = reference(group, inputs, data.weights)
    for ours, theirs in zip(computed(group, inputs, data.weights), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
