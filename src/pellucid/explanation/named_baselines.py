"""Baselines by name, or as a data set, as the engine takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pellucid.core.model.inspection import root_modules
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, format_names, unwrap_single
from pellucid.data import Arrangement
from pellucid.data.frames import is_frame
from pellucid.errors import InvalidArgument, UnknownName
from pellucid.methods import Background, Blur

MOST_ROWS = 100
"""How many baselines of a data set stand for all."""

MOST_OF_BACKGROUND = 10_000
"""How many rows of a data set of torch's a mean or a range is taken of."""

UNIFORM_ROWS = 20
"""How many baselines of random numbers are averaged over."""

BLURRED_SHARE = 1 / 16
"""The standard deviation of the Gaussian that blurs, as a share of the longer side."""


@final
@dataclass(frozen=True, eq=False)
class ChosenBaselines(Summarized):
    """Baselines, and what is said of them.

    Args:
        value: As the engine takes them: None, numbers, tensors, a function or a Background.
        text: What they are, in a few words.
        notes: What a reader must know.
    """

    value: Any
    text: str
    notes: tuple[str, ...] = ()


def baselines_at_layer(baselines: Any, background: Any) -> ChosenBaselines:
    """What stands for absent features of a layer: numbers or tensors there, a Background of such, or a function.

    Args:
        baselines: What users give.
        background: The data that names would refer to, which are inputs of the model.

    Raises:
        InvalidArgument: It is of the inputs, and not of the layer.
    """
    if background is not None or (isinstance(baselines, str | Dataset | DataLoader) and baselines != "zero"):
        raise InvalidArgument(
            f"baselines must be of the layer whose features are taken away: got {summary(baselines)}, of the inputs. "
            "Hint: a tensor of activations, or method='integrated_gradients', whose baselines are inputs."
        )
    return ChosenBaselines(
        None if baselines == "zero" else baselines, "zero" if baselines is None else summary(baselines)
    )


def baselines_of(
    baselines: Any, background: Any, arrangement: Arrangement, seed: int | None, most_rows: int = MOST_ROWS
) -> ChosenBaselines:
    """Baselines as the engine takes them.

    Args:
        baselines: What users give: a name, a data set, or what [Baselines][pellucid.methods.Baselines] may be.
        background: The data that names refer to; None for the inputs themselves.
        arrangement: How the inputs lie.
        seed: Chooses the rows of data sets, and random numbers.
        most_rows: How many rows of a data set may stand for all.

    Raises:
        UnknownName: There are none of this name.
        InvalidArgument: They do not fit the inputs, or `background` would not be used.
    """
    uses_background = isinstance(baselines, str) and baselines in ("mean", "median", "uniform")
    if background is not None and not uses_background:
        raise InvalidArgument(
            f"background is the data of baselines='mean', 'median' and 'uniform': got baselines={summary(baselines)}. "
            "Hint: baselines=background averages over its rows."
        )
    if isinstance(baselines, str):
        return _by_name(baselines, background, arrangement, seed, most_rows)
    if baselines is None:
        return ChosenBaselines(arrangement.baselines(None), "mask token" if arrangement.texts else "zero")
    if isinstance(baselines, Dataset | DataLoader):
        rows, count = _rows_of(baselines, len(arrangement.tensors), seed, most_rows)
        return _of_rows(arrangement.baselines(Background(rows)), count)
    converted = arrangement.baselines(baselines)
    if isinstance(converted, Background):
        return ChosenBaselines(converted, f"{row_count(converted)} rows")
    if not _is_data_set(converted, arrangement):
        return ChosenBaselines(converted, summary(baselines))
    return _drawn(Background(converted), seed, most_rows)


def _is_data_set(converted: Any, arrangement: Arrangement) -> bool:
    """Whether tensors hold other numbers of rows than one, or one for each example; or are the inputs themselves."""
    tensors = converted if isinstance(converted, tuple) else (converted,)
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        return False
    examples = arrangement.tensors[0].shape[0]
    pairs = list(zip(tensors, arrangement.tensors, strict=False))
    if all(tensor.ndim == x.ndim and len(tensor) not in (1, examples) for tensor, x in pairs):
        return True
    return examples > 1 and all(tensor.shape == x.shape and bool((tensor == x).all()) for tensor, x in pairs)


def row_count(background: Background) -> int:
    """How many rows a background has."""
    return int(as_tensor_tuple(background.rows, "rows")[0].shape[1 if background.per_example else 0])


