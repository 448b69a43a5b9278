"""The guards of names, classes, functions and imports; what breaks them today is listed, and the lists only shrink."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import get_args

import pytest

from house import guards, offenders
from house.guards import NameKind
from house.ratchet import changes, changes_of_names
from house.source import SOURCES, Source, source_of

ENGINE = guards.engine(SOURCES)
ENGINE_AND_FACADE = [source for source in SOURCES if source.name.startswith(("core/", "methods/", "attr/"))]

WRITTEN_OUT: set[str] = {
    "commands/explain.py: explain",
    "commands/layers.py: layers",
    "explanation/explaining.py: explain",
    "metrics/captum/infidelity.py: infidelity",
    "robust/min_param_perturbation.py: MinParamPerturbation.__init__",
    "robust/pgd.py: PGD.perturb",
    "module/binary_concrete.py: BinaryConcreteStochasticGates.__init__",
}
"""Public signatures, `core/problem.py: Problem.of`, that may be long because an issue writes them out."""

# A module of a sub-package imports only from its own row's package and from the rows above.
ROWS = [
    {"core.tensors", "core.futures", "core.restarts"},
    {"core.autograd", "core.pytree"},
    {"core.examples", "core.model"},
    {"core.problem", "core.rules"},
    {"core.batching", "core.random_streams"},
    {"core.evaluation"},
    {"core.games"},
    {"methods.calling"},
    {"methods.backprop", "methods.shapley", "methods.perturbation"},
    {"methods.gradients", "methods.surrogates", "methods.deeplift", "methods.cam"},
    {"methods.attention", "methods.lrp"},
]


def test_no_two_definitions_share_a_name():
    assert changes_of_names(guards.repeated_names(ENGINE), offenders.REPEATED_NAMES) == []


def test_no_class_has_many_public_members():
    assert changes(guards.public_members(SOURCES), offenders.PUBLIC_MEMBERS) == []


def test_no_function_takes_many_parameters():
    assert changes(guards.many_parameters(SOURCES, written_out=WRITTEN_OUT), offenders.PARAMETERS) == []


def test_no_function_decides_much():
    assert changes(guards.many_decisions(SOURCES), offenders.DECISION_POINTS) == []


def test_names_say_something():
    silent = guards.names_that_say_nothing(ENGINE_AND_FACADE, get_args(NameKind))
    assert changes_of_names(silent, offenders.NAMES_THAT_SAY_NOTHING) == []


def test_modules_do_not_import_each_other():
    assert changes_of_names(guards.circles(ENGINE), offenders.CIRCLES) == []


def test_imports_of_sub_packages_point_one_way_only():
    assert guards.wrong_arrows(ENGINE, ROWS) == set()


def test_lists_of_offenders_are_sorted():
    tree = ast.parse((SOURCES[0].path.parents[2] / "tests/house/offenders.py").read_text(encoding="utf-8"))
    literals = [node for node in ast.walk(tree) if isinstance(node, ast.Dict | ast.Set)]
    for literal in literals:
        names = [ast.literal_eval(key) for key in (literal.keys if isinstance(literal, ast.Dict) else literal.elts)]
        assert all(name < following for name, following in pairwise(names))


# ------------------------------------------------------------------------------------------------ what the guards see


@pytest.mark.parametrize(
    ("now", "listed", "expected"),
    [
        ({}, {}, []),
        ({"f": 14}, {"f": 14}, []),
        ({"f": 13}, {"f": 14}, []),
        ({"f": 15}, {"f": 14}, ["mend: f, 15"]),
        ({"f": 14, "g": 20}, {"f": 14}, ["mend: g, 20"]),
        ({"g": 20}, {"f": 14}, ["mend: g, 20", "mended, to be taken off the list: f"]),
    ],
)
def test_lists_only_shrink(now: dict[str, int], listed: dict[str, int], expected: list[str]):
    assert changes(now, listed) == expected


def test_names_that_come_and_go_are_seen():
    assert changes_of_names({"a", "b"}, {"b", "c"}) == ["mend: a, 1", "mended, to be taken off the list: c"]


def test_names_are_compared_across_files():
    first = source_of(
        """
        from typing import ParamSpec, TypeAlias, TypeVar

        __all__ = ["Both"]
        T = TypeVar("T")
        P = ParamSpec("P")
        CONSTANT, _pair = 1, 2
        annotated: int = 3
        Alias: TypeAlias = int

        class Both:
            once = 1

        def function():
            local = 1

        def softmax(): ...
        def normalize(): ...
        if CONSTANT:
            _conditional = 1
        else:
            def otherwise(): ...
        """,
        "core/first.py",
    )
    assert guards.definitions(first.tree) == {
        *("CONSTANT", "_pair", "annotated", "Alias", "Both", "function", "softmax", "normalize"),
        *("_conditional", "otherwise"),
    }
    again = source_of("class Both: ...\nclass Both: ...\nclass Once: ...\nclass Once: ...\n", "methods/again.py")
    assert guards.repeated_names([first, again]) == {"Both"}
    same = source_of(first.text, "methods/first.py")
    assert guards.repeated_names([first, same]) == guards.definitions(first.tree)


def test_decompositions_bear_names_of_torch():
    text = "def softmax(): ...\ndef reduced(input, other): ...\n"
    rules = source_of(text, "methods/rules.py")
    for home in ("core/composites.py", "core/rules/decompositions/normalization.py"):
        decompositions = source_of(text, home)
        assert guards.repeated_names([decompositions, rules]) == {"reduced"}
        assert guards.names_that_say_nothing([decompositions], ["parameter"]) == set()


def test_public_methods_and_properties_are_counted():
    text = """
        class Shape:
            field: int
            other_field: int = 0

            def method(self): ...
            async def coroutine(self): ...
            @property
            def size(self): ...
            @size.setter
            def size(self, value): ...
            @classmethod
            def of(cls): ...
            def _private(self): ...
            def __call__(self):
                def local(): ...

        class Smaller(Shape):
            def method(self): ...
        """
    assert guards.public_members([source_of(text)], most=1) == {"core/example.py: Shape": 4}
    assert guards.public_members([source_of(text)], most=4) == {}
    assert guards.public_members([source_of(text, "plot/example.py")], most=1) == {}


def test_parameters_are_counted():
    text = """
        def function(a, /, b, *rest, c, **more):
            def inner(a, b): ...

        class Class:
            def method(self, a, b, c): ...
            @classmethod
            def of(cls, a, b): ...
            @staticmethod
            def plain(a, b, c): ...
        """
    expected = {"function": 5, "Class.method": 3, "Class.plain": 3}
    counted = {f"core/example.py: {name}": count for name, count in expected.items()}
    assert guards.many_parameters([source_of(text)], most=2) == counted
    written_out = {"core/example.py: function"}
    assert guards.many_parameters([source_of(text)], most=3, written_out=written_out) == {}
    for home in ("attr/lime.py", "models/linear.py", "core/composites.py"):
        assert guards.many_parameters([source_of(text, home)], most=2) == {}
    assert len(guards.many_parameters([source_of(text, "attr/_bases.py")], most=2)) == 3


@pytest.mark.parametrize(
    ("body", "points"),
    [
        ("return a", 0),
        ("if a:\n    pass\nelif b:\n    pass\nelse:\n    pass", 2),
        ("for a in b:\n    while c:\n        pass", 2),
        ("try:\n    pass\nexcept ValueError:\n    pass\nexcept TypeError:\n    pass\nfinally:\n    pass", 2),
        ("return a and b and c or d", 3),
        ("return a if b else c", 1),
        ("return [a for b in c for a in b if a if b]", 4),
        ("return {a: sum(d for d in b) for a, b in c}", 2),
        ("match a:\n    case 1:\n        pass\n    case _ if b:\n        pass", 2),
        ("return lambda x: a if x else b", 1),
        ("def inner():\n    return a if b else c\nreturn inner", 0),
        ("class Inner:\n    def method(self):\n        return a or b", 0),
    ],
)
def test_decision_points_are_counted(body: str, points: int):
    function = ast.parse("def f(a, b, c, d):\n    " + body.replace("\n", "\n    ")).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert guards.decision_points(function) == points


def test_functions_inside_functions_decide_for_themselves():
    text = """
        class Class:
            def method(self):
                if self:
                    def inner(a):
                        return a and a and a
        """
    assert guards.many_decisions([source_of(text)], most=1) == {"core/example.py: Class.method.inner": 2}
    assert len(guards.many_decisions([source_of(text, "attr/lime.py")], most=0)) == 2


BEARERS = source_of(
    """
    Found = int

    class Item:
        place: int
        fine: int

        def told(self, each):
            found = each
            def some(given): ...
            return [place for place, _ in sorted(each, key=lambda other: other[0])]

        def __eq__(self, other): ...
        def like(self, other): ...

    def each_one(_rest): ...
    """
)


@pytest.mark.parametrize(
    ("kind", "silent"),
    [
        ("definition", {"Found"}),
        ("method", {"Item.told"}),
        ("field", {"Item.place"}),
        ("variable", {"Item.told: found", "Item.told: place", "Item.told: other"}),
        ("parameter", {"Item.told(each)", "Item.told.some(given)", "Item.like(other)", "each_one(_rest)"}),
    ],
)
def test_words_that_name_nothing_are_seen(kind: NameKind, silent: set[str]):
    expected = {f"core/example.py: {label}" for label in silent}
    assert guards.names_that_say_nothing([BEARERS], [kind]) == expected


def test_circles_are_seen():
    sources: list[Source] = [
        source_of("", "core/__init__.py"),
        source_of("from pellucid.core.b import thing", "core/a.py"),
        source_of("def f():\n    import pellucid.core.c", "core/b.py"),
        source_of("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import a", "core/c.py"),
        source_of("from pellucid.core import a, b", "core/d.py"),
    ]
    assert guards.circles(sources) == {"core.a <-> core.b <-> core.c"}
    assert guards.circles(sources[:3]) == set()


def test_a_package_is_no_circle_of_what_lies_in_it_and_imports_its_neighbours():
    sources = [
        source_of("from pellucid.methods.a import A", "methods/__init__.py"),
        source_of("from pellucid.methods import b", "methods/a.py"),
        source_of("", "methods/b.py"),
    ]
    assert guards.circles(sources) == set()


def test_rows_hold_for_modules_and_packages():
    rows = [{"core.tensors", "core.batching"}, {"core.model"}, {"methods.shapley"}]
    assert guards.part_of("pellucid.core.model.forward", {"core.model", "core.mode"}) == "core.model"
    assert guards.part_of("pellucid.core.models", {"core.model"}) is None

    def wrong(name: str, text: str) -> set[str]:
        return guards.wrong_arrows([source_of(text, name)], rows)

    up, down = "from pellucid.core.model import forward", "from pellucid.core import tensors"
    assert wrong("core/tensors.py", up) == {"core.tensors -> core.model"}
    assert wrong("core/tensors.py", "from .batching import blocks") == {"core.tensors -> core.batching"}
    assert wrong("core/model/forward.py", down) == wrong("core/model/forward.py", "from . import layers") == set()
    assert wrong("methods/shapley/owen.py", f"{up}\n{down}") == set()
    assert wrong("core/flat.py", up) == set()
