"""Maps lie where the layer's places are: pixels, windows, tokens; found by the weights, or as the user says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ConvNextConfig,
    ConvNextForImageClassification,
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    SwinConfig,
    SwinForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

from laws.registry import close
from pellucid import attr
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import (
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    GuidedGradCam,
    HiResCam,
    LayerCam,
    NoiseTunnel,
    Options,
    Problem,
    ScoreCam,
    XGradCam,
)

OF_GRADIENTS = [GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam]
EVERY = [*OF_GRADIENTS, ScoreCam, EigenCam]
every_map = pytest.mark.parametrize("make", EVERY)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(make: Callable[[], nn.Module]) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return make().double().eval()


def vit() -> nn.Module:
    config = ViTConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20, image_size=(16, 24),
        patch_size=4, num_labels=3,
    )  # fmt: skip
    return seeded(lambda: ViTForImageClassification(config))


def swin() -> nn.Module:
    config = SwinConfig(
        image_size=32, patch_size=2, embed_dim=12, depths=[1, 1], num_heads=[2, 2], window_size=4, num_labels=3
    )
    return seeded(lambda: SwinForImageClassification(config))


def convnext() -> nn.Module:
    config = ConvNextConfig(num_stages=2, hidden_sizes=[6, 10], depths=[1, 1], image_size=32, num_labels=3)
    return seeded(lambda: ConvNextForImageClassification(config))


def logit(output: Any) -> Tensor:
    return output.logits[:, 1]


def last(model: nn.Module, kinds: str) -> nn.Module:
    """The last module of a type, or in that of another, whatever this version of the library calls it."""
    for kind in kinds.split():
        model = [module for module in model.modules() if type(module).__name__ == kind][-1]
    return model


PLACES: dict[str, tuple[Callable[[], nn.Module], str, tuple[int, ...], tuple[int, ...]]] = {
    "vit: blocks": (vit, "ViTLayer", (3, 16, 24), (4, 6)),
    "vit: layer norms": (vit, "LayerNorm", (3, 16, 24), (4, 6)),
    "vit: activations": (vit, "GELUActivation", (3, 16, 24), (4, 6)),
    "vit: convolution": (vit, "Conv2d", (3, 16, 24), (4, 6)),
    "vit: embeddings": (vit, "ViTEmbeddings", (3, 16, 24), (4, 6)),
    "swin: blocks": (swin, "SwinLayer", (3, 32, 32), (8, 8)),
    "swin: layer norms": (swin, "LayerNorm", (3, 32, 32), (8, 8)),
    "swin: embeddings": (swin, "SwinEmbeddings", (3, 32, 32), (16, 16)),
    "convnext: blocks": (convnext, "ConvNextLayer", (3, 32, 32), (4, 4)),
    "convnext: channels last": (convnext, "ConvNextLayer Linear", (3, 32, 32), (4, 4)),
    "convnext: activations": (convnext, "GELUActivation", (3, 32, 32), (4, 4)),
}


@pytest.mark.parametrize("name", PLACES)
@every_map
def test_maps_of_real_models(make: Any, name: str):
    build, kind, shape, space = PLACES[name]
    model, x = build(), numbers(2, *shape)
    layer = last(model, kind)
    found = make(relu_attributions=False)(Problem(model, x, target=logit, gradient_at=layer)).values[0]
    assert found.shape == (2, 1, *space)
    assert found.isfinite().all()
    resized = make(relu_attributions=False, interpolate_mode="bilinear")(
        Problem(model, x, target=logit, gradient_at=layer)
    ).values[0]
    close((resized,), (functional.interpolate(found, x.shape[2:], mode="bilinear"),))


def of_vit(tensor: Tensor) -> Tensor:
    """What users of a vision transformer write."""
    return tensor[:, 1:].reshape(len(tensor), 4, 6, -1).permute(0, 3, 1, 2)


@every_map
def test_a_transform_says_the_same_as_the_weights(make: Any):
    model, x = vit(), numbers(2, 3, 16, 24)
    problem = Problem(model, x, target=logit, gradient_at=last(model, "ViTLayer"))
    close(make(reshape_transform=of_vit)(problem).values, make()(problem).values)


def test_a_transform_under_captum_s_names():
    model, x = vit(), numbers(2, 3, 16, 24)
    layer = last(model, "ViTLayer")
    for make in (attr.LayerGradCam, attr.GuidedGradCam):
        found = make(model, layer).attribute(x, logit, reshape_transform=of_vit)
        close((found,), (make(model, layer).attribute(x, logit),))
    assert found.shape == x.shape


class Patches(nn.Module):
    """Patches in a layer of any form, of which the brightest is what is explained."""

    def __init__(self, form: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]):
        super().__init__()
        self.embed, self.norm, self.form, self.back = nn.Conv2d(1, 7, 4, stride=4), nn.LayerNorm(7), form, back
        with torch.no_grad():
            self.embed.weight.fill_(1 / 16)
            self.embed.bias.zero_()
        self.place = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.back(self.place(self.form(self.embed(x))))
        return tokens.square().sum((1, 2)) + 0 * self.norm(tokens).sum((1, 2))


FORMS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "channels second": (lambda x: x, lambda x: x.flatten(2).mT),
    "channels last": (lambda x: x.permute(0, 2, 3, 1), lambda x: x.flatten(1, 2)),
    "tokens": (lambda x: x.flatten(2).mT, lambda x: x),
    "tokens behind a class token": (
        lambda x: torch.cat([9 * x.new_ones(len(x), 1, 7), x.flatten(2).mT], 1),
        lambda x: x[:, 1:],
    ),
}


@pytest.mark.parametrize("form", FORMS)
@every_map
def test_a_bright_patch_is_where_it_is(make: Any, form: str):
    x = torch.zeros(2, 1, 12, 20, dtype=torch.float64)
    x[0, :, 4:8, 12:16] = 1
    x[1, :, 8:, :4] = 1
    (found,) = make()(Problem(Patches(*FORMS[form]).double(), x, gradient_at="place")).values
    assert found.shape == (2, 1, 3, 5)
    assert found.flatten(1).argmax(1).tolist() == [1 * 5 + 3, 2 * 5]
    assert found[0].sum() == found[0].max()


def test_words_have_no_grid():
    config = BertConfig(
        vocab_size=30, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=20, num_labels=3
    )
    model, words = seeded(lambda: BertForSequenceClassification(config)), torch.arange(14).reshape(2, 7)
    for make in (*OF_GRADIENTS, EigenCam):
        problem = Problem(model, words, target=logit, gradient_at=last(model, "BertLayer"))
        assert make()(problem).values[0].shape == (2, 1, 7)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(5, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0]).sum(1)


@every_map
def test_time_steps_of_tokens_and_of_the_inputs(make: Any):
    model, x = seeded(Recurrent), numbers(3, 6, 5)
    problem = Problem(model, x, target=0, gradient_at="head")
    maps = make(relu_attributions=False, interpolate_mode="linear")(problem).values
    assert maps[0].shape == (3, 1, 6)


class TimeFirst(nn.Module):
    """A recurrent layer whose examples are the second dimension, with a state for each of its own layers."""

    def __init__(self, layers: int = 1):
        super().__init__()
        self.lstm, self.head = nn.LSTM(5, 4, num_layers=layers), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x.transpose(0, 1))[0]).tanh().cumsum(0)[-1]


@every_map
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("examples", "steps"), [(1, 4), (4, 4), (4, 6), (4, 8), (2, 6)])
def test_layers_of_time_first(make: Any, examples: int, steps: int, layers: int):
    """Each example has the map that it has alone, whatever sizes happen to be equal."""
    model, x = seeded(lambda: TimeFirst(layers)), numbers(examples, steps, 5)
    method = make(relu_attributions=False)
    maps = method(Problem(model, x, target=1, gradient_at="lstm")).values
    assert [each.shape for each in maps] == [(examples, 1, steps), (examples, 1, layers), (examples, 1, layers)]
    alone = [method(Problem(model, x[i : i + 1], target=1, gradient_at="lstm")).values for i in range(examples)]
    close(maps, tuple(map(torch.cat, zip(*alone, strict=True))))


class Turned(nn.Module):
    """Nothing but one tensor of time first at its layer."""

    def __init__(self):
        super().__init__()
        self.norm, self.head = nn.LayerNorm(5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x.transpose(0, 1))).tanh().cumsum(0)[-1]


@every_map
@pytest.mark.parametrize("internal_batch_size", [None, 1, 3])
def test_chunks_of_time_first(make: Any, internal_batch_size: int | None):
    """As many steps as rows of the batch or of a chunk: whole batches are asked for where a chunk does not tell."""
    model, x = seeded(Turned), numbers(6, 3, 5)
    options = Options(internal_batch_size=internal_batch_size)
    (found,) = make()(Problem(model, x, target=1, gradient_at="norm", options=options)).values
    close(
        (found,),
        (torch.cat([make()(Problem(model, x[i : i + 1], target=1, gradient_at="norm")).values[0] for i in range(6)]),),
    )


@every_map
def test_as_many_steps_or_channels_as_examples_where_they_come_first(make: Any):
    for model, layer, x in (
        (seeded(Recurrent), "lstm", numbers(4, 4, 5)),
        (seeded(Recurrent), "head", numbers(4, 4, 5)),
        (seeded(lambda: nn.Sequential(nn.Conv1d(5, 4, 1), nn.Tanh(), nn.Flatten())), "1", numbers(4, 5, 6)),
    ):
        (found, *_) = make()(Problem(model, x, target=1, gradient_at=layer)).values
        alone = [make()(Problem(model, x[i : i + 1], target=1, gradient_at=layer)).values[0] for i in range(4)]
        close((found,), (torch.cat(alone),))


def test_a_layer_of_whole_batches_that_may_be_either_is_refused():
    model, x = seeded(Turned), numbers(4, 4, 5)
    problem = Problem(model, x, target=1, gradient_at="norm", options=Options(whole_batch=True))
    with pytest.raises(
        InvalidArgument, match=r"reshape_transform must say .*\(4, 4, 5\) counts the 4 examples. Hint: "
    ):
        GradCam()(problem)
    found = GradCam(reshape_transform=lambda h: h.permute(1, 2, 0))(problem).values
    close(found, GradCam()(Problem(model, x, target=1, gradient_at="norm")).values)


def test_a_layer_without_a_row_for_each_example_is_refused_as_masks():
    class Windows(nn.Module):
        def __init__(self):
            super().__init__()
            self.windows = nn.Linear(5, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.windows(x.reshape(-1, 2, 5)).reshape(len(x), -1)

    with pytest.raises(InvalidArgument, match=r"each of the 3 examples: got \(6, 5, 2\).*Hint: .*reshape_transform"):
        ScoreCam()(Problem(seeded(Windows), numbers(3, 4, 5), target=1, gradient_at="windows"))


@pytest.mark.parametrize("make", [*OF_GRADIENTS, EigenCam])
def test_where_there_is_no_space_each_example_has_one_number(make: Any):
    model, x = seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))), numbers(3, 4)
    assert make()(Problem(model, x, target=0, gradient_at="0")).values[0].shape == (3, 1)


class Segmenting(nn.Module):
    """A value for each class and pixel, and boxes beside them."""

    def __init__(self):
        super().__init__()
        self.features, self.head = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> dict[str, Any]:
        hidden = self.features(x).tanh()
        pixels = self.head(hidden)
        return {"out": pixels, "boxes": [{"scores": each.amax((1, 2))} for each in pixels]}


TARGETS: dict[str, Callable[[Any], Tensor]] = {
    "a class where it is predicted": lambda found: (found["out"][:, 2] * (found["out"].argmax(1) == 2)).sum((1, 2)),
    "a pixel": lambda found: found["out"][:, 1, 3, 4],
    "the best box": lambda found: torch.stack([box["scores"].max() for box in found["boxes"]]),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@every_map
def test_dense_outputs(make: Any, target: Callable[[Any], Tensor]):
    model, x = seeded(Segmenting), numbers(2, 2, 6, 7)
    (found,) = make(relu_attributions=False)(Problem(model, x, target=target, gradient_at="features")).values
    assert found.shape == (2, 1, 6, 7)
    assert found.any()


def test_a_pixel_s_map_is_where_the_pixel_is():
    problem = Problem(seeded(Segmenting), numbers(2, 2, 6, 7), target=TARGETS["a pixel"], gradient_at="features")
    (found,) = HiResCam(relu_attributions=False)(problem).values
    elsewhere = torch.ones(6, 7, dtype=torch.bool)
    elsewhere[3, 4] = False
    assert found[:, 0, 3, 4].all()
    assert not found[..., elsewhere].any()


def test_hires_cam_is_complete_where_the_rest_is_linear():
    model = seeded(lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3, bias=False)))
    x = numbers(3, 2, 6, 6)
    (found,) = HiResCam(relu_attributions=False)(Problem(model, x, target=1, gradient_at="1")).values
    close((found.sum((1, 2, 3)),), (model(x)[:, 1].detach(),))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=lambda dtype: str(dtype)[6:])
@every_map
def test_halves(make: Any, dtype: torch.dtype):
    model, x = seeded(Segmenting), numbers(2, 2, 6, 7)
    target = TARGETS["a pixel"]
    half = make()(Problem(model.to(dtype), x.to(dtype), target=target, gradient_at="features")).values[0]
    full = make()(Problem(model.double(), x.to(dtype).double(), target=target, gradient_at="features")).values[0]
    assert half.dtype == dtype
    torch.testing.assert_close(half.double(), full, rtol=0.1, atol=0.05 * full.max().item())


def test_eigen_cam_does_not_run_what_comes_behind():
    model = seeded(Segmenting)
    x = numbers(2, 2, 6, 7)
    EigenCam()(Problem(model, x, gradient_at="features"))
    model.head.register_forward_hook(lambda *_: pytest.fail("the head has run"))
    EigenCam()(Problem(model, x, gradient_at="features"))


@every_map
def test_under_noise(make: Any):
    model, x = seeded(Segmenting), numbers(2, 2, 6, 7)
    problem = Problem(model, x, target=TARGETS["a pixel"], gradient_at="features")
    quiet, noisy = (
        NoiseTunnel(attribution_method=make(), nt_samples=3, stdevs=s, seed=1)(problem).values for s in (0.0, 0.5)
    )
    close(quiet, make()(problem).values)
    assert not torch.equal(noisy[0], quiet[0])


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.head, self.side = nn.Conv2d(1, 4, 3), nn.Linear(4, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head(self.features(x).relu().mean((2, 3))) + self.side(y)


def test_inputs_that_are_no_images_have_no_guided_maps():
    model, inputs = seeded(Images), (numbers(2, 1, 6, 6), numbers(2, 3))
    with pytest.warns(PellucidWarning, match=r"the layer's map cannot be resized to inputs\[1\]"):
        found = attr.GuidedGradCam(model, "features").attribute(inputs, 1)
    assert [each.shape for each in found] == [inputs[0].shape, (0,)]


AT_HEAD, AT_FEATURES = {"gradient_at": "head"}, {"gradient_at": "features"}


@pytest.mark.parametrize(
    ("method", "problem", "says"),
    [
        (GuidedGradCam(), AT_HEAD, r"gradient_at must have as many dimensions of space .* got \(2, 1\) for inputs"),
        (GradCam(interpolate_mode="bilinear"), AT_HEAD, r"gradient_at must have as many dimensions of space"),
        (ScoreCam(), AT_HEAD, r"gradient_at must have as many dimensions of space"),
        (GradCam(interpolate_mode="trilinear"), AT_FEATURES, r"interpolate_mode must .* got 'trilinear'"),
        (GuidedGradCam(interpolate_mode="best"), AT_FEATURES, r"interpolate_mode must .* got 'best'"),
        (GradCam(reshape_transform=lambda x: x[0, 0, 0]), AT_FEATURES, r"reshape_transform must return"),
        (GradCam(reshape_transform=lambda x: None), AT_FEATURES, r"reshape_transform must return .* NoneType"),
        (EigenCam(reshape_transform=lambda x: x[:1]), AT_FEATURES, r"reshape_transform must return"),
    ],
)  # fmt: skip
def test_what_cannot_be_says_why(method: Any, problem: dict[str, Any], says: str):
    with pytest.raises(InvalidArgument, match=rf"^{type(method).__name__}: {says}"):
        method(Problem(seeded(Images), (numbers(2, 1, 6, 6), numbers(2, 3)), target=0, **problem))


class Registers(Patches):
    """Tokens of no place before the patches."""

    def __init__(self, count: int):
        super().__init__(
            lambda x: torch.cat([x.new_ones(len(x), count, 7), x.flatten(2).mT], 1), lambda x: x[:, count:]
        )


@pytest.mark.parametrize("count", [2, 5, 16])
def test_tokens_before_the_patches(count: int):
    problem = Problem(seeded(lambda: Registers(count)), numbers(2, 1, 12, 20), gradient_at="place")
    found = GradCam()(problem).values[0]
    transform = lambda t: t[:, count:].reshape(2, 3, 5, 7).permute(0, 3, 1, 2)  # noqa: E731
    assert found.shape == (2, 1, 3, 5)
    assert torch.equal(found, GradCam(reshape_transform=transform)(problem).values[0])


def test_tokens_that_are_no_patches_have_a_value_each():
    problem = Problem(seeded(lambda: Registers(17)), numbers(2, 1, 12, 20), gradient_at="place")
    assert GradCam()(problem).values[0].shape == (2, 1, 32)
    with pytest.raises(InvalidArgument, match=r"gradient_at must have as many dimensions of space .*reshape_transform"):
        GuidedGradCam()(problem)


def test_as_many_tokens_as_a_grid_has_and_few_more():
    """Are those of an image where the model has weights for such patches, and words otherwise."""
    model, x = seeded(lambda: Registers(3)), numbers(2, 1, 12, 20)
    assert GradCam()(Problem(model, x, gradient_at="place")).values[0].shape == (2, 1, 3, 5)
    model.embed = nn.Conv2d(1, 7, 3, stride=4).double()
    assert GradCam()(Problem(model, x, gradient_at="place")).values[0].shape == (2, 1, 18)


def test_a_class_and_a_distillation_before_the_patches():
    config = DeiTConfig(
        hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=12, patch_size=4
    )
    model = seeded(lambda: DeiTForImageClassificationWithTeacher(config))
    problem = Problem(model, numbers(2, 3, 12, 12), target=logit, gradient_at=last(model, "DeiTLayer"))
    for make in (GradCam, EigenCam):
        assert make()(problem).values[0].shape == (2, 1, 3, 3)
