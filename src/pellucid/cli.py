"""The command line: `pellucid demo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pellucid


@contextmanager
def demo_extra() -> Iterator[None]:
    """Turn a package that is not installed into one line that says which extra brings it, and exit code 1."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise SystemExit(f'pellucid: {missing.name} is not installed: pip install "pellucid[demo]"') from missing


# The console script imports this module before it calls `main`, so what the import lacks is said here.
with demo_extra():
    import typer

app = typer.Typer(name="pellucid", no_args_is_help=True, add_completion=False)


def print_version(wanted: bool) -> None:
    """Print the version and exit, before anything asks for a command."""
    if wanted:
        typer.echo(f"pellucid {pellucid.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Shows why a PyTorch model predicts what it predicts."""


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="The folder to write the charts and the page into.")] = Path(
        "pellucid-demo"
    ),
) -> None:
    """Explain a network that predicts who survived the Titanic: offline, in a few seconds."""
    with demo_extra():
        from rich.console import Console

        from pellucid.demo.report import report

        try:
            report(output, Console())
        except OSError as error:
            raise SystemExit(f"pellucid: cannot write the report into {output}: {error.strerror}") from error


def main() -> None:
    """Run the command line; what the installed `pellucid` calls."""
    app()
