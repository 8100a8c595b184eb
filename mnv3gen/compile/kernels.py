"""The numbered phases from a graph to machine code: read `compile_kernels` to see them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from mnv3gen.compile.calls import Calls, read_calls
from mnv3gen.compile.kernel import read_kernel
from mnv3gen.compile.metaschedule import workload_hash
from mnv3gen.compile.passes.expose_c_abi import expose_c_abi
from mnv3gen.compile.passes.fuse_kernels import fuse_kernels
from mnv3gen.compile.passes.hoist_temporaries import hoist_temporaries
from mnv3gen.compile.passes.lower_kernels import lower_kernels
from mnv3gen.compile.passes.name_kernels import name_kernels
from mnv3gen.compile.passes.schedule_kernels import schedule_kernels
from mnv3gen.compile.plan import LONGEST_GROUP, Choice, Plan, Step, make_plan
from mnv3gen.compile.prefetch import plan_prefetch
from mnv3gen.compile.program import Program, write_program
from mnv3gen.compile.schedules import FALLBACK
from mnv3gen.compile.storage import type_of
from mnv3gen.compile.tuned import NOTHING, Tuned
from mnv3gen.generate.group import Generated
from mnv3gen.graph.graph import Graph
from mnv3gen.lower.relax import to_relax
from mnv3gen.lower.resize import legalize_resize
from mnv3gen.lower.softmax import legalize_softmax
from mnv3gen.lower.storage import WeightStorage
from mnv3gen.quantize.quantize_module import quantize_module
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.targets import Target

if TYPE_CHECKING:
    import tvm

Observer = Callable[[str], None]

LEGALIZATIONS = {  # in place of TVM's own
    "relax.image.resize2d": legalize_resize,
    "relax.nn.softmax": legalize_softmax,
}


@dataclass(frozen=True)
class Kernels:
    """What code generation gives beside the object file: the plan and the calls' arguments."""

    plan: Plan
    program: Program


def compile_kernels(
    graph: Graph,
    weights: Mapping[str, npt.NDArray[Any]],
    target: Target,
    prefix: str,
    object_file: Path,
    observe: Observer = lambda phase: None,
    dump: Path | None = None,
    tuned: Tuned = NOTHING,
    storage: WeightStorage = "float32",
    quantized: Quantized | None = None,
    layers_alone: bool = False,
) -> Kernels:
    """Write a graph's kernels for a target to `object_file`, as symbols `<prefix>_<kernel>`.

    `observe` is called with each phase's name before it starts; `dump` is an existing folder that
    gets the IR after each; `tuned` has the parameters that were found by measuring.
    With another `storage` than float32, the weights are rounded (`round_weights`) beforehand.
    `quantized` makes it integers; graph and weights are then its own. With
    `layers_alone`, no layer is computed together with another.
    """
    from tvm.target import Target as TvmTarget

    phases = Phases(observe, dump)
    tvm_target = TvmTarget(target.tvm_dict())
    with tvm_target:
        module = phases.run("lower", lambda _: to_relax(graph, weights), None)
        if quantized is not None:
            module = phases.run("quantize", quantize_module(quantized), module)
        calls, module = fused_calls(module, phases, quantized is not None, layers_alone)
        longest = 1 if layers_alone else LONGEST_GROUP
        plan = phases.run("plan", lambda it: _planned(it, target, tuned, storage, longest), calls)
        generated = generate(plan, target)
        plan, fallbacks = _fallbacks(phases, module, plan, target, tuned)
        program = write_program(plan, calls, generated, fallbacks, target.core)
        lowered = lower_fallbacks(phases, fallbacks, prefix, tvm_target)
        module = phases.run(
            "generate", lambda it: _joined(it, generated, prefix, tvm_target), lowered
        )
        code = _machine_code(phases, module, tvm_target)
    code.write_to_file(str(object_file))
    return Kernels(plan, program)


