"""MODEL and DATA, made ready for each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

from pellucid.commands.data_files.columns import of_numbers
from pellucid.commands.data_files.images import as_tensor
from pellucid.commands.data_files.loaded import LoadedData
from pellucid.commands.models.loaded import LoadedModel
from pellucid.commands.models.processing import processing_of
from pellucid.commands.processors import in_words, processor_of
from pellucid.commands.usage import UsageError

if TYPE_CHECKING:
    import torch


@final
@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A model on its processor, and data that it can take.

    Args:
        model: The model, in evaluation mode.
        data: The data.
        processing: The tokenizer or processor that it takes, by name.
        code: Lines of Python that make all of these.
        device: Where the model is, in words; "" where it decides that itself.
        notes: What is said of it.
        doubts: What is in doubt.
    """

    model: Any
    data: LoadedData
    processing: Mapping[str, Any] = field(default_factory=dict)
    code: tuple[str, ...]
    device: str
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def prepared(loaded: LoadedModel, data: LoadedData, *, tokenizer: str, processor: str, device: str) -> Prepared:
    """A model and data, made ready for each other.

    Args:
        loaded: The model.
        data: The data.
        tokenizer: What makes ids of texts; "" for that of the model's folder.
        processor: What makes tensors of images; "" for that of the model's folder.
        device: The name of the processor.

    Raises:
        UsageError: They do not go together.
        InvalidFile: The data is not what the model takes.
    """
    where, notes = placed(loaded.model, device)
    evaluated = ("model.eval()",) if notes else ()  # which say that it was in training mode
    what, text = {"texts": ("tokenizer", tokenizer), "images": ("processor", processor)}.get(data.kind, ("", ""))
    maker, code = processing_of(what, text, loaded.folder) if what else (None, ())
    processing = {} if maker is None else {what: maker}
    if data.kind == "texts" and not processing:
        raise UsageError(f"DATA {data.label} holds texts, of which MODEL takes no ids. Hint: --tokenizer FOLDER.")
    return Prepared(
        model=loaded.model,
        data=as_model_takes(data, loaded.model, has_processor=bool(processing)),
        processing=processing,
        code=(*loaded.code, *evaluated, *code),
        device=where,
        notes=notes,
        doubts=loaded.doubts,
    )


def as_model_takes(data: LoadedData, model: Any, *, has_processor: bool) -> LoadedData:
    """Data as a model takes it: numbers where it is one of tensors, images as tensors where nothing else makes them.

    Args:
        data: The data.
        model: The model.
        has_processor: Whether something makes tensors of images.

    Raises:
        InvalidFile: A cell is no number, or images have several sizes.
    """
    import torch
    from torch import nn

    from pellucid.data.estimators import is_estimator

    if data.kind == "table" and not is_estimator(model):
        return of_numbers(data, may_miss=not isinstance(model, nn.Module))
    if data.kind == "images" and not has_processor:
        tensor, code = as_tensor(data)
        return replace(data, inputs=tensor.to(_device_of(model)), code=(*data.code, *code))
    if data.kind == "array" and data.inputs.dtype.kind in "iu" and isinstance(model, nn.Module):  # may be ids of tokens
        ids = torch.from_numpy(data.inputs.astype("int64")).to(_device_of(model))
        code = ("import torch", 'inputs = torch.from_numpy(inputs.astype("int64"))')
        return replace(data, inputs=ids, code=(*data.code, *code))
    return data


def _device_of(model: Any) -> torch.device:
    """Where a module's parameters are."""
    import torch

    parameter = next(iter(model.parameters()), None) if isinstance(model, torch.nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device


def placed(model: Any, device: str) -> tuple[str, tuple[str, ...]]:
    """Move a module to a processor, and have it in evaluation mode.

    Args:
        model: The model, which may be anything.
        device: The name of the processor.

    Returns:
        The processor in words, and what is said of the model.

    Raises:
        UsageError: There is no such processor, or the model cannot be moved.
    """
    from torch import nn

    where = processor_of(device, model)
    if not isinstance(model, nn.Module):
        if where.type != "cpu":
            raise UsageError(f"--device {device}: MODEL is no module of torch, and runs where it says itself.")
        return in_words(where), ()
    model.to(where)
    if not model.training:
        return in_words(where), ()
    model.eval()
    return in_words(where), ("MODEL was in training mode: it is explained in evaluation mode.",)
