"""The command line, `pellucid` or `python -m pellucid`; version and usage need no extra."""

import sys
from importlib.util import find_spec

import pellucid
from pellucid.commands.extras import extra_needed

USAGE = """pellucid {version} shows why a PyTorch model predicts what it predicts.

  pellucid --version           print the version
  pellucid explain MODEL DATA  explain what a model predicts of data: as tables or files
  pellucid methods             what each method needs, promises and costs
  pellucid layers MODEL        the layers of a model
  pellucid demo NAME           explain a small network, offline: titanic, boston, housing, cancer, diabetes
  pellucid zoo                 what every method makes of models with known answers

The commands need pip install "pellucid[cli]", and the demo "pellucid[demo]".
"""


def main() -> None:
    """Run the command line: the entry point of the installed `pellucid`."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"pellucid {pellucid.__version__}")
    elif arguments in ([], ["--help"]) and find_spec("typer") is None:
        print(USAGE.format(version=pellucid.__version__), end="")
    else:
        with extra_needed("demo" if arguments[:1] == ["demo"] else "cli"):
            from pellucid.commands.app import app
        app()