def fused_calls(
    module: tvm.IRModule, phases: Phases, integers: bool = False, apart: bool = False
) -> tuple[Calls, tvm.IRModule]:
    """The kernel calls of a network in Relax, and the module in which each kernel is a function."""
    module = phases.run("fuse-kernels", fuse_kernels(integers, apart), module)
    module = phases.run("name-kernels", name_kernels(), module)
    kernels = {name: read_kernel(module[name]) for name in _kernel_names(module)}
    return read_calls(module, kernels), module


def generate(plan: Plan, target: Target) -> dict[str, Generated]:
    """Write the kernel of every group that has a generator, by the groups' names."""
    written: dict[str, Generated] = {}
    for step in plan.steps:
        if step.schedule.generates and step.group.name not in written:
            written[step.group.name] = step.schedule.generate(
                step.group, target.core, step.choice.parameters, step.ahead
            )
    return written


def machine_code(functions: Mapping[str, Any], tvm_target: Any) -> Any:
    """TVM's module of machine code for lowered C functions, by their symbols."""
    import tvm

    with tvm_target:
        phases = Phases(lambda phase: None, None)
        return _machine_code(phases, tvm.IRModule(dict(functions)), tvm_target)


def _machine_code(phases: Phases, module: tvm.IRModule, tvm_target: Any) -> Any:
    from tvm.tirx.transform import LowerIntrin, LowerTVMBuiltin, StmtSimplify

    module = phases.run("simplify", StmtSimplify(), module)
    module = phases.run("lower-builtins", LowerTVMBuiltin(), module)
    module = phases.run("lower-intrinsics", LowerIntrin(), module)
    return phases.run("generate-code", lambda it: _generate(it, tvm_target), module)


def _planned(
    calls: Calls, target: Target, tuned: Tuned, storage: WeightStorage, longest: int
) -> Plan:
    plan = make_plan(calls, target.core, tuned, type_of(storage), longest)
    return plan_prefetch(plan, target.core)


def _fallbacks(
    phases: Phases, module: tvm.IRModule, plan: Plan, target: Target, tuned: Tuned
) -> tuple[Plan, dict[str, Any]]:
    """TVM's own functions of the kernels that no generator accepts, scheduled.

    Beside them the plan, which says whether by MetaSchedule or by rule.
    """
    from tvm.target import Target as TvmTarget

    steps = {step.group.name: step for step in plan.steps if not step.schedule.generates}
    if not steps:
        return plan, {}
    tvm_target = TvmTarget(target.tvm_dict())
    kernels = {name: step.group.kernels[0] for name, step in steps.items()}
    module = fallback_functions(phases, module, kernels, tvm_target)
    found, choices = {}, {}
    for name, step in steps.items():
        choices[name], function = _searched(step, module[name], tuned, tvm_target)
        if function is not None:
            found[name] = function
    module = phases.run("schedule", schedule_kernels(kernels, target.core, found), module)
    module = closed(phases, module, tvm_target)
    chosen = (replace(it, choice=choices.get(it.group.name, it.choice)) for it in plan.steps)
    return Plan(tuple(chosen)), {name: module[name] for name in kernels}


def fallback_functions(
    phases: Phases, module: tvm.IRModule, names: Iterable[str], tvm_target: Any
) -> tvm.IRModule:
    """TVM's own functions of some kernels of a fused module, as MetaSchedule's records know them.

    Tuning and compilation both call this: a record is found by the function's very structure.
    """
    from tvm.relax.transform import FuseTIR, LegalizeOps

    with tvm_target:
        module = _calling(module, names)
        module = phases.run("legalize", LegalizeOps(LEGALIZATIONS), module)
        module = phases.run("fuse-tir", FuseTIR(), module)
    return _only(module, names)


def closed(phases: Phases, module: tvm.IRModule, tvm_target: Any) -> tvm.IRModule:
    """Scheduled functions whose temporaries are parameters, bound to a target."""
    from tvm.tirx.transform import BindTarget

    module = phases.run("hoist-temporaries", hoist_temporaries(), module)
    return BindTarget(tvm_target.with_host(tvm_target))(module)


