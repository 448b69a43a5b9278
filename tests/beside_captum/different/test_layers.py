"""Layers that Captum does not see right, or at all. Each docstring is a line of `docs/differences.md`."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pellucid.attr
from beside_captum.different.compare import assert_answered, both
from beside_captum.same.compare import assert_close, assert_same, on_captum, on_pellucid, value_of
from beside_captum.same.layers import LAYER_METHODS, USED_BEFORE, at_layer
from pellucid.errors import PellucidWarning
from zoo.architectures import Example
from zoo.layered import layered, of_words

pytestmark = pytest.mark.filterwarnings("ignore:attributions do not add up")  # at steep places 50 steps are few

ONE, TWO, FORKED = layered("perceptron"), layered("two inputs"), layered("forked")


class Reused(nn.Module):
    """A layer called twice, whose calls both count."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        first = self.layer(x).tanh()
        return self.head((self.layer(first) + first).sin())


class Branch(nn.Module):
    """A layer on whose output nothing depends."""

    def __init__(self) -> None:
        super().__init__()
        self.unused, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.unused(x)
        return self.head(x)


@pytest.mark.parametrize("n_steps", [2, 10])
@pytest.mark.parametrize("method", ["LayerIntegratedGradients", "InternalInfluence"])
def test_weights_of_the_trapezoid_rule(method: str, n_steps: int):
    """`method="riemann_trapezoid"`: Captum's weights sum to (n - 1) / n at layers, too; to 1."""
    captums, ours = both(at_layer(method, ONE, "2", method="riemann_trapezoid", n_steps=n_steps))
    assert_close(ours, captums * n_steps / (n_steps - 1))


def test_a_layer_that_is_called_several_times():
    """Integrated gradients of a layer called twice: Captum replaces what both calls return; the last, as all else."""
    torch.manual_seed(0)
    case = Example(Reused(), ONE.given, {"target": 1})

    def after(last: Tensor, x: Tensor, *, every: bool) -> Tensor:
        first = last.tanh() if every else case.model.layer(x).tanh()
        return case.model.head((last + first).sin())

    def at_the_last(attr: Any, *, every: bool) -> Tensor:
        x = case.inputs
        start, end = (case.model.layer(case.model.layer(each).tanh()).detach() for each in (torch.zeros_like(x), x))
        explain = attr.IntegratedGradients(lambda last, x: after(last, x, every=every))
        return explain.attribute(end, start, additional_forward_args=x, target=1)

    captums, ours = both(at_layer("LayerIntegratedGradients", case, "layer"))
    assert_close(ours, value_of(on_captum(lambda attr: at_the_last(attr, every=False))))
    assert_close(captums, value_of(on_captum(lambda attr: at_the_last(attr, every=True))))
    assert (captums - ours).abs().max() > 0.1 * ours.abs().max()


def test_what_a_module_takes_after_another():
    """Gradient x activation of what a module takes, and another before it: Captum forgets that one; all uses count."""
    call = at_layer("LayerGradientXActivation", FORKED, USED_BEFORE.layer, of_input=True)
    captums, ours = both(call)
    inputs = FORKED.inputs.requires_grad_()  # then Captum sees all uses, too
    right = at_layer(
        "LayerGradientXActivation", Example(FORKED.model, inputs, FORKED.explained), "split.other", of_input=True
    )
    assert_close(ours, value_of(on_captum(right)))
    assert (captums - ours).abs().max() > 0.1 * ours.abs().max()


@pytest.mark.parametrize("method", ["LayerGradientXActivation", "LayerConductance"])
def test_attributions_do_not_require_grad(method: str):
    """Gradient x activation and conductance of layers: Captum's results require grad; only with `create_graph`."""
    captums, ours = both(at_layer(method, ONE, "2"))
    assert captums.requires_grad
    assert not ours.requires_grad
    assert value_of(on_pellucid(at_layer(method, ONE, "2", create_graph=True))).requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("method", "captums"),
    [
        ("LayerIntegratedGradients", torch.float32),
        ("InternalInfluence", torch.float32),
        ("LayerGradientShap", RuntimeError),
    ],
)
def test_a_model_in_half_precision(method: str, captums: Any, dtype: torch.dtype):
    """float16 and bfloat16 layers: Captum returns float32, or fails; attributions keep the layer's dtype."""
    case = layered("perceptron", dtype=dtype)
    baselines = {"baselines": torch.zeros_like(case.inputs[:1])}
    theirs, ours = (run(at_layer(method, case, "2", **baselines)) for run in (on_captum, on_pellucid))
    assert type(theirs.error) is captums if captums is RuntimeError else theirs.value.dtype == captums
    case.model.float()
    single = Example(case.model, case.inputs.float(), case.explained)
    right = at_layer(method, single, "2", baselines=torch.zeros(1, 6))
    assert value_of(ours).dtype == dtype
    assert_close(value_of(ours), value_of(on_captum(right)).detach(), dtypes=False, tolerance=0.03)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("LayerGradientShap", TypeError), ("InternalInfluence", AttributeError), ("LayerConductance", TypeError)],
)
def test_lists_of_layers(method: str, expected: type[Exception]):
    """Lists of layers: Captum takes them in three methods, raises in the others; taken everywhere."""
    both_layers = at_layer(method, TWO, ["left", "right"])
    assert type(on_captum(both_layers).error) is expected
    found = value_of(on_pellucid(both_layers))
    assert type(found) is list
    for layer, ours in zip(("left", "right"), found, strict=True):
        assert_close(ours, value_of(on_captum(at_layer(method, TWO, layer))))


