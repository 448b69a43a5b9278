"""Pictures and maps as pixels: as large as they are shown, with lines where a sign needs no colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid.plot.arrays import Array
from pellucid.plot.axis import number_text
from pellucid.plot.images import ROUNDING
from pellucid.plot.scene import HATCH

FULL = 255
KEPT_BITS = 0xFC
"""The bits of a photograph's levels that are kept: nobody sees the others, and they take a third of its bytes."""


@dataclass(frozen=True)
class Pictures:
    """Inputs as pictures.

    Args:
        levels: uint8 (B, H, W, 3); None where they are no pictures.
        note: What was done to them.
    """

    levels: Array | None
    note: str = ""


def pictures_of(inputs: Array | None) -> Pictures:
    """Images as pictures, whatever range they have.

    Args:
        inputs: (B, H, W), or (B, C, H, W) of one channel or three; others are no pictures.
    """
    if inputs is None:
        return Pictures(None, "The pictures were not kept.")
    channels = inputs[:, None] if inputs.ndim == 3 else inputs
    if channels.ndim != 4 or channels.shape[1] not in (1, 3) or not channels.size:
        return Pictures(None, f"Inputs of shape {tuple(inputs.shape[1:])} are no pictures: the maps alone are drawn.")
    numbers = np.nan_to_num(channels.astype(float), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    unknown = int((~np.isfinite(channels)).sum())
    notes = [f"Levels of pictures that are NaN or infinite, {unknown}, were drawn as 0."] if unknown else []
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        numbers = numbers * FULL
    elif low < 0 or high > FULL:
        notes.append(f"Pictures were rescaled: their levels are from {number_text(low)} to {number_text(high)}.")
        numbers = (numbers - low) / ((high - low) or 1.0) * FULL
    levels = np.clip(np.rint(numbers), 0, FULL).astype(np.uint8)
    if levels.shape[1] == 1:
        levels = np.repeat(levels, 3, axis=1)
    return Pictures(np.ascontiguousarray(levels.transpose(0, 2, 3, 1)), " ".join(notes))


def size_shown(height: int, width: int, shown_width: float) -> tuple[int, int]:
    """The rows and columns of a picture as it is drawn: a multiple or a part of its own, near to what is shown of it.

    Args:
        height: Its rows.
        width: Its columns.
        shown_width: How wide it is on the page.
    """
    times = shown_width / width
    if times >= 1.5:
        factor = math.ceil(times)
        return height * factor, width * factor
    part = max(1, math.floor(0.9 / times))
    return math.ceil(height / part), math.ceil(width / part)


def resized(array: Array, height: int, width: int) -> Array:
    """An array (h, w, ...) of another size: pixels repeated, or means of blocks; between pixels where neither fits.

    Args:
        array: A picture or a map.
        height: Its new rows.
        width: Its new columns.
    """
    old_height, old_width = array.shape[:2]
    if height % old_height == 0 and width % old_width == 0:
        times = height // old_height, width // old_width
        if times == (1, 1) or min(old_height, old_width) > 32:
            return array.repeat(times[0], axis=0).repeat(times[1], axis=1)
    if old_height > height and old_width > width:
        return _means(array, height, width)
    return _between(_between(array, height, 0), width, 1)


def _means(array: Array, height: int, width: int) -> Array:
    """Means of blocks, of nearly equal sizes."""
    for axis, size in enumerate((height, width)):
        starts = np.floor(np.arange(size) * array.shape[axis] / size).astype(int)
        counts = np.diff(np.append(starts, array.shape[axis]))
        sums = np.add.reduceat(array.astype(float), starts, axis=axis)
        array = sums / counts.reshape([-1 if each == axis else 1 for each in range(array.ndim)])
    return array


def _between(array: Array, size: int, axis: int) -> Array:
    """An array with as many places along an axis, linearly between those there are."""
    old = array.shape[axis]
    places = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, old - 1)
    shares = (places - before).reshape([-1 if each == axis else 1 for each in range(array.ndim)])
    first, second = np.take(array, before, axis), np.take(array, after, axis)
    # What is unknown stays so only where it counts.
    between: Array = np.where(shares == 0, first, first * (1 - shares) + second * shares)
    return between