def _drawn(background: Background, seed: int | None, most_rows: int) -> ChosenBaselines:
    """The rows of a data set, or as many as stand for it."""
    count = row_count(background)
    if count <= most_rows:
        return _of_rows(background, count)
    chosen = _choice(count, most_rows, seed)
    rows = tuple(tensor[chosen.to(tensor.device)] for tensor in as_tensor_tuple(background.rows, "rows"))
    return _of_rows(Background(unwrap_single(rows)), count)


def _of_rows(background: Background, count: int) -> ChosenBaselines:
    """Rows out of so many, and a note where they are not all."""
    rows = row_count(background)
    if rows == count:
        return ChosenBaselines(background, f"{count} rows")
    note = (
        f"{rows} of the {count} baselines were drawn and averaged over. "
        "Hint: pellucid.methods.Background(rows) takes all."
    )
    return ChosenBaselines(background, f"{rows} of {count} rows", (note,))


def _generator(seed: int | None) -> torch.Generator | None:
    """The generator of a seed; None for torch's global one."""
    return None if seed is None else torch.Generator(device="cpu").manual_seed(seed)


def _choice(count: int, wanted: int, seed: int | None) -> Tensor:
    """The indices of some of so many rows, in order."""
    return torch.randperm(count, generator=_generator(seed), device="cpu")[:wanted].sort().values


def _rows_of(data: Any, inputs: int, seed: int | None, most_rows: int) -> tuple[Any, int]:
    """Rows of a data set of torch's, and how many there are to choose from.

    An entry is an input, or a tuple of as many as the model has and perhaps a label.

    Raises:
        InvalidArgument: It has no length, or is empty.
    """
    data = data.dataset if isinstance(data, DataLoader) else data
    count = len(data) if hasattr(data, "__len__") else 0
    if not count:
        raise InvalidArgument(
            f"baselines must be a data set of some length: got {type(data).__name__}. Hint: a tensor."
        )
    entries = [data[index] for index in _choice(count, min(count, most_rows), seed).tolist()]
    tuples = [tuple(entry) if isinstance(entry, tuple | list) else (entry,) for entry in entries]
    columns = list(zip(*tuples, strict=True))[:inputs]
    return unwrap_single(tuple(torch.stack([torch.as_tensor(row) for row in column]) for column in columns)), count


def _by_name(name: str, background: Any, arrangement: Arrangement, seed: int | None, most_rows: int) -> ChosenBaselines:
    if name == "mask_token":
        if not arrangement.texts:
            raise InvalidArgument(
                "baselines='mask_token' is for token ids: got none among the inputs. Hint: baselines='zero'."
            )
        return ChosenBaselines(arrangement.baselines(None), "mask token")
    if name not in NAMES:
        raise UnknownName(
            f"baselines must be one of {', '.join([*NAMES, 'mask_token'])}, a data set, tensors or numbers: "
            f"got {name!r}."
        )
    _check_numbers(name, arrangement)
    if name == "zero":
        return ChosenBaselines(unwrap_single(tuple(map(_zero, arrangement.tensors))), "zero")
    if name == "blur":
        return ChosenBaselines(
            unwrap_single(tuple(_blurred(x, arrangement) for x in arrangement.tensors)), "blurred inputs"
        )
    data, notes = _data(name, background, arrangement, seed)
    if name == "uniform":
        rows = _uniform(data, seed, min(UNIFORM_ROWS, most_rows))
        return ChosenBaselines(Background(unwrap_single(rows)), f"{len(rows[0])} rows of random numbers", notes)
    change = _mean if name == "mean" else _median
    return ChosenBaselines(unwrap_single(tuple(map(change, data))), name, notes)


NAMES = ("zero", "mean", "median", "blur", "uniform")
"""Baselines of numbers."""


def _check_numbers(name: str, arrangement: Arrangement) -> None:
    """Check that inputs hold numbers, of which there are means and the like.

    Raises:
        InvalidArgument: They are ids of tokens, or columns of words.
    """
    ids = set(arrangement.texts) - set(arrangement.embedded_texts)
    if ids or (arrangement.texts and name != "zero"):
        raise InvalidArgument(f"baselines={name!r} is for numbers: got token ids. Hint: baselines='mask_token'.")
    words = [column for leaf in arrangement.leaves if leaf.frame is not None for column in leaf.frame.codes]
    if words:
        raise InvalidArgument(
            f"baselines={name!r} is for numbers: the columns {format_names(dict.fromkeys(words))} hold words. "
            "Hint: baselines=inputs.mode().iloc[0], or baselines=training_data, which is averaged over."
        )


