"""Charts of explained images."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import get_args

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array, check_name
from pellucid.plot.axis import number_text
from pellucid.plot.charts.map_views import CONTOUR, MapView, Panel
from pellucid.plot.charts.picture_grid import PictureGrid
from pellucid.plot.explained import Explained, ExplainedInput, input_of_kind
from pellucid.plot.headlines import (
    check_examples,
    check_several,
    headline,
    in_unit,
    left_over,
    method_and,
    method_text,
    missing_note,
    note_of,
    title_of_several,
    zero_note,
)
from pellucid.plot.normalization import Sign
from pellucid.plot.raster import Pictures, pictures_of
from pellucid.plot.scale import Scale

MOST_IMAGES = 12


def image(
    explanation: Explained,
    *,
    view: MapView = "overlay",
    sign: Sign = "all",
    outlier_percent: float = 2.0,
    shared_scale: bool = True,
) -> PictureGrid:
    """The images of all examples, each beside what is attributed to its pixels.

    Args:
        explanation: Its first input that is an image is drawn: attributions (B, C, H, W), which are added up over
            channels, or (B, H, W); those of a layer may be smaller than the images.
        view: How attributions are shown; see [MapView][pellucid.plot.MapView].
        sign: Which attributions are shown: `all`, `positive`, `negative` or `absolute_value`.
        outlier_percent: How much of the sum of their sizes may lie beyond the full colours.
        shared_scale: Whether the same colour is the same number for all examples.

    Raises:
        UnknownName: There is no such view, or no such sign.
        InvalidArgument: No input is an image, or there are no examples.
    """
    check_name("view", view, get_args(MapView))
    check_examples(explanation, "image")
    part = input_of_kind(explanation, "image", "image")
    maps = maps_of(part)[:MOST_IMAGES]
    pictures = _kept_pictures([part, *explanation.parts])
    if view == "original" and pictures.levels is None:
        raise InvalidArgument(
            f"view must be 'heat_map' where there are no pictures to draw: got 'original'. {pictures.note} "
            "Hint: plot.image(view='heat_map')."
        )
    whole = Scale.over(maps, sign, outlier_percent)
    scales = [whole if shared_scale else Scale.over([values], sign, outlier_percent) for values in maps]
    groups = tuple(
        _pair(pictures, index, values, scale, view)
        for index, (values, scale) in enumerate(zip(maps, scales, strict=True))
    )
    return PictureGrid(
        title=method_and(explanation, "what each pixel adds") if view != "original" else "What is explained",
        headlines=tuple(headline(explanation, index) for index in range(len(maps))),
        groups=groups,
        scale=whole if shared_scale and view != "original" else None,
        legend="" if view == "original" else _legend(explanation, view, whole, pictures),
        note=note_of(
            *(() if view == "original" else (_stretching(maps, pictures), missing_note(maps), zero_note(whole))),
            pictures.note,
            left_over(len(explanation), len(maps), "examples"),
        ),
    )


def images_side_by_side(
    explanations: Mapping[str, Explained],
    *,
    view: MapView = "overlay",
    sign: Sign = "all",
    outlier_percent: float = 2.0,
    shared_scale: bool = False,
) -> PictureGrid:
    """The same images, each with the maps of several methods.

    Args:
        explanations: By the names of methods; of the same examples.
        view: How attributions are shown; see [MapView][pellucid.plot.MapView].
        sign: Which attributions are shown.
        outlier_percent: How much of the sum of their sizes may lie beyond the full colours.
        shared_scale: Whether the same colour is the same number for all methods, or else each map has its own scale.

    Raises:
        UnknownName: There is no such view, or no such sign.
        InvalidArgument: There are no explanations, they are of different examples, or not of images.
    """
    check_name("view", view, get_args(MapView))
    check_several(explanations, "images_side_by_side")
    first = next(iter(explanations.values()))
    check_examples(first, "images_side_by_side")
    parts = {name: input_of_kind(each, "image", "images_side_by_side") for name, each in explanations.items()}
    pictures = _kept_pictures(parts.values())
    maps = {name: maps_of(part)[:MOST_IMAGES] for name, part in parts.items()}
    whole = Scale.over(itertools.chain(*maps.values()), sign, outlier_percent)
    groups = []
    for index in range(min(len(first), MOST_IMAGES)):
        panels = [] if pictures.levels is None else [Panel(label="original", picture=pictures.levels[index])]
        for name, each in maps.items():
            scale = whole if shared_scale else Scale.over([each[index]], sign, outlier_percent)
            panels.append(_map_panel(method_text(name), pictures, index, each[index], scale, view))
        groups.append(tuple(panels))
    stated = "All maps share one scale." if shared_scale else "Each map has its own scale, below it."
    return PictureGrid(
        title=title_of_several(explanations.values(), "what each pixel adds", is_headed=True),
        headlines=tuple(headline(first, index) for index in range(len(groups))),
        groups=tuple(groups),
        scale=whole if shared_scale else None,
        legend=note_of(stated, _legend(first, view, whole, pictures)),
        note=note_of(
            missing_note(itertools.chain(*maps.values())),
            zero_note(whole),
            pictures.note,
            left_over(len(first), len(groups), "examples"),
        ),
    )


def maps_of(part: ExplainedInput) -> list[Array]:
    """The attributions of each pixel, (H, W) for each example.

    Args:
        part: Attributions (B, C, H, W) or (B, H, W).

    Raises:
        InvalidArgument: They are of another shape, or of no pixels.
    """
    values = part.values
    if values.ndim == 4:
        values = values.sum(axis=1)
    if values.ndim != 3 or not values[0].size:
        raise InvalidArgument(
            f"explanation must be of images, (B, C, H, W) or (B, H, W): got attributions {summary(part.values)}. "
            "Hint: plot.bar()."
        )
    return list(values.astype(float))


def _kept_pictures(parts: Iterable[ExplainedInput]) -> Pictures:
    """The pictures of the first image that was kept; those of a layer are those of the input."""
    kept = next((part.inputs for part in parts if part.kind == "image" and part.inputs is not None), None)
    return pictures_of(None if kept is None else kept[:MOST_IMAGES])


def _pair(pictures: Pictures, index: int, values: Array, scale: Scale, view: MapView) -> tuple[Panel, ...]:
    if pictures.levels is None:
        return (_map_panel("", pictures, index, values, scale, view),)
    original = Panel(label="original", picture=pictures.levels[index])
    if view == "original":
        return (original,)
    return original, _map_panel(view.replace("_", " "), pictures, index, values, scale, view)


def _map_panel(label: str, pictures: Pictures, index: int, values: Array, scale: Scale, view: MapView) -> Panel:
    picture = None if pictures.levels is None else pictures.levels[index]
    return Panel(label=label, picture=picture, values=values, scale=scale, view=view)


def _legend(explanation: Explained, view: MapView, scale: Scale, pictures: Pictures) -> str:
    """What colours are, and what says the sign without them."""
    shown = view if pictures.levels is not None else "heat_map"
    what = {"positive": "Positive attributions", "negative": "Negative attributions", "absolute_value": "Sizes"}
    first = in_unit(f"{what.get(scale.sign, 'Attributions')} of pixels", explanation) + "."
    is_signed = scale.sign in ("all", "negative")
    hatched, largest = "Hatched: negative." * is_signed, number_text(scale.largest)
    lines = {
        "overlay": hatched,
        "heat_map": hatched,
        "contour": f"Lines surround what is above {CONTOUR:.0%} of the largest of each map, smoothed"
        + (", dashed where it is negative" if is_signed else "")
        + f"; the scale ends at {largest}.",
        "masked": f"The smaller, the darker; fully lit from a size of {largest} on. {hatched}".strip(),
        "alpha": f"The smaller, the fainter; fully there from a size of {largest} on. {hatched}".strip(),
    }
    beyond = f"{scale.beyond} {'lies' if scale.beyond == 1 else 'lie'} beyond the scale." if scale.beyond else ""
    return note_of(first, lines.get(shown, ""), beyond)


def _stretching(maps: list[Array], pictures: Pictures) -> str:
    if pictures.levels is None or maps[0].shape == pictures.levels.shape[1:3]:
        return ""
    old, new = maps[0].shape, pictures.levels.shape[1:3]
    return f"Maps of {old[0]} by {old[1]} were stretched to the pictures' {new[0]} by {new[1]}."
