"""Scheduled kernels to flat loops with vectors and unrolled registers."""

from __future__ import annotations

from typing import Any


def lower_kernels() -> Any:
    """The part of TVM's own S-TIR pipeline that a CPU kernel needs, without its packed ABI."""
    from tvm.ir.transform import Sequential
    from tvm.s_tir import transform as s_tir
    from tvm.tirx import transform as tirx

    return Sequential(
        [
            s_tir.CanonicalizeLoop(),
            s_tir.LowerInitBlock(),
            s_tir.PlanAndUpdateBufferAllocationLocation(),
            s_tir.ConvertBlocksToOpaque(),
            s_tir.CompactBufferAllocation(),
            s_tir.LowerMatchBuffer(),
            s_tir.StmtSimplify(),
            s_tir.LowerOpaqueBlock(),
            tirx.FlattenBuffer(),
            tirx.NarrowDataType(32),
            s_tir.LoopPartition(),
            tirx.VectorizeLoop(True),
            tirx.StorageRewrite(),
            s_tir.HoistIfThenElse(),
            tirx.UnrollLoop(),
            s_tir.RenormalizeSplitPattern(),
            tirx.StmtSimplify(),
            tirx.RemoveNoOp(),
            s_tir.RewriteUnsafeSelect(),
            tirx.CommonSubexprElim(),
        ],
        name="LowerKernels",
    )
