"""Attributions of an image as plain data: a map of them, the image, or the image as far as they light it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, warn
from pellucid.plot.arrays import Array, as_array, check_name
from pellucid.plot.normalization import ScaledValues, Scaling

ImageView: TypeAlias = Literal["heat_map", "blended_heat_map", "original_image", "masked_image", "alpha_scaling"]
"""What is drawn: the map, the map over the image in grey, the image, or the image darkened or made transparent where
attributions are small."""

ROUNDING = 0.01
"""How far beyond 0 and 1 an image between these may be, as where a transform is undone."""

LARGEST_FRACTION = 2.0
"""Images of fractions that are a little above 1 somewhere are no images of levels up to 255."""


@dataclass(frozen=True)
class ImagePlot:
    """What is drawn, from the bottom up.

    Args:
        grey: Levels (H, W), the smallest of which is black and the largest white.
        colours: Levels (H, W, 3), or (H, W, 4) with opacities, from 0 to 255.
        heat: Values (H, W) that become colours.
    """

    grey: Array | None = None
    colours: Array | None = None
    heat: ScaledValues | None = None


def image_plot(attributions: object, image: object, view: ImageView, scaling: Scaling) -> ImagePlot:
    """Attributions of an image, to be drawn.

    Args:
        attributions: One for each pixel, (H, W), or for each channel of each pixel, (H, W, C), which are added up; not
            used to draw the image itself.
        image: Levels (H, W) or (H, W, C), from 0 to 1 or from 0 to 255; not used to draw a map.
        view: What is drawn.
        scaling: How attributions become colours.

    Raises:
        InvalidArgument: An argument is not what it must be, or they do not fit together.
    """
    check_name("view", view, get_args(ImageView))
    if view != "heat_map" and image is None:
        raise InvalidArgument(f"image must be given to draw {view!r}: got None. Hint: 'heat_map' draws none.")
    if view == "original_image":
        return ImagePlot(colours=_colours(_levels(image)).astype(np.uint8))
    if view in ("masked_image", "alpha_scaling") and scaling.sign == "all":
        raise InvalidArgument(
            f"sign must be 'positive', 'negative' or 'absolute_value' for {view!r}, not two signs: got 'all'."
        )
    values = _map(attributions)
    if view == "heat_map":
        return ImagePlot(heat=scaling(values))
    levels = _levels(image)
    _check_sizes(values, levels)
    if view == "blended_heat_map":
        return ImagePlot(grey=levels.mean(2), heat=scaling(values))
    return ImagePlot(colours=_lit(_colours(levels), scaling(values), view))


def _map(attributions: object) -> Array:
    values = as_array("attributions", attributions)
    if values.ndim not in (2, 3) or not values.size:
        raise InvalidArgument(
            f"attributions must be one image's, (H, W) or (H, W, C): got {summary(values)}.{_reshaping(values)}"
        )
    if values.ndim == 3 and values.shape[0] in (1, 3) and min(values.shape[1:]) > 4:
        warn(
            f"Attributions of shape {values.shape} are drawn {values.shape[0]} pixels high. "
            "Hint: channels come last; attributions.permute(1, 2, 0) puts a tensor's there."
        )
    return values.sum(2) if values.ndim == 3 else values


def _reshaping(values: Array) -> str:
    """A hint for attributions of a batch."""
    return " Hint: attributions[0].permute(1, 2, 0) are those of the first example." if values.ndim == 4 else ""


def _levels(image: object) -> Array:
    """An image as levels (H, W, C) from 0 to 255."""
    pixels = as_array("image", image)
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise InvalidArgument(
            f"image must be (H, W) or (H, W, C): got {summary(pixels)}."
            f"{_reshaping(pixels).replace('attributions', 'image')}"
        )
    known = np.isfinite(pixels)
    if not known.all():
        warn(f"{known.size - int(known.sum())} of {known.size} levels of the image are NaN or infinite: drawn black.")
        pixels = np.where(known, pixels, 0)
    return _from_0_to_255(pixels[:, :, None] if pixels.ndim == 2 else pixels)


def _from_0_to_255(pixels: Array) -> Array:
    low, high = float(pixels.min()), float(pixels.max())
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        levels: Array = np.clip((pixels * 255.0).astype(int), 0, 255)
        return levels
    if low >= 0 and high <= 255 and (pixels.dtype.kind in "biu" or high > LARGEST_FRACTION):
        return pixels
    warn(
        f"The image lies between {low:.3g} and {high:.3g}: it is drawn from black at the lowest level to white at the "
        "highest. Hint: undo its normalization, to levels from 0 to 1 or from 0 to 255."
    )
    stretched: Array = (pixels - low) * (255.0 / (high - low) if high > low else 0.0)
    return stretched


def _colours(levels: Array) -> Array:
    """Levels of any number of channels as levels of three colours, or of these and an opacity."""
    channels = levels.shape[2]
    if channels in (3, 4):
        return levels
    if channels > 1:
        warn(f"An image of {channels} channels is drawn in grey: the mean of them.")
    grey: Array = np.repeat(levels.mean(2, keepdims=True), 3, axis=2)
    return grey


def _lit(colours: Array, values: ScaledValues, view: ImageView) -> Array:
    """An image as far as attributions light it."""
    shares = values.shares[:, :, None]
    if view == "masked_image":
        darkened: Array = np.clip((colours * shares).astype(int), 0, 255).astype(np.uint8)
        return darkened
    opacities = colours[:, :, 3:] / 255.0 if colours.shape[2] == 4 else 1.0
    return np.concatenate([colours[:, :, :3], shares * opacities * 255], axis=2).astype(np.uint8)


def _check_sizes(values: Array, levels: Array) -> None:
    if values.shape != levels.shape[:2]:
        raise InvalidArgument(
            f"attributions must be of the image's height and width, {levels.shape[:2]}: got {values.shape}. "
            "Hint: LayerAttribution.interpolate enlarges those of a layer; channels come last, as in "
            "attributions.permute(1, 2, 0)."
        )
