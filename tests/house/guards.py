"""What the house asks of names, classes, functions and imports: each checker says who offends, and by how much."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal, TypeAlias

import torch
from torch.nn import functional

from house.source import Source

PUBLIC_MEMBERS = 15
PARAMETERS = 8
DECISION_POINTS = 12

NAMING_NOTHING = {
    "each",
    "every",
    "found",
    "given",
    "here",
    "other",
    "others",
    "own",
    "part",
    "place",
    "places",
    "rest",
    "some",
    "there",
    "told",
}
"""Words that are no names, as they say nothing about what bears them."""

NameKind: TypeAlias = Literal["definition", "method", "field", "parameter", "variable"]
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = Function | ast.ClassDef

DECOMPOSITIONS = ("core/composites.py", "core/recurrent.py", "core/rules/decompositions/")
"""Files whose functions stand for torch's, bear their names and take their arguments."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)


def engine(sources: Iterable[Source]) -> list[Source]:
    """Those of core and methods."""
    return [source for source in sources if source.name.startswith(("core/", "methods/"))]


def takes_what_others_take(source: Source) -> bool:
    """Whether its functions take what Captum's take, or torch's."""
    facade = source.name.startswith("attr/") and not source.path.name.startswith("_")
    return facade or source.name.startswith(("compat/private/", "models/", *DECOMPOSITIONS))


# ---------------------------------------------------------------------------------------------------------------- names


def repeated_names(sources: Iterable[Source]) -> set[str]:
    """Names that several files give to something at module level; those of torch's in decompositions aside."""
    files = defaultdict(set)
    for source in sources:
        for name in definitions(source.tree):
            if not (source.name.startswith(DECOMPOSITIONS) and _is_of_torch(name)):
                files[name].add(source.name)
    return {name for name, homes in files.items() if len(homes) > 1}


def definitions(module: ast.Module) -> set[str]:
    """Classes, functions, constants and aliases of a module, also those under a condition, but no type variables."""
    return {name for name in _defined(module.body) if not _is_magic(name)}


def _is_magic(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _defined(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, _DEFINITIONS):
            yield statement.name
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and not _is_type_variable(statement.value):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
            yield from (name.id for name in names if isinstance(name.ctx, ast.Store))
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _defined([node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)])
            for handler in getattr(statement, "handlers", []):
                yield from _defined(handler.body)


def _is_type_variable(value: ast.expr | None) -> bool:
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in {"TypeVar", "ParamSpec", "TypeVarTuple"}
    )


def _is_of_torch(name: str) -> bool:
    return any(hasattr(home, name) for home in (torch, functional, torch.Tensor))


def names_that_say_nothing(
    sources: Iterable[Source], kinds: Collection[NameKind], words: Collection[str] = NAMING_NOTHING
) -> set[str]:
    """Who bears one of these words as a name, `core/budget.py: Budget.of(each)`; arguments of torch's aside."""
    return {
        f"{source.name}: {label}"
        for source in sources
        for kind, label, name in bearers(source.tree)
        if kind in kinds and name.strip("_").lower() in words
        if not (kind == "parameter" and source.name.startswith(DECOMPOSITIONS))
    }


def bearers(module: ast.Module) -> Iterator[tuple[NameKind, str, str]]:
    """What has a name in a module: its kind, how to tell it from all others, and the name."""
    for name in definitions(module):
        yield "definition", name, name
    for label, owner, node in _walk(module):
        if isinstance(node, ast.ClassDef):
            for name in _fields(node):
                yield "field", f"{label}.{name}", name
        else:
            if isinstance(owner, ast.ClassDef):
                yield "method", label, node.name
            for name in parameters(node):
                if (name, _is_magic(node.name)) != ("other", True):  # that is what Python's own pages call it
                    yield "parameter", f"{label}({name})", name
    for label, name in _variables(module):
        yield "variable", f"{label}: {name}" if label else name, name


