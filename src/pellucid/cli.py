"""The command line, `pellucid` or `python -m pellucid`; version and usage need no extra."""

import sys
from importlib.util import find_spec

import pellucid
from pellucid.demo.extra import demo_extra

USAGE = """pellucid {version} shows why a PyTorch model predicts what it predicts.

  pellucid --version  print the version
  pellucid demo       explain a network that predicts who survived the Titanic
  pellucid zoo        what every method makes of models with known answers

The commands need pip install "pellucid[demo]".
"""


def main() -> None:
    """Run the command line: the entry point of the installed `pellucid`."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"pellucid {pellucid.__version__}")
    elif arguments in ([], ["--help"]) and find_spec("typer") is None:
        print(USAGE.format(version=pellucid.__version__), end="")
    else:
        with demo_extra():
            from pellucid.commands.app import app
        app()
