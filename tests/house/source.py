"""The library's source, as files and as trees."""

from __future__ import annotations

import ast
import io
import textwrap
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HOME = Path(__file__).parents[2] / "src" / "pellucid"

_NO_CODE = {
    getattr(tokenize, name) for name in ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER", "ENCODING")
}


@dataclass(frozen=True)
class Source:
    """A file of the library."""

    path: Path

    @property
    def name(self) -> str:
        """The path within the library, `core/batching.py`."""
        return self.path.relative_to(HOME).as_posix()

    @property
    def module(self) -> str:
        """The module's name, `pellucid.core.batching`."""
        return ".".join(["pellucid", *self.path.relative_to(HOME).with_suffix("").parts]).removesuffix(".__init__")

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def nodes(self, *kinds: type[ast.AST]) -> list[ast.AST]:
        """All nodes of some kinds."""
        return [node for node in ast.walk(self.tree) if isinstance(node, kinds)]

    def imported(self) -> list[tuple[str, int]]:
        """The modules that it imports, also inside functions, by full names, with their lines."""
        names = []
        for node in self.nodes(ast.Import, ast.ImportFrom):
            if isinstance(node, ast.Import):
                names += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names.append((self._absolute(node), node.lineno))
                names += [(f"{self._absolute(node)}.{alias.name}", node.lineno) for alias in node.names]
        return names

    def _absolute(self, node: ast.ImportFrom) -> str:
        package = self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]
        above = package.rsplit(".", node.level - 1)[0] if node.level else ""
        return ".".join(filter(None, [above, node.module]))

    def code_lines(self) -> int:
        """Lines that are neither blank, nor comments, nor docstrings."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in _NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in self.nodes(ast.Expr):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                lines.difference_update(range(node.lineno, node.end_lineno + 1))
        return len(lines)


SOURCES = [Source(path) for path in sorted(HOME.rglob("*.py"))]


def source_of(text: str, name: str = "core/example.py") -> Source:
    """A file that is not there, of this text, to try the rules on."""
    source = Source(HOME / name)
    vars(source)["text"] = textwrap.dedent(text)  # in place of what the file would be read for
    return source


def places(source: Source, nodes: list[ast.AST]) -> list[str]:
    """Where nodes are, as an editor finds them."""
    return [f"{source.path}:{node.lineno}" for node in nodes]
