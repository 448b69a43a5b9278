"""Where pictures are shown: a notebook, a terminal or a browser; and pictures that follow the theme of a page."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path

from pellucid.plot.text import Html
from pellucid.plot.theme import DARK, LIGHT, Theme

SWITCH = """<style>
.pellucid-dark{display:none}
@media (prefers-color-scheme:dark){.pellucid-light{display:none}.pellucid-dark{display:block}}
[data-jp-theme-light=true] .pellucid-light,.vscode-light .pellucid-light{display:block}
[data-jp-theme-light=true] .pellucid-dark,.vscode-light .pellucid-dark{display:none}
[data-jp-theme-light=false] .pellucid-light,.vscode-dark .pellucid-light,.dark .pellucid-light{display:none}
[data-jp-theme-light=false] .pellucid-dark,.vscode-dark .pellucid-dark,.dark .pellucid-dark{display:block}
@media print{.pellucid-light{display:block!important}.pellucid-dark{display:none!important}}
</style>"""
"""Which of two pictures a page shows: that of its own theme, as notebooks name it, or else of the reader's system."""


def light_and_dark(picture: Callable[[Theme], str]) -> str:
    """A picture in both themes, of which a page shows the one that suits it; without scripts.

    Args:
        picture: Makes its source.
    """
    both = "".join(f'<div class="pellucid-{theme.name}">{picture(theme)}</div>' for theme in (LIGHT, DARK))
    return SWITCH + both


def shown(page: str, text: Callable[..., str], title: str) -> None:
    """Show something where one is.

    Args:
        page: Its source as a part of a page, for notebooks and browsers.
        text: Makes its text, of `columns` and `coloured`.
        title: What a page of it is called.
    """
    if _in_notebook():
        importlib.import_module("IPython.display").display(Html(page, title))
    elif sys.stdout.isatty() or not sys.stdin or not sys.stdin.isatty():
        columns = min(120, shutil.get_terminal_size().columns)
        print(text(columns=columns, coloured=sys.stdout.isatty()))
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as file:
            file.write(Html(page, title).page())
        webbrowser.open(Path(file.name).as_uri())


def _in_notebook() -> bool:
    """Whether IPython runs in a kernel, whose front end shows pages."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