def _searched(step: Step, function: Any, tuned: Tuned, tvm_target: Any) -> tuple[Choice, Any]:
    """What the records say of a kernel, and its function by MetaSchedule if that was better."""
    name, schedule = step.group.name, step.schedule
    record = tuned.searched.find(name, schedule.name, schedule.version)
    if schedule.name != FALLBACK or record is None or record.workload != workload_hash(function):
        return step.choice, None
    if not record.better:
        return Choice(provenance="tuned"), None
    scheduled = tuned.searched.scheduled(name, function, tvm_target)
    return (step.choice if scheduled is None else Choice(provenance="metaschedule")), scheduled


def lower_fallbacks(
    phases: Phases, fallbacks: Mapping[str, Any], prefix: str, tvm_target: Any
) -> tvm.IRModule:
    """TVM's functions, scheduled and `closed`, as C functions `<prefix>_<name>`."""
    import tvm

    module = tvm.IRModule(fallbacks)
    if not fallbacks:
        return module
    module = phases.run("lower-kernels", lower_kernels(), module)
    return phases.run("expose-c-abi", expose_c_abi(prefix, tvm_target), module)


def _joined(
    lowered: tvm.IRModule, generated: Mapping[str, Generated], prefix: str, tvm_target: Any
) -> tvm.IRModule:
    """Both kinds of functions in one module, by their symbols."""
    import tvm

    functions = {variable.name_hint: f for variable, f in lowered.functions.items()}
    for name, kernel in generated.items():
        symbol = f"{prefix}_{name}"
        functions[symbol] = kernel.builder.function(symbol, tvm_target)
    return tvm.IRModule(functions)


class Phases:
    """Runs phases one after the other, numbered from 1, telling and dumping each."""

    def __init__(self, observe: Observer, dump: Path | None) -> None:
        self.observe = observe
        self.dump = dump
        self.number = 0

    def run(self, name: str, phase: Callable[[Any], Any], module: Any) -> Any:
        """The result of a phase."""
        self.observe(name)
        self.number += 1
        result = phase(module)
        if self.dump is not None:
            for suffix, text in _texts(result).items():
                path = self.dump / f"{self.number:02d}-{name}{suffix}"
                path.write_text(text, encoding="utf-8")
        return result


def _texts(result: Any) -> dict[str, str]:
    """A module as TVMScript, a plan as a list, machine code as LLVM IR and assembly."""
    import tvm

    if isinstance(result, tvm.IRModule):
        return {".py": result.script()}
    if isinstance(result, Plan):
        return {".txt": "".join(f"{_line(step)}\n" for step in result.steps)}
    return {".ll": result.inspect_source("ll"), ".s": result.inspect_source("asm")}


def _line(step: Step) -> str:
    parameters = " ".join(f"{name}={value}" for name, value in step.choice.parameters.items())
    return f"{step.group.name}: {step.schedule.name} {parameters} ({step.choice.provenance})"


def _kernel_names(module: tvm.IRModule) -> list[str]:
    names = (str(variable.name_hint) for variable in module.functions)
    return [name for name in names if name != "main"]


def _calling(module: tvm.IRModule, names: Iterable[str]) -> tvm.IRModule:
    """Some of a fused module's functions and a `main` that calls each of them once.

    The others need no form of TVM's, and not all have one that FuseTIR takes.
    """
    import tvm
    from tvm import relax

    variables = {name: module.get_global_var(name) for name in names}
    functions = {variable: module[name] for name, variable in variables.items()}
    parameters = {
        name: [relax.Var(f"{name}_{it.name}", it.ty) for it in module[name].params]
        for name in variables
    }
    builder = relax.BlockBuilder(tvm.IRModule(functions))
    with builder.function("main", [each for own in parameters.values() for each in own]):
        with builder.dataflow():
            results = [
                builder.emit(relax.Call(variable, parameters[name]))
                for name, variable in variables.items()
            ]
            result = builder.emit_output(relax.Tuple(results))
        builder.emit_func_output(result)
    return builder.get()


def _only(module: tvm.IRModule, names: Iterable[str]) -> tvm.IRModule:
    """A module of some of a module's functions."""
    import tvm

    return tvm.IRModule({module.get_global_var(name): module[name] for name in names})


def _generate(module: tvm.IRModule, target: Any) -> Any:
    import tvm

    return tvm.get_global_func("target.build.llvm")(module, target)
