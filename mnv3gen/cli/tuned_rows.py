"""Tuning records as lines of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnv3gen.compile.metaschedule import SearchedRecord
    from mnv3gen.compile.tuned import TunedRecord

HEADING = f"{'us':>9}  {'/rule':>6}  {'/floor':>6}  {'/apart':>6}  kernel: schedule, parameters"


def row(record: TunedRecord) -> str:
    """The time, beside the rule's, the floor and another way, and what the parameters are."""
    time = record.median_us
    floor = time / record.floor_us if record.floor_us else 0.0
    apart = f"{time / record.apart_us:6.3f}" if record.apart_us else "     -"
    parameters = " ".join(f"{name}={value}" for name, value in record.parameters.items())
    return (
        f"{time:9.2f}  {time / record.rule_us:6.3f}  {floor:6.2f}  {apart}  "
        f"{record.kernel}: {record.schedule} {parameters}"
    )


def searched_row(record: SearchedRecord) -> str:
    """The same of a kernel of TVM's, and whether its rule stays."""
    what = "MetaSchedule" if record.better else f"{record.schedule}, no slower than MetaSchedule"
    ratio = record.median_us / record.rule_us
    return f"{record.median_us:9.2f}  {ratio:6.3f}  {'-':>6}  {'-':>6}  {record.kernel}: {what}"
