"""Models as people have them: recommendation with bags of ids, images through processors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import ViTConfig, ViTForImageClassification

from pellucid import attr
from pellucid.errors import InvalidArgument
from zoo.specimens import efficientnet

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
TIGER_CAT = 282


class Recommender(nn.Module):
    """Dense features and bags of ids, whose vectors meet in pairs, as in DLRM."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.bottom = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
        self.bags = nn.ModuleList(nn.EmbeddingBag(size, 8, mode="sum") for size in (20, 30))
        self.top = nn.Sequential(nn.Linear(8 + 3, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, dense: Tensor, ids: list[Tensor], offsets: list[Tensor]) -> Tensor:
        bags = [bag(*given) for bag, *given in zip(self.bags, ids, offsets, strict=True)]
        vectors = torch.stack([self.bottom(dense), *bags], dim=1)
        rows, columns = torch.triu_indices(3, 3, offset=1)
        meetings = (vectors @ vectors.transpose(1, 2))[:, rows, columns]
        return self.top(torch.cat([vectors[:, 0], meetings], dim=1))[:, 0]


def clicks() -> dict[str, Any]:
    """Three visitors, with 2, 1 and 3 ids of the first kind, and 1, 2 and 1 of the second."""
    return {
        "dense": torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
        "ids": [torch.tensor([1, 5, 7, 0, 19, 2]), torch.tensor([3, 29, 11, 8])],
        "offsets": [torch.tensor([0, 2, 3]), torch.tensor([0, 1, 3])],
    }


class OfDense(nn.Module):
    """A wrapper, as people write it, that knows the ids; called with the visitors it knows, all at once."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.ids, self.offsets = model, clicks()["ids"], clicks()["offsets"]

    def forward(self, dense: Tensor) -> Tensor:
        assert len(dense) == 3
        return self.model(dense, self.ids, self.offsets)


@pytest.mark.parametrize(
    "name", ["IntegratedGradients", "DeepLift", "LRP", "ShapleyValues", "FeatureAblation", "KernelShap"]
)
def test_dense_features_beside_bags_of_ids(name: str):
    """Bags cannot be repeated or cut apart, and nobody has to say so."""
    model, inputs = Recommender().double(), clicks()
    seed, whole = ({"seed": 0} if name == "KernelShap" else {}), ({} if name == "LRP" else {"whole_batch": True})
    found = getattr(attr, name)(model).attribute(inputs, **seed)
    by_hand = getattr(attr, name)(OfDense(model)).attribute(inputs["dense"], **seed, **whole)
    torch.testing.assert_close(found["dense"], by_hand, rtol=1e-9, atol=1e-11)
    assert found["ids"] == found["offsets"] == [None, None]
    assert found["dense"].abs().max() > 1e-3


def test_ablated_features_beside_bags_of_ids():
    model, inputs = Recommender().double(), clicks()
    found = attr.FeatureAblation(model).attribute(inputs)["dense"]
    for column in range(4):
        without = inputs["dense"].index_fill(1, torch.tensor([column]), 0)
        torch.testing.assert_close(found[:, column], model(**inputs) - model(**inputs | {"dense": without}))


def photograph(name: str) -> Image.Image:
    with Image.open(PICTURES / f"{name}.jpg") as image:
        return image.copy()


def pixels_of(image: Image.Image) -> Tensor:
    """What EfficientNet-Lite0 takes of an image, (3, 224, 224)."""
    array = np.asarray(image.resize((224, 224)), dtype=np.float32)
    return torch.from_numpy((array - 127) / 128).permute(2, 0, 1)


def test_a_photograph_through_the_processor_of_efficientnet():
    model, image = efficientnet(), photograph("cat")
    found = attr.Saliency(model).attribute(image, target=TIGER_CAT, processor=pixels_of)
    pixels = pixels_of(image)[None]
    torch.testing.assert_close(found, attr.Saliency(model).attribute(pixels, target=TIGER_CAT))
    model.processor = pixels_of
    torch.testing.assert_close(attr.Saliency(model).attribute([image], target=TIGER_CAT), found)


def vision_transformer() -> nn.Module:
    torch.manual_seed(0)
    config = ViTConfig(
        image_size=16, patch_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        id2label={0: "cat", 1: "cup"}, label2id={"cat": 0, "cup": 1},
    )  # fmt: skip
    return ViTForImageClassification(config).eval()


@pytest.mark.newer  # the processor of the lowest transformers is another class, with other resampling
@pytest.mark.parametrize("name", ["IntegratedGradients", "FeatureAblation", "DeepLift"])
@pytest.mark.filterwarnings("ignore:attributions do not add up")
def test_photographs_through_the_processor_of_transformers(name: str):
    processing = pytest.importorskip("transformers.models.vit.image_processing_pil_vit")
    processor = processing.ViTImageProcessorPil(size={"height": 16, "width": 16})
    images = [photograph("cat"), photograph("cup")]
    explainer = getattr(attr, name)(vision_transformer())
    found = explainer.attribute(images, target=["cat", "cup"], processor=processor)
    assert [*found] == ["pixel_values"]
    pixels = processor(images=images, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(found["pixel_values"], explainer.attribute(pixels, target=[0, 1]))
    assert found["pixel_values"].any()


def test_a_photograph_without_a_processor():
    with pytest.raises(InvalidArgument, match=r"inputs must be tensors: got images. Hint: processor=\.\.\., what"):
        attr.Saliency(vision_transformer()).attribute(photograph("cat"), target=0)