@pytest.mark.parametrize("method", ["LayerActivation", "LayerGradientXActivation", "LayerIntegratedGradients"])
def test_lists_of_layers_in_a_noise_tunnel(method: str):
    """Lists of layers in a noise tunnel: Captum raises AssertionError; averaged."""
    layers = [TWO.model.left, TWO.model.right]
    explained = {k: value for k, value in TWO.explained.items() if (method, k) != ("LayerActivation", "target")}

    def tunnel(attr: Any) -> Any:
        return attr.NoiseTunnel(getattr(attr, method)(TWO.model, layers)).attribute(TWO.inputs, stdevs=0.0, **explained)

    assert_answered(tunnel, AssertionError, at_layer(method, TWO, ["left", "right"]))


@pytest.mark.parametrize("name", ["2", "0"])
@pytest.mark.parametrize("method", LAYER_METHODS)
def test_names_of_layers(method: str, name: str):
    """Names of layers: Captum raises AttributeError; a dotted name is as good as its module."""
    baselines = {"baselines": ONE.draw(2)} if method == "LayerGradientShap" else {}
    target = {} if method == "LayerActivation" else {"target": 1}

    def by_name(attr: Any) -> Any:
        return getattr(attr, method)(ONE.model, name).attribute(ONE.inputs, **baselines, **target)

    assert_answered(by_name, AttributeError, at_layer(method, ONE, name, **baselines, **target))


def test_distributions_of_token_ids():
    """LayerGradientShap of token ids: Captum raises RuntimeError; points lie between what the layer returns."""
    case = of_words()
    baselines = torch.zeros(1, 5, dtype=torch.int64)
    call = at_layer("LayerGradientShap", case, "words", baselines=baselines, n_samples=7, return_convergence_delta=True)
    assert type(on_captum(call).error) is RuntimeError
    model, places = case.model, case.explained["additional_forward_args"]

    def from_the_layer(attr: Any) -> Any:
        explain = attr.GradientShap(
            lambda words: model.head((model.mix(words + model.places(places[:1])).tanh()).mean(1))
        )
        words, start = (model.words(ids).detach() for ids in (case.inputs, baselines))
        return explain.attribute(words, start, n_samples=7, target=case.explained["target"])

    found, deltas = value_of(on_pellucid(call))
    assert_close(found, value_of(on_captum(from_the_layer)))
    assert deltas.shape == (28,)


@pytest.mark.parametrize("method", LAYER_METHODS[1:])
def test_a_layer_on_which_nothing_depends(method: str):
    """A layer on whose output nothing depends: Captum raises RuntimeError; zeros, with a PellucidWarning."""
    torch.manual_seed(0)
    call = at_layer(method, Example(Branch(), ONE.given, {"target": 1}), "unused")
    assert type(on_captum(call).error) is RuntimeError
    with pytest.warns(PellucidWarning, match="does not depend on layer"):
        found = call(pellucid.attr)
    assert torch.equal(found.abs(), torch.zeros(4, 6))


@pytest.mark.parametrize("layer", ["0", "1"])
def test_code_that_writes_into_what_a_layer_returns(layer: str):
    """Integrated gradients of a layer before in-place code: Captum raises RuntimeError; as if nothing were written."""

    def model(inplace: bool) -> nn.Module:
        rectify = (nn.LeakyReLU(0.1, inplace), nn.Linear(8, 3))
        return (
            nn.Sequential(ONE.model[0], nn.Tanh(), *rectify) if layer == "1" else nn.Sequential(ONE.model[0], *rectify)
        )

    torch.manual_seed(0)
    writing = model(True)
    plain = nn.Sequential(*(nn.LeakyReLU(0.1) if isinstance(each, nn.LeakyReLU) else each for each in writing))
    in_place, out_of_place = (Example(each, ONE.given, {"target": 1}) for each in (writing, plain))
    right = at_layer("LayerIntegratedGradients", out_of_place, layer)
    assert_answered(at_layer("LayerIntegratedGradients", in_place, layer), RuntimeError, right)


def test_more_arguments_of_the_gradient():
    """`grad_kwargs` of LayerConductance: Captum drops them; they go to `torch.autograd.grad`."""
    call = at_layer("LayerConductance", ONE, "2", grad_kwargs={"unknown": 1})
    assert on_captum(call).error is None
    assert isinstance(on_pellucid(call).error, TypeError)
    assert_same(at_layer("LayerConductance", ONE, "2", grad_kwargs={"retain_graph": True}))


@pytest.mark.parametrize("method", ["LayerIntegratedGradients", "InternalInfluence"])
def test_one_step_of_a_riemann_rule(method: str):
    """`n_steps=1` of a Riemann rule at layers: Captum raises AssertionError; the gradient at its one point."""
    call = at_layer(method, ONE, "2", method="riemann_middle", n_steps=1)
    assert type(on_captum(call).error) is AssertionError
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(at_layer(method, ONE, "2", n_steps=1))))
