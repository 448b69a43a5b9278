"""`python -m pellucid.compat script.py`: a program that is written for Captum, as it is, on pellucid."""

from __future__ import annotations

import argparse
import os
import runpy
import sys

from pellucid.compat.finder import install


def main() -> None:
    """Install, then run a script or a module as Python would; its exit code is the program's."""
    parser = argparse.ArgumentParser(
        prog="python -m pellucid.compat",
        usage="%(prog)s [--fallback] (script.py | -m module) [arguments ...]",
        description="Run a program that imports Captum on pellucid.",
    )
    parser.add_argument("--fallback", action="store_true", help="an installed Captum lends what pellucid lacks")
    parser.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, help="a module, such as pytest, and its arguments"
    )
    parser.add_argument("script", nargs=argparse.REMAINDER, help="a script and its arguments")
    chosen = parser.parse_args()
    if chosen.module:
        sys.argv = chosen.module
        install(fallback=chosen.fallback)
        runpy.run_module(chosen.module[0], run_name="__main__", alter_sys=True)
    elif chosen.script:
        sys.argv = chosen.script
        sys.path[0] = os.path.dirname(os.path.abspath(chosen.script[0]))
        install(fallback=chosen.fallback)
        runpy.run_path(chosen.script[0], run_name="__main__")
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
