"""The commands of the command line, put together."""

from typing import Annotated

import typer

import pellucid
from pellucid.commands.check import check
from pellucid.commands.compare import compare
from pellucid.commands.demo import demo
from pellucid.commands.ends import Commands
from pellucid.commands.explain import explain
from pellucid.commands.extras import extra_needed
from pellucid.commands.layers import layers
from pellucid.commands.methods import methods

app = typer.Typer(name="pellucid", no_args_is_help=True, cls=Commands)

EXAMPLES = """Examples:

pellucid explain churn.py:network customers.csv --drop churned --index name

pellucid explain churn.py:network customers.csv --target leaves --baseline mean --out churn.html --out churn.csv

pellucid explain sentiment/ reviews.txt --method integrated_gradients --method lime --out both.png

tail -n 5 texts.txt | pellucid explain sentiment/ - --format text --json"""


def print_version(wanted: bool) -> None:
    """Print the version and exit, before a command is required."""
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


app.command(epilog=EXAMPLES)(explain)
app.command()(check)
app.command()(compare)
app.command()(methods)
app.command()(layers)
app.command()(demo)


@app.command()
def zoo(
    method: Annotated[list[str] | None, typer.Option(help="A method of the table; may be given several times.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model of the table; may be given several times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of outcomes, with scores and reasons.")] = False,
) -> None:
    """Show what every method makes of models with known answers: in less than a minute, as a table.

    Example: pellucid zoo --method ShapleyValues --method Lime --model "exclusive or"

    Exits with 1 if a method does not keep what it promises.
    """
    with extra_needed("cli"):
        from rich.console import Console

        from pellucid.commands.zoo_table import report
        from pellucid.errors import InvalidArgument

        try:
            kept = report(method or (), model or (), Console(), as_json=as_json)
        except InvalidArgument as error:
            raise typer.BadParameter(str(error)) from error
    raise typer.Exit(0 if kept else 1)
