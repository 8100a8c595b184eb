"""Give kernels a plain C interface: `int32_t kernel(float *, ...)`, no TVM runtime behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tvm
    from tvm import tirx


def expose_c_abi(prefix: str, target: tvm.target.Target) -> Any:
    """A module pass; each kernel's symbol becomes `<prefix>_<name>`, its parameters raw pointers.

    It does what TVM's MakePackedAPI does, without the packed arguments.
    """
    from tvm.ir.transform import module_pass

    @module_pass(opt_level=0, name="ExposeCAbi")
    def transform(module: tvm.IRModule, _context: Any) -> tvm.IRModule:
        import tvm

        functions = {
            f"{prefix}_{variable.name_hint}": function
            for variable, function in module.functions.items()
        }
        exposed = {name: _exposed(name, f) for name, f in functions.items()}
        return tvm.IRModule({name: f.with_attr("target", target) for name, f in exposed.items()})

    return transform


def _exposed(name: str, function: tirx.PrimFunc) -> tirx.PrimFunc:
    from tvm import tirx
    from tvm.ir import PointerType, PrimType

    pointers, declarations = [], []
    for buffer in function.params:
        element = PrimType(str(buffer.ty.dtype))
        pointer = tirx.Var(f"{buffer.name}_pointer", PointerType(element, "global"))
        pointers.append(pointer)
        declarations.append(tirx.DeclBuffer(buffer, data=pointer))
    body = _keep_registers(function.body)
    body = tirx.AttrStmt("default", "device_id", tirx.const(0, "int32"), body)
    body = tirx.AttrStmt("default", "device_type", tirx.const(1, "int32"), body)
    success = tirx.Return(tirx.const(0, "int32"))
    exposed = tirx.PrimFunc(
        pointers, tirx.SeqStmt([*declarations, body, success]), PrimType("int32")
    )
    return exposed.with_attrs({"global_symbol": name, "tirx.noalias": True})


def _keep_registers(statement: Any) -> Any:
    """Mark local buffers as registers; LowerTVMBuiltin would make workspace calls of them."""
    from tvm import tirx

    match statement:
        case tirx.AllocBuffer():
            kept = {"disable_lower_builtin": tirx.const(True, "bool")}
            return tirx.AllocBuffer(statement.buffer, kept)
        case tirx.SeqStmt():
            return tirx.SeqStmt([_keep_registers(part) for part in statement.seq])
        case tirx.For():
            return tirx.For(
                statement.loop_var,
                statement.min,
                statement.extent,
                statement.kind,
                _keep_registers(statement.body),
                statement.thread_binding,
                statement.annotations,
            )
        case tirx.AttrStmt():
            body = _keep_registers(statement.body)
            return tirx.AttrStmt(statement.node, statement.attr_key, statement.value, body)
        case tirx.IfThenElse():
            otherwise = statement.else_case
            return tirx.IfThenElse(
                statement.condition,
                _keep_registers(statement.then_case),
                None if otherwise is None else _keep_registers(otherwise),
            )
    return statement