def _data(name: str, background: Any, arrangement: Arrangement, seed: int | None) -> tuple[Tensors, tuple[str, ...]]:
    """The data that a name refers to: the background, or the inputs themselves."""
    if background is None:
        examples = arrangement.tensors[0].shape[0]
        if examples < 2:
            raise InvalidArgument(
                f"background must be given for baselines={name!r} of one example: got None. "
                "Hint: background=training_data."
            )
        of = "range" if name == "uniform" else name
        return arrangement.tensors, (f"The {of} is that of the {examples} inputs. Hint: background=training_data.",)
    notes: tuple[str, ...] = ()
    if isinstance(background, Dataset | DataLoader):
        rows_of, count = _rows_of(background, len(arrangement.tensors), seed, MOST_OF_BACKGROUND)
        if count > MOST_OF_BACKGROUND:
            notes = (f"The {name} is that of {MOST_OF_BACKGROUND} of the {count} rows of the background.",)
        background = Background(rows_of)
    return _rows_like_inputs(background, arrangement), notes


def _rows_like_inputs(background: Any, arrangement: Arrangement) -> Tensors:
    """The rows of a background as tensors.

    Raises:
        InvalidArgument: They are not like the inputs.
    """
    if isinstance(background, Background):
        converted = arrangement.baselines(background)
    elif isinstance(background, Mapping) or is_frame(background):
        converted = Background(arrangement.baselines(background))
    else:
        is_tensors = isinstance(background, Tensor | tuple)
        converted = arrangement.baselines(Background(background if is_tensors else torch.as_tensor(background)))
    rows = as_tensor_tuple(converted.rows, "background")
    shapes, got = ([tuple(each.shape[1:]) for each in tensors] for tensors in (arrangement.tensors, rows))
    if got != shapes:
        raise InvalidArgument(f"background must have rows like the inputs, {shapes}: got {got}.")
    return rows


def _zero(x: Tensor) -> Tensor:
    return torch.zeros_like(x[:1])


def _mean(rows: Tensor) -> Tensor:
    return _as_rows(rows.double().mean(0, keepdim=True), rows)


def _median(rows: Tensor) -> Tensor:
    return _as_rows(rows.double().quantile(0.5, dim=0, keepdim=True), rows)


def _as_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Values in the dtype of floats; those of integers may be fractions."""
    return values.to(rows.dtype if rows.is_floating_point() else torch.get_default_dtype())


def _blurred(x: Tensor, arrangement: Arrangement) -> Tensor:
    """Inputs without their detail.

    Raises:
        InvalidArgument: They have no space to be blurred in.
    """
    if x.ndim < 3:
        raise InvalidArgument(
            f"baselines='blur' is for images and series: got {tuple(x.shape)}. Hint: baselines='mean'."
        )
    steps_come_first = x.ndim == 3 and not has_channels_first(arrangement.model, x)
    dimensions = (1,) if steps_come_first else tuple(range(2, x.ndim))
    sigma = max(1.0, BLURRED_SHARE * max(x.shape[dimension] for dimension in dimensions))
    return Blur(sigma, dimensions).replacement(x)


def has_channels_first(model: Any, x: Tensor) -> bool:
    """Whether a series (B, ...) is (B, channels, steps): where the first layer of the model is a convolution of it.

    Args:
        model: The user's model.
        x: The series.
    """
    modules = (module for root in root_modules(model) for module in root.modules())
    first = next((module for module in modules if module._parameters), None)
    return isinstance(first, nn.Conv1d) and first.in_channels == x.shape[1]


def _uniform(data: Tensors, seed: int | None, count: int) -> Tensors:
    """Rows of random numbers, each between the lowest and the highest value of its feature."""
    generator = _generator(seed)
    drawn = []
    for rows in data:
        low, high = rows.amin(0).double(), rows.amax(0).double()
        shares = torch.rand((count, *rows.shape[1:]), generator=generator, device="cpu").to(rows.device).double()
        if not rows.is_floating_point():  # integers from the lowest to the highest, all as likely
            drawn.append((low + (shares * (high - low + 1)).floor().clamp(max=high - low)).to(rows.dtype))
            continue
        drawn.append((low + shares * (high - low)).to(rows.dtype))
    return tuple(drawn)
