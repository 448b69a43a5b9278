"""The rules of the house, as far as a machine can see them."""

from __future__ import annotations

import ast
from collections.abc import Callable

from house.source import SOURCES, Source, places

MOST_LINES = 350

NO_METHODS = {
    f"attr/{name}.py" for name in ("baselines", "dataloader", "embeddings", "stats", "summarizer", "variances")
}
"""Captum's names for what is no attribution method: there is nothing beneath them, and their logic is in `attr`."""
facades = [
    source
    for source in SOURCES
    if source.name.startswith("attr/") and not source.path.name.startswith("_") and source.name not in NO_METHODS
]


def is_overload(node: ast.ClassDef | ast.FunctionDef) -> bool:
    """Whether it is a signature for type checkers alone."""
    return "overload" in map(ast.unparse, node.decorator_list)


def public_definitions(tree: ast.Module | ast.ClassDef) -> list[ast.ClassDef | ast.FunctionDef]:
    """Public functions and classes, and the public methods of these."""
    definitions = [
        node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and not is_overload(node)
    ]
    found = [node for node in definitions if not node.name.startswith("_")]
    return found + [each for node in found if isinstance(node, ast.ClassDef) for each in public_definitions(node)]


# What a protocol documents need not be repeated by those who follow it.
PROTOCOLS = [
    node for source in SOURCES for node in source.nodes(ast.ClassDef) if "Protocol" in map(ast.unparse, node.bases)
]
DOCUMENTED_ONCE = {
    method.name for protocol in PROTOCOLS for method in public_definitions(protocol) if ast.get_docstring(method)
}


def test_the_rules_see_the_files():
    assert len(SOURCES) > 20
    assert {"attr/conductance.py", "attr/gradient.py", "attr/noise.py"} <= {source.name for source in facades}
    assert {source.name for source in SOURCES} >= NO_METHODS


def test_no_file_is_long():
    assert {source.name: lines for source in SOURCES if (lines := source.code_lines()) > MOST_LINES} == {}


def test_lines_of_code_are_counted_without_docstrings_and_comments():
    class Text(Source):
        text = (
            '"""One.\n\nTwo.\n"""\n\n# three\nx = (\n    1,\n)\n\n\ndef f():\n    """Four."""\n    return """a\nb"""\n'
        )

    assert Text(SOURCES[0].path).code_lines() == 3 + 1 + 2


def everywhere(wanted: Callable[[Source], list[ast.AST]], sources: list[Source] = SOURCES) -> list[str]:
    """The places of some nodes of every file."""
    return [place for source in sources for place in places(source, wanted(source))]


def test_no_assert():
    assert everywhere(lambda source: source.nodes(ast.Assert)) == []


def test_nothing_is_left_unimplemented():
    def unimplemented(source: Source) -> list[ast.AST]:
        raised = [node.exc.func if isinstance(node.exc, ast.Call) else node.exc for node in source.nodes(ast.Raise)]
        return [each for each in raised if isinstance(each, ast.Name) and each.id == "NotImplementedError"]

    assert everywhere(unimplemented) == []


def test_no_exception_is_swallowed():
    def raises(handler: ast.ExceptHandler) -> bool:
        return any(isinstance(node, ast.Raise) for statement in handler.body for node in ast.walk(statement))

    def returns_another_answer(handler: ast.ExceptHandler) -> bool:
        """What was tried is done in another way: the last statement returns a call."""
        last = handler.body[-1]
        return isinstance(last, ast.Return) and isinstance(last.value, ast.Call)

    def swallowing(source: Source) -> list[ast.AST]:
        return [
            each
            for each in source.nodes(ast.ExceptHandler)
            if each.type is None or not (raises(each) or returns_another_answer(each))
        ]

    assert everywhere(swallowing) == []
    assert [source.name for source in SOURCES if "suppress" in source.text] == []


def test_facades_decide_nothing():
    deciding = (ast.If, ast.IfExp, ast.Match, ast.While, ast.For, ast.Try, ast.BoolOp)
    assert everywhere(lambda source: source.nodes(*deciding), facades) == []


def test_the_functions_of_facades_are_a_docstring_and_a_statement():
    def long(source: Source) -> list[ast.AST]:
        functions = [node for node in source.nodes(ast.FunctionDef) if node.name != "__init__"]
        return [node for node in functions if len(node.body) - (ast.get_docstring(node) is not None) > 1]

    assert everywhere(long, facades) == []


def test_everything_public_is_documented():
    def bare(source: Source) -> list[ast.AST]:
        found = [node for node in public_definitions(source.tree) if not ast.get_docstring(node)]
        return [node for node in found if node.name not in DOCUMENTED_ONCE]

    assert [source.name for source in SOURCES if source.text and not ast.get_docstring(source.tree)] == []
    assert everywhere(bare) == []


def test_no_file_is_a_drawer_for_everything():
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert [source.name for source in SOURCES if source.path.stem in drawers] == []
