"""Images: a folder of them, or one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.commands.data_files.loaded import DataOptions, LoadedData
from pellucid.errors import InvalidFile

MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
"""Of 8 bits for a colour, or fewer: Pillow cuts off what is larger."""

NARROWED = "a .npy of what the model takes"

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def read_folder(label: str, options: DataOptions) -> LoadedData:
    """The images of a folder, by their names.

    Args:
        label: The folder.
        options: Of no use here.

    Raises:
        InvalidFile: There are none, or one cannot be read.
    """
    files = sorted(file for file in Path(label).iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise InvalidFile(f"{label}: there is no image in it. Hint: {', '.join(SUFFIXES)}.")
    suffixes = tuple(dict.fromkeys(file.suffix for file in files))
    listed = f"sorted(file for file in Path({label!r}).iterdir() if file.suffix in {suffixes!r})"
    return _images(label, files, listed)


def read_image(label: str, options: DataOptions) -> LoadedData:
    """An image.

    Args:
        label: The file.
        options: Of no use here.

    Raises:
        InvalidFile: It cannot be read.
    """
    return _images(label, [Path(label)], f"[{label!r}]")


def _images(label: str, files: list[Path], listed: str) -> LoadedData:
    try:
        from PIL import Image
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError('images take Pillow: pip install "pellucid[cli]"', name="PIL") from missing
    images = []
    for file in files:
        try:
            with Image.open(file) as image:
                if image.mode not in MODES:
                    raise InvalidFile(f"{file}: it has more than 8 bits for a colour ({image.mode}). Hint: {NARROWED}.")
                images.append(image.convert("RGB"))
        except InvalidFile:
            raise
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InvalidFile(f"{file}: it is no image, or only a part of one.") from error
    code = (
        "from pathlib import Path",
        "from PIL import Image",
        f'inputs = [Image.open(file).convert("RGB") for file in {listed}]',
    )
    names = tuple(file.name for file in files)
    return LoadedData(inputs=images, kind="images", label=label, code=code, names=names)


def as_tensor(data: LoadedData) -> tuple[Any, tuple[str, ...]]:
    """Images as a model takes them that has no processor: float32 (B, 3, H, W), from 0 to 1; and lines of Python.

    Args:
        data: The images.

    Raises:
        InvalidFile: They have several sizes.
    """
    import numpy as np
    import torch

    first = data.inputs[0].size
    other = next((number for number, image in enumerate(data.inputs) if image.size != first), 0)
    if other:
        width, height = data.inputs[other].size
        raise InvalidFile(
            f"{data.label}: {data.names[other]} has {width} x {height} pixels, and {data.names[0]} {first[0]} x "
            f"{first[1]}. Hint: --processor, what makes tensors of one size."
        )
    arrays = np.stack([np.asarray(image, dtype=np.float32) for image in data.inputs])
    code = (
        "import numpy, torch",
        "arrays = numpy.stack([numpy.asarray(image, dtype=numpy.float32) for image in inputs])",
        "inputs = torch.from_numpy(arrays).movedim(3, 1) / 255",
    )
    return torch.from_numpy(arrays).movedim(3, 1) / 255, code
