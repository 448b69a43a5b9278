"""Scenes as SVG: texts as text, no scripts, no fonts, nothing to load."""

from __future__ import annotations

import base64
import functools
import struct
import zlib
from collections.abc import Iterable

import numpy as np

from pellucid.plot.arrays import Array
from pellucid.plot.lettering import printable
from pellucid.plot.scene import (
    Dot,
    Line,
    Mark,
    Pixels,
    Place,
    Polygon,
    Rectangle,
    Scene,
    Text,
    dashes_of,
    hatching,
)
from pellucid.plot.text import escaped

FONTS = "'DejaVu Sans',Verdana,system-ui,-apple-system,'Segoe UI',sans-serif"
MIDDLE = 0.35
"""How far below the middle of a line letters stand, as a share of their size."""

PALETTE, UINT8 = 256, 255
"""How many colours a PNG can have in a palette, and the highest level."""


def svg_of(scene: Scene) -> str:
    """The source of a picture that can stand in a page, or in a file of its own.

    Args:
        scene: What is drawn.
    """
    width, height = _number(scene.width), _number(scene.height)
    body = "\n".join(_element(mark, scene) for mark in scene.marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{_written(scene.description)}" '
        f'style="max-width:100%;height:auto;background:{scene.background}" '
        f'font-family="{FONTS}" font-size="{_number(scene.letter)}">\n'
        f'<rect width="100%" height="100%" fill="{scene.background}"/>\n{body}\n</svg>\n'
    )


def png_of(levels: Array) -> bytes:
    """A PNG of pixels: of a palette where they have few colours, and without opacities where all are full.

    Args:
        levels: uint8 (rows, columns, 4): red, green, blue and opacity.
    """
    height, width = levels.shape[:2]
    colours, indices = np.unique(np.ascontiguousarray(levels).view(np.uint32).ravel(), return_inverse=True)
    palette = colours[:, None].view(np.uint8)
    extra: tuple[bytes, ...] = ()
    if len(colours) <= PALETTE:
        rows, kind = indices.astype(np.uint8).reshape(height, width), 3
        extra = (_chunk(b"PLTE", palette[:, :3].tobytes()), _chunk(b"tRNS", palette[:, 3].tobytes()))
    else:
        is_full = bool((levels[:, :, 3] == UINT8).all())
        pixels = levels[:, :, :3] if is_full else levels
        rows, kind = _below(pixels.reshape(height, -1)), 2 if is_full else 6
    filters = np.full((height, 1), 0 if kind == 3 else 2, np.uint8)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    data = zlib.compress(np.concatenate([filters, rows], axis=1).tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [_chunk(b"IHDR", header), *extra, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    )


def _below(rows: Array) -> Array:
    """Rows as what they differ in from those above them, which is smaller once it is compressed."""
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    differences: Array = rows - above  # modulo 256, as PNGs have it
    return differences


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@functools.singledispatch
def _element(mark: Mark, scene: Scene) -> str:
    raise TypeError(f"no mark: {type(mark).__name__}")


@_element.register
def _rectangle(mark: Rectangle, scene: Scene) -> str:
    box = f'x="{_number(mark.x)}" y="{_number(mark.y)}" width="{_number(mark.width)}" height="{_number(mark.height)}"'
    return _with_tip(f'rect {box} fill="{mark.fill}"', "rect", mark.tip) + (
        _hatching(mark, scene) if mark.hatched else ""
    )


def _hatching(mark: Rectangle, scene: Scene) -> str:
    """Lines across a rectangle, in the colour of the background."""
    return "".join(
        f'<path d="M{_path(ends)}" stroke="{scene.background}" stroke-width="1" opacity="0.55"/>'
        for ends in hatching(mark)
    )


@_element.register
def _line(mark: Line, scene: Scene) -> str:
    dashes = f' stroke-dasharray="{" ".join(map(_number, dashes_of(mark)))}"' if mark.dashed else ""
    shape = f'path d="M{_path(mark.places)}" fill="none" stroke="{mark.colour}" stroke-width="{_number(mark.width)}"'
    return _with_tip(f"{shape}{dashes}", "path", mark.tip)


@_element.register
def _polygon(mark: Polygon, scene: Scene) -> str:
    shape = f'path d="M{_path(mark.places)}Z" fill="{mark.fill}" fill-opacity="{_number(mark.opacity)}"'
    return _with_tip(shape, "path", mark.tip)


@_element.register
def _dot(mark: Dot, scene: Scene) -> str:
    look = (
        f'fill="{scene.background}" stroke="{mark.fill}" stroke-width="1.5"' if mark.hollow else f'fill="{mark.fill}"'
    )
    shape = f'circle cx="{_number(mark.x)}" cy="{_number(mark.y)}" r="{_number(mark.radius)}" {look}'
    return _with_tip(shape, "circle", mark.tip)


@_element.register
def _text(mark: Text, scene: Scene) -> str:
    size, x = scene.letter * mark.scale, _number(mark.x)
    y = _number(mark.y + MIDDLE * size)
    turned = ""
    if mark.upright:
        x, y = _number(mark.x + MIDDLE * size), _number(mark.y)
        turned = f' transform="rotate(-90 {x} {y})"'
    weight = ' font-weight="bold"' if mark.bold else ""
    # The anchor is a side of the sheet, whatever the direction that a text is read in.
    return (
        f'<text x="{x}" y="{y}" fill="{mark.colour}" font-size="{_number(size)}" text-anchor="{mark.anchor}"'
        f'{weight}{turned} direction="ltr" xml:space="preserve">{_written(mark.text)}</text>'
    )


@_element.register
def _pixels(mark: Pixels, scene: Scene) -> str:
    source = base64.b64encode(png_of(mark.levels)).decode()
    return (
        f'<image x="{_number(mark.x)}" y="{_number(mark.y)}" width="{_number(mark.width)}" '
        f'height="{_number(mark.height)}" preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'aria-label="{_written(mark.label)}" href="data:image/png;base64,{source}"/>'
    )


def _written(text: str) -> str:
    """A user's text as it stands in XML."""
    return escaped(printable(text))


def _with_tip(opening: str, name: str, tip: str) -> str:
    return f"<{opening}><title>{_written(tip)}</title></{name}>" if tip else f"<{opening}/>"


def _path(places: Iterable[Place]) -> str:
    return "L".join(f"{_number(x)} {_number(y)}" for x, y in places)


def _number(value: float) -> str:
    """A number with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