def _variables(tree: ast.AST, label: str = "", local: bool = False) -> Iterator[tuple[str, str]]:
    """The names that are bound inside functions, in comprehensions and by lambdas, and what they are bound in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _DEFINITIONS):
            yield from _variables(node, f"{label}.{node.name}".lstrip("."), isinstance(node, _FUNCTIONS))
            continue
        if local and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield label, node.id
        if isinstance(node, ast.Lambda):
            yield from ((label, argument.arg) for argument in ast.walk(node.args) if isinstance(argument, ast.arg))
        yield from _variables(node, label, local or isinstance(node, ast.comprehension))


def _fields(node: ast.ClassDef) -> list[str]:
    annotated = [statement.target for statement in node.body if isinstance(statement, ast.AnnAssign)]
    return [target.id for target in annotated if isinstance(target, ast.Name)]


# ---------------------------------------------------------------------------------------------- classes and functions


def public_members(sources: Iterable[Source], most: int = PUBLIC_MEMBERS) -> dict[str, int]:
    """Classes with more public methods and properties of their own, and how many they have; those of plots aside."""
    counted = (source for source in sources if not source.name.startswith("plot/"))
    return _above(most, counted, ast.ClassDef, lambda node: len(_public_members(node)))


def _public_members(node: ast.ClassDef) -> set[str]:
    return {member.name for member in node.body if isinstance(member, _FUNCTIONS) and not member.name.startswith("_")}


def _above(
    most: int, sources: Iterable[Source], kinds: type[ast.AST] | tuple[type[ast.AST], ...], measure: Callable[..., int]
) -> dict[str, int]:
    """Those of some kinds that measure more; where several have one name, as a property's parts have, the largest."""
    sizes: dict[str, int] = defaultdict(int)
    for source in sources:
        for label, _, node in _walk(source.tree):
            if isinstance(node, kinds):
                sizes[f"{source.name}: {label}"] = max(sizes[f"{source.name}: {label}"], measure(node))
    return {label: size for label, size in sizes.items() if size > most}


def many_parameters(
    sources: Iterable[Source], most: int = PARAMETERS, written_out: Collection[str] = frozenset()
) -> dict[str, int]:
    """Functions with more parameters, and how many; signatures of Captum's, of torch's and of issues aside."""
    counted = (source for source in sources if not takes_what_others_take(source))
    counts = _above(most, counted, _FUNCTIONS, lambda node: len(parameters(node)))
    return {label: count for label, count in counts.items() if label not in written_out}


def parameters(function: Function) -> list[str]:
    """The names of what a function takes, without `self` and `cls`."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    names = [argument.arg for argument in listed if argument]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def many_decisions(sources: Iterable[Source], most: int = DECISION_POINTS) -> dict[str, int]:
    """Functions with more decision points, and how many."""
    return _above(most, sources, _FUNCTIONS, decision_points)


def decision_points(function: Function) -> int:
    """How often a function decides something, those defined in it aside."""
    return sum(_decisions(node) for statement in function.body for node in _own_nodes(statement))


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, _DEFINITIONS):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _own_nodes(child)


def _decisions(node: ast.AST) -> int:
    match node:
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While() | ast.ExceptHandler() | ast.IfExp() | ast.match_case():
            return 1
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.comprehension():
            return 1 + len(node.ifs)
        case _:
            return 0


def _walk(tree: ast.AST, prefix: str = "", owner: ast.AST | None = None) -> Iterator[tuple[str, ast.AST, Definition]]:
    """All classes and functions, with their names from the module on and what they are defined in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _DEFINITIONS):
            label = f"{prefix}{node.name}"
            yield label, owner or tree, node
            yield from _walk(node, f"{label}.", node)
        else:
            yield from _walk(node, prefix, owner or tree)


# -------------------------------------------------------------------------------------------------------------- imports


def circles(sources: Iterable[Source]) -> set[str]:
    """Modules that import each other, directly or not, also inside functions and for types alone: `a <-> b`."""
    sources = list(sources)
    modules = {source.module for source in sources}
    arrows = {source.module: _imported(source, modules) for source in sources}
    reached = {module: _reached(module, arrows.__getitem__) for module in modules}
    groups = {frozenset(other for other in ahead if module in reached[other]) for module, ahead in reached.items()}
    return {" <-> ".join(sorted(name.removeprefix("pellucid.") for name in group)) for group in groups if group}


def _imported(source: Source, modules: set[str]) -> set[str]:
    """The modules that a file imports; the package that it lies in comes first anyway."""
    return {name for name, _ in source.imported() if name in modules and not f"{source.module}.".startswith(f"{name}.")}


def _reached(start: str, arrows: Callable[[str], set[str]]) -> set[str]:
    """All that lies along arrows from a module; itself only where a circle leads back."""
    reached: set[str] = set()
    ahead = set(arrows(start))
    while ahead:
        module = ahead.pop()
        reached.add(module)
        ahead |= arrows(module) - reached
    return reached


def wrong_arrows(sources: Iterable[Source], rows: list[set[str]]) -> set[str]:
    """Imports of what is not in a higher row, by modules that have a place in one: `core.games -> core.evaluation`.

    Args:
        sources: The files.
        rows: Dotted names below `pellucid`, of packages and modules; what lies deeper belongs to them.
    """
    level = {name: number for number, row in enumerate(rows) for name in row}
    return {
        f"{part} -> {imported}"
        for source in sources
        if (part := part_of(source.module, level))
        for name, _ in source.imported()
        if (imported := part_of(name, level)) and imported != part and level[imported] >= level[part]
    }


def part_of(module: str, parts: Collection[str]) -> str | None:
    """The longest of some dotted names below `pellucid` that a module is, or lies in."""
    return max((part for part in parts if f"{module}.".startswith(f"pellucid.{part}.")), key=len, default=None)
