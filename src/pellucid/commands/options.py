"""Arguments and options that commands share, as their help shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import typer

from pellucid.commands.names import DEFAULT_METRICS, data_formats, method_names, metric_names, plot_names

MODEL, DATA, WHAT = "MODEL", "DATA", "The question"

Model: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="package.module:attribute, file.py:attribute, either with () behind to call it, a folder of Hugging "
        "Face's, or a file: .safetensors with --class, .pt2, .pt with --trust.",
        show_default=False,
    ),
]
Data: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A .csv, .parquet, .npy, .npz, .txt with a text in each line, an image, a folder of images, or - for "
        "the standard input.",
        show_default=False,
    ),
]
MaybeData: TypeAlias = Annotated[str, typer.Argument(metavar="[DATA]", help="As for explain; one row is enough.")]

Trust: TypeAlias = Annotated[
    bool, typer.Option("--trust", help="Unpickle MODEL, which runs whatever code it holds.", rich_help_panel=MODEL)
]
Class: TypeAlias = Annotated[
    str,
    typer.Option("--class", metavar="MODULE:CLASS", help="Whose weights MODEL has.", rich_help_panel=MODEL),
]
ClassArguments: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="JSON", help="The arguments of --class: '{\"width\": 3}'.", rich_help_panel=MODEL, show_default=False
    ),
]
Tokenizer: TypeAlias = Annotated[
    str,
    typer.Option(metavar="FOLDER", help="Makes ids of texts; or MODULE:ATTRIBUTE.", rich_help_panel=MODEL),
]
Processor: TypeAlias = Annotated[
    str,
    typer.Option(metavar="FOLDER", help="Makes tensors of images; or MODULE:ATTRIBUTE.", rich_help_panel=MODEL),
]
Device: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=MODEL)
]
Format: TypeAlias = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="NAME",
        help="csv, parquet, npy, npz or text, where the suffix does not say so.",
        rich_help_panel=DATA,
        autocompletion=data_formats,
    ),
]
Key: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="Which array of an .npz.", rich_help_panel=DATA)]
Columns: TypeAlias = Annotated[
    str, typer.Option(metavar="A,B", help="The columns that MODEL takes, in order.", rich_help_panel=DATA)
]
Drop: TypeAlias = Annotated[str, typer.Option(metavar="A,B", help="Columns to leave out.", rich_help_panel=DATA)]
Index: TypeAlias = Annotated[
    str, typer.Option(metavar="A", help="The column that names the rows.", rich_help_panel=DATA)
]
Rows: TypeAlias = Annotated[
    str, typer.Option(metavar="START:STOP", help="Some of the rows, from 0.", rich_help_panel=DATA)
]

Method: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="How; several are compared. See pellucid methods.",
        rich_help_panel=WHAT,
        autocompletion=method_names,
        show_default="auto",
    ),
]
Target: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OUTPUT",
        help="What is explained: a number, or the name of a class; several side by side.",
        rich_help_panel=WHAT,
        show_default="the predicted class",
    ),
]
Baseline: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What DATA is compared with: zero, mean, median, blur, uniform, mask_token, a number, or a file.",
        rich_help_panel=WHAT,
    ),
]
BackgroundFile: TypeAlias = Annotated[
    str, typer.Option(metavar="FILE", help="The data whose mean or range --baseline is.", rich_help_panel=WHAT)
]
Source: TypeAlias = Annotated[
    str,
    typer.Option(metavar="LAYER", help="Attribute to a layer. See pellucid layers.", rich_help_panel=WHAT),
]
Classes: TypeAlias = Annotated[
    str, typer.Option(metavar="A,B", help="The names of the classes, in order.", rich_help_panel=WHAT)
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other parameter of pellucid.explain or of the method, as JSON or text: n_steps=100.",
        rich_help_panel=WHAT,
    ),
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of random numbers.", rich_help_panel=WHAT)]

Out: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH",
        help="Write .csv, .parquet, .json, .html, .png, .svg, .pdf or .pellucid; may be given several times.",
        rich_help_panel="Results",
    ),
]
CheckedOut: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH",
        help="Write .html, .json or .pellucid, with the explanation; may be given several times.",
        rich_help_panel="Results",
    ),
]
Plot: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Which picture: bar, beeswarm ...; the one that suits if not said.",
        rich_help_panel="Results",
        autocompletion=plot_names,
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel="Results")]
Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel="Results")
]

Metric: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="By what; several, a block each: Deletion, MuFidelity ...",
        rich_help_panel=WHAT,
        autocompletion=metric_names,
        show_default=", ".join(DEFAULT_METRICS),
    ),
]
Orders: TypeAlias = Annotated[
    int, typer.Option(min=2, help="How many random orders of features are tried.", rich_help_panel=WHAT)
]

Table: TypeAlias = Mapping[str, tuple[Any, Any]]
"""Options by the names of what they are given to: how they are typed, and their defaults; ... of what is required."""

OF_MODEL: Table = {
    "trust": (Trust, False),
    "class_name": (Class, ""),
    "class_arguments": (ClassArguments, "{}"),
    "tokenizer": (Tokenizer, ""),
    "processor": (Processor, ""),
    "device": (Device, "auto"),
}
OF_DATA: Table = {
    "columns": (Columns, ""),
    "drop": (Drop, ""),
    "index": (Index, ""),
    "rows": (Rows, ""),
    "data_format": (Format, ""),
    "key": (Key, ""),
}
OF_QUESTION: Table = {
    "method": (Method, None),
    "target": (Target, None),
    "baseline": (Baseline, ""),
    "background": (BackgroundFile, ""),
    "source": (Source, ""),
    "classes": (Classes, ""),
    "settings": (Settings, None),
    "seed": (Seed, 0),
}
ASKED: Table = {"model": (Model, ...), "data": (Data, ...), **OF_QUESTION, **OF_DATA, **OF_MODEL}
"""What says which model, which data, and what is asked of them."""
