"""Baselines by name, or as a data set, as the engine takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, unwrap_single
from pellucid.data import Arrangement
from pellucid.data.frames import is_frame
from pellucid.errors import InvalidArgument, UnknownName
from pellucid.methods import Background, Blur

MOST_ROWS = 100
"""How many baselines of a data set stand for all."""

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
    if isinstance(baselines, torch.utils.data.Dataset | torch.utils.data.DataLoader):
        baselines = _rows_of(baselines, seed)
    if baselines is None:
        return ChosenBaselines(arrangement.baselines(None), "mask token" if arrangement.texts else "zero")
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
        return ChosenBaselines(background, f"{count} rows")
    generator = torch.Generator(device="cpu").manual_seed(seed or 0)
    chosen = torch.randperm(count, generator=generator)[:most_rows].sort().values
    rows = tuple(tensor[chosen.to(tensor.device)] for tensor in as_tensor_tuple(background.rows, "rows"))
    note = (
        f"{most_rows} of the {count} baselines were drawn and averaged over. "
        "Hint: pellucid.methods.Background(rows) takes all."
    )
    return ChosenBaselines(Background(unwrap_single(rows)), f"{most_rows} of {count} rows", (note,))


def _rows_of(data: Any, seed: int | None) -> Any:
    """Inputs out of a data set of torch's, whose entries are inputs, or tuples of inputs and labels."""
    if isinstance(data, torch.utils.data.DataLoader):
        data = data.dataset
    if not hasattr(data, "__len__"):
        raise InvalidArgument(f"baselines must be a data set with a length: got {type(data).__name__}.")
    generator = torch.Generator(device="cpu").manual_seed(seed or 0)
    chosen = torch.randperm(len(data), generator=generator)[:MOST_ROWS].sort().values.tolist()
    entries = [data[index] for index in chosen]
    rows = [entry[0] if isinstance(entry, tuple | list) else entry for entry in entries]
    return torch.stack([torch.as_tensor(row) for row in rows])


def _by_name(name: str, background: Any, arrangement: Arrangement, seed: int | None, most_rows: int) -> ChosenBaselines:
    if name == "mask_token":
        if not arrangement.texts:
            raise InvalidArgument(
                "baselines='mask_token' is for token ids: got none among the inputs. Hint: baselines='zero'."
            )
        return ChosenBaselines(arrangement.baselines(None), "mask token")
    names = {"zero": _zero, "mean": _mean, "median": _median, "blur": _blurred, "uniform": None}
    if name not in names:
        raise UnknownName(
            f"baselines must be one of {', '.join([*names, 'mask_token'])}, a data set, tensors or numbers: "
            f"got {name!r}."
        )
    _check_not_ids(name, arrangement)
    if name == "zero":
        return ChosenBaselines(unwrap_single(tuple(map(_zero, arrangement.tensors))), "zero")
    if name == "blur":
        return ChosenBaselines(unwrap_single(tuple(map(_blurred, arrangement.tensors))), "blurred inputs")
    data, notes = _data(name, background, arrangement)
    if name == "uniform":
        rows = _uniform(data, seed, min(UNIFORM_ROWS, most_rows))
        return ChosenBaselines(Background(unwrap_single(rows)), f"{len(rows[0])} rows of random numbers", notes)
    change = _mean if name == "mean" else _median
    return ChosenBaselines(unwrap_single(tuple(map(change, data))), name, notes)


def _check_not_ids(name: str, arrangement: Arrangement) -> None:
    ids = set(arrangement.texts) - set(arrangement.embedded_texts)
    if ids or (arrangement.texts and name != "zero"):
        raise InvalidArgument(f"baselines={name!r} is for numbers: got token ids. Hint: baselines='mask_token'.")


def _data(name: str, background: Any, arrangement: Arrangement) -> tuple[Tensors, tuple[str, ...]]:
    """The data that a name refers to: the background, or the inputs themselves."""
    if background is None:
        examples = arrangement.tensors[0].shape[0]
        if examples < 2:
            raise InvalidArgument(
                f"background must be given for baselines={name!r} of one example: got None. "
                "Hint: background=training_data."
            )
        return arrangement.tensors, (f"The {name} is that of the {examples} inputs. Hint: background=training_data.",)
    if isinstance(background, torch.utils.data.Dataset | torch.utils.data.DataLoader):
        background = _rows_of(background, None)
    if isinstance(background, Background):
        converted = arrangement.baselines(background)
    elif isinstance(background, Mapping) or is_frame(background):
        converted = Background(arrangement.baselines(background))
    else:
        converted = arrangement.baselines(
            Background(background if isinstance(background, Tensor | tuple) else torch.as_tensor(background))
        )
    rows = as_tensor_tuple(converted.rows, "background")
    shapes = [tuple(x.shape[1:]) for x in arrangement.tensors]
    if [tuple(row.shape[1:]) for row in rows] != shapes:
        got = [tuple(row.shape[1:]) for row in rows]
        raise InvalidArgument(f"background must have rows like the inputs, {shapes}: got {got}.")
    return rows, ()


def _zero(x: Tensor) -> Tensor:
    return torch.zeros_like(x[:1])


def _mean(rows: Tensor) -> Tensor:
    return rows.double().mean(0, keepdim=True).to(rows.dtype)


def _median(rows: Tensor) -> Tensor:
    return rows.double().quantile(0.5, dim=0, keepdim=True).to(rows.dtype)


def _blurred(x: Tensor) -> Tensor:
    """Inputs without their detail.

    Raises:
        InvalidArgument: They have no space to be blurred in.
    """
    if x.ndim < 3:
        raise InvalidArgument(
            f"baselines='blur' is for images and series: got {tuple(x.shape)}. Hint: baselines='mean'."
        )
    return Blur(sigma=max(1.0, BLURRED_SHARE * max(x.shape[2:]))).replacement(x)


def _uniform(data: Tensors, seed: int | None, count: int) -> Tensors:
    """Rows of random numbers, each between the lowest and the highest value of its feature."""
    generator = torch.Generator(device="cpu").manual_seed(seed or 0)
    drawn = []
    for rows in data:
        low, high = rows.amin(0), rows.amax(0)
        shares = torch.rand((count, *rows.shape[1:]), generator=generator, device="cpu").to(rows.device, rows.dtype)
        drawn.append(low + shares * (high - low))
    return tuple(drawn)
