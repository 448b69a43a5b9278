"""The report of `pellucid demo`: a table in the terminal, charts and a page in a folder."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text
from torch import Tensor

from pellucid.demo.feature_pictures import feature_pictures
from pellucid.demo.findings import Findings, explain
from pellucid.demo.neuron_pictures import neuron_pictures, what_it_looks_at
from pellucid.demo.picture import Picture, as_sentence
from pellucid.demo.summary import Summary
from pellucid.demo.titanic import MEANINGS
from pellucid.plot import DARK, LIGHT, Theme, signed


def report(output: Path, console: Console) -> Path:
    """Explain the Titanic network, print the findings, and write the charts and the page.

    Args:
        output: The folder to write into, created if it is missing.
        console: Where to print.

    Returns:
        The path of the page.
    """
    output.mkdir(parents=True, exist_ok=True)
    with console.status("Explaining the network's predictions ..."):
        findings = explain()
    print_findings(findings, console)
    feature_figures, neuron_figures = feature_pictures(findings), neuron_pictures(findings)
    files = [(picture, theme) for picture in feature_figures + neuron_figures for theme in (LIGHT, DARK)]
    bar = track(files, "Drawing the charts", console=console, transient=True, disable=not console.is_terminal)
    for picture, theme in bar:
        picture.chart.save(output / file_name(picture, theme), theme=theme)
    page = output / "index.html"
    page.write_text(render_page(findings, feature_figures, neuron_figures, output), encoding="utf-8")
    console.print("The report is at", Text(str(page), "bold"), soft_wrap=True)
    return page


def print_findings(findings: Findings, console: Console) -> None:
    """Print the accuracy of the network, the attributions of features and neurons, and their convergence deltas."""
    console.print(
        f"Accuracy: {findings.training_accuracy:.1%} of {len(findings.training)} training passengers, "
        f"{findings.test_accuracy:.1%} of {len(findings.test)} test passengers."
    )
    title = "Integrated Gradients of the predicted probability of survival"
    console.print(_table(title, "feature", "attribution", findings.by_feature(), MEANINGS))
    _print_delta(findings.delta, console)
    title = "Conductance of the first hidden layer for it"
    console.print(_table(title, "neuron", "conductance", findings.neurons.by_neuron()))
    _print_delta(findings.neurons.delta, console)
    for neuron in findings.neurons.shares:
        console.print(as_sentence(what_it_looks_at(findings.neurons, neuron)), highlight=False)


def _table(
    title: str, row_heading: str, attribution: str, summaries: list[Summary], meanings: Mapping[str, str] | None = None
) -> Table:
    table = Table(title=f"\n{title}\n", title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(row_heading)
    if meanings:
        table.add_column("meaning", style="dim")
    for heading in (f"mean\n{attribution}", f"mean\n|{attribution}|", "standard\ndeviation"):
        table.add_column(heading, justify="right")
    for summary in summaries:
        table.add_row(
            summary.name,
            *([meanings[summary.name]] if meanings else []),
            Text(signed(summary.mean, 3), LIGHT.by_sign(summary.mean)),  # shades that dark terminals show as well
            f"{summary.mean_absolute:.3f}",
            f"{summary.standard_deviation:.3f}",
        )
    return table


def _print_delta(delta: Tensor, console: Console) -> None:
    console.print(f"\nConvergence delta: {delta.mean():+.1e} on average, at most {delta.abs().max():.1e} in size.")


def file_name(picture: Picture, theme: Theme) -> str:
    """Name the file of a picture in a theme."""
    return f"{picture.name}.png" if theme is LIGHT else f"{picture.name}-{theme.name}.png"


def render_page(findings: Findings, feature_figures: list[Picture], neuron_figures: list[Picture], folder: Path) -> str:
    """Fill in the template of the page; the pictures in the folder are embedded."""

    def embedded(picture: Picture, theme: Theme) -> str:
        return "data:image/png;base64," + b64encode((folder / file_name(picture, theme)).read_bytes()).decode()

    environment = Environment(
        loader=PackageLoader("pellucid.demo", "data"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["signed"] = signed
    return environment.get_template("page.html.jinja").render(
        findings=findings,
        meanings=MEANINGS,
        feature_figures=feature_figures,
        neuron_figures=neuron_figures,
        embedded=embedded,
        light=LIGHT,
        dark=DARK,
    )
