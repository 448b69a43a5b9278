"""`pellucid layers MODEL [DATA]`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, final

from pellucid.commands import options
from pellucid.commands.data_files.kinds import data_of
from pellucid.commands.data_files.loaded import DataOptions
from pellucid.commands.ends import write
from pellucid.commands.models.kinds import model_of
from pellucid.commands.models.loaded import ModelOptions
from pellucid.commands.prepared import Prepared, placed, prepared
from pellucid.commands.usage import UsageError


@final
@dataclass(frozen=True)
class Layer:
    """A layer of a model.

    Args:
        name: Its name, as `--source` takes it.
        kind: Its class.
        parameters: How many numbers it has learnt, with those of the layers in it.
        shapes: The shapes of its output, call by call; None where the model was not called.
    """

    name: str
    kind: str
    parameters: int
    shapes: list[tuple[int, ...] | None] | None = None


def layers(
    model: options.Model,
    data: options.MaybeData = "",
    columns: options.Columns = "",
    drop: options.Drop = "",
    index: options.Index = "",
    data_format: options.Format = "",
    key: options.Key = "",
    trust: options.Trust = False,
    class_name: options.Class = "",
    class_arguments: options.ClassArguments = "{}",
    tokenizer: options.Tokenizer = "",
    processor: options.Processor = "",
    device: options.Device = "auto",
    as_json: options.AsJson = False,
) -> None:
    """List the layers of a model, with DATA also the shapes of their outputs."""
    with contextlib.redirect_stdout(sys.stderr):
        loaded = model_of(model, ModelOptions(trust=trust, class_name=class_name, class_arguments=class_arguments))
        listed = _layers_of(loaded.model)
        if data:
            read = data_of(data, DataOptions(format=data_format, key=key, columns=columns, drop=drop, index=index))
            ready = prepared(loaded, read, tokenizer=tokenizer, processor=processor, device=device)
            listed = _with_shapes(listed, ready)
        else:
            placed(loaded.model, device)
    if as_json:
        entries = [
            {name: value for name, value in asdict(layer).items() if value is not None or data} for layer in listed
        ]
        write(json.dumps(entries, indent=2) + "\n")
    else:
        write(_table(listed))


def _layers_of(model: Any) -> list[Layer]:
    """The layers of a module.

    Raises:
        UsageError: It is none.
    """
    from torch import nn

    if not isinstance(model, nn.Module):
        raise UsageError(f"MODEL must be a module of torch to have layers: got {type(model).__name__}.")
    return [
        Layer(name, type(layer).__name__, sum(parameter.numel() for parameter in layer.parameters()))
        for name, layer in model.named_modules()
        if name
    ]


def _with_shapes(listed: list[Layer], ready: Prepared) -> list[Layer]:
    """Layers with the shapes of what they return for the first rows."""
    import torch

    from pellucid.data import Arrangement
    from pellucid.data.arrangement import Reading

    shapes: dict[str, list[tuple[int, ...] | None]] = {}

    def seen(name: str) -> Any:
        def hook(layer: Any, inputs: Any, output: Any) -> None:
            tensors = (value for value in _values(output) if isinstance(value, torch.Tensor))
            shapes.setdefault(name, []).append(next((tuple(tensor.shape) for tensor in tensors), None))

        return hook

    rows = ready.data.inputs[:1]
    arrangement = Arrangement.of(rows, ready.model, Reading(**ready.processing))
    handles = [layer.register_forward_hook(seen(name)) for name, layer in ready.model.named_modules() if name]
    try:
        with torch.no_grad():
            arrangement.adapted_model()(*arrangement.tensors, *arrangement.followers)
    finally:
        for handle in handles:
            handle.remove()
    return [replace(layer, shapes=shapes.get(layer.name, [])) for layer in listed]


def _values(output: Any) -> Iterable[Any]:
    """What a layer returns, one by one: its main tensor comes first."""
    if isinstance(output, Mapping):
        return output.values()
    return output if isinstance(output, tuple | list) else (output,)


def _table(listed: list[Layer]) -> str:
    has_shapes = any(layer.shapes is not None for layer in listed)
    rows = [("layer", "class", "parameters", "output")[: 4 if has_shapes else 3]]
    for layer in listed:
        cells = (layer.name, layer.kind, f"{layer.parameters:,}", _shapes(layer))
        rows.append(cells[: len(rows[0])])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if number == 2 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _shapes(layer: Layer) -> str:
    """The shapes of a layer's output, those of calls that return the same only once."""
    if not layer.shapes:
        return "not called"
    told = dict.fromkeys("no tensor" if shape is None else str(shape) for shape in layer.shapes)
    calls = f", {len(layer.shapes)} calls" if len(layer.shapes) > 1 else ""
    return ", ".join(told) + calls