def grey(levels: Array) -> Array:
    """A picture (H, W, 3) without its colours, and with less contrast, for colours to be seen over it."""
    mean = levels.astype(float) @ [0.299, 0.587, 0.114]
    return np.repeat(mean[:, :, None], 3, axis=2)


def blended(below: Array, above: Array, opacity: Array) -> Array:
    """Levels over others, (H, W, 3).

    Args:
        below: Levels.
        above: Levels.
        opacity: Of what is above, (H, W), from 0 to 1.
    """
    shares = opacity[:, :, None]
    levels: Array = above * shares + below * (1 - shares)
    return levels


def hatched(levels: Array, where: Array, shown_width: float) -> Array:
    """Levels (H, W, 3) with lines across some of them, darker where these are light and lighter where they are dark.

    Args:
        levels: From 0 to 255.
        where: Booleans (H, W).
        shown_width: How wide the picture is on the page.
    """
    if not where.any():
        return levels
    apart = max(4, round(HATCH * levels.shape[1] / shown_width))
    thick = max(1, round(apart / HATCH))
    rows, columns = np.indices(where.shape)
    crossed = where & ((rows + columns) % apart < thick)
    ink = np.where((levels @ [0.299, 0.587, 0.114] > 110)[:, :, None], 0.0, 255.0)
    lines: Array = np.where(crossed[:, :, None], 0.45 * levels + 0.55 * ink, levels)
    return lines


def outlined(levels: Array, where: Array, colour: Array, shown_width: float, *, dashed: bool) -> Array:
    """Levels (H, W, 3) with a line around some of them, with a rim that can be seen on all pictures.

    Args:
        levels: From 0 to 255.
        where: What the line surrounds, booleans (H, W).
        colour: Of the line, (3,).
        shown_width: How wide the picture is on the page.
        dashed: Whether the line has gaps.
    """
    thick = max(1, round(2.0 * levels.shape[1] / shown_width))
    edge = where & ~_shrunk(where, thick)
    rim = _grown(edge, max(1, thick // 2)) & ~edge
    rows, columns = np.indices(where.shape)
    if dashed:
        dashes = (rows + columns) // (3 * thick) % 2 == 0
        edge, rim = edge & dashes, (rim | edge) & ~(edge & dashes)
    levels = np.where(rim[:, :, None], 0.3 * levels + 0.7 * 255.0, levels)
    lines: Array = np.where(edge[:, :, None], colour, levels)
    return lines


def _shrunk(where: Array, steps: int) -> Array:
    return ~_grown(~where, steps)


def _grown(where: Array, steps: int) -> Array:
    """What is within some steps; what is beyond the edges of the picture is as what is at them."""
    for _ in range(steps):
        around = np.pad(where, 1, mode="edge")
        where = where | around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]
    return where


def smoothed(values: Array, radius: int) -> Array:
    """Means of squares of pixels; of those that are known.

    Args:
        values: (H, W).
        radius: How many pixels there are on either side of the middle of a square.
    """
    if radius < 1:
        return values
    for axis in (0, 1):
        sums, counts = (
            _running(part, radius, axis) for part in (np.nan_to_num(values), np.isfinite(values).astype(float))
        )
        values = sums / np.maximum(counts, 1)
    return values


def _running(values: Array, radius: int, axis: int) -> Array:
    margins = [(radius + 1, radius) if each == axis else (0, 0) for each in (0, 1)]
    sums = np.cumsum(np.pad(values, margins), axis=axis)
    size = values.shape[axis]
    last, first = (np.take(sums, range(start, start + size), axis) for start in (2 * radius + 1, 0))
    running: Array = last - first
    return running


def opaque(levels: Array) -> Array:
    """Levels (H, W, 3) as pixels (H, W, 4), all of which are full."""
    rounded = np.clip(np.rint(levels), 0, FULL).astype(np.uint8)
    return np.concatenate([rounded, np.full((*rounded.shape[:2], 1), FULL, np.uint8)], axis=2)


def photograph(levels: Array) -> Array:
    """A picture (H, W, 3) as pixels, in colours few enough for a small file."""
    rounded = np.clip(np.rint(levels), 0, FULL).astype(np.uint8)
    kept = rounded & KEPT_BITS
    return opaque(kept | (kept >> 6))  # white stays white
