"""Depthwise convolutions as runtimes for phones computed them: one pixel after the other."""

from __future__ import annotations

from mnv3gen.compile.schedules import Schedule
from mnv3gen.compile.tuned import Tuned
from mnv3gen.generate.group import Group, Parameters

DEPTHWISE = "depthwise"
# TensorFlow Lite 1.13, depthwiseconv_float.h: every tap reads its input and its weight anew.
PARAMETERS = {"pixels": 1, "channels_first": 0}


class OnePixel(Tuned):
    """No records, but these parameters for every depthwise convolution."""

    def parameters(self, group: Group, schedule: Schedule) -> Parameters | None:
        """The parameters, or None for the rule's."""
        return PARAMETERS if schedule.name == DEPTHWISE else None


ONE_PIXEL = OnePixel({})
