"""Where methods that take features away differ. Each docstring is a line of `docs/differences.md`."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.different.compare import assert_named, both
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from pellucid.errors import InvalidArgument, PellucidWarning
from zoo.layered import layered

pytestmark = pytest.mark.usefixtures("without_row_checks")

X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
W = torch.tensor([2.0, -1.0, 4.0])


def linear(x: Tensor) -> Tensor:
    """The model whose attributions are known: x * W."""
    return x @ W.to(x.dtype)


def explain(method: str, model: Callable[..., Any], inputs: Any = X, **arguments: Any) -> Callable[[Any], Any]:
    """A call on fresh copies of the inputs."""

    def call(attr: Any) -> Any:
        given = tuple(x.clone() for x in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return getattr(attr, method)(model).attribute(given, **arguments)

    return call


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def forwards(call: Callable[[Any, Callable[..., Any]], Any], model: Callable[..., Any] = linear) -> tuple[int, int]:
    """How often each of the libraries calls a model, given (attr, model)."""
    counts = []
    for library in (on_captum, on_pellucid):
        seen: list[int] = []

        def counting(x: Tensor, seen: list[int] = seen) -> Any:
            seen.append(len(x))
            return model(x)

        value_of(library(lambda attr, counting=counting: call(attr, counting)))
        counts.append(len(seen))
    return counts[0], counts[1]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_the_dtype_of_occlusion(dtype: torch.dtype):
    """Occlusion of models of other dtypes: Captum's attributions are float32; the dtype of the output is kept."""
    captums, ours = both(explain("Occlusion", linear, X.to(dtype), sliding_window_shapes=(1,)))
    assert captums.dtype == torch.float32
    assert ours.dtype == dtype
    assert_close(ours, captums, dtypes=False, tolerance=1e-6)


@pytest.mark.parametrize("target", [1, (0,), [1, 0]])
def test_layer_feature_permutation_with_a_target(target: Any):
    """LayerFeaturePermutation with a target: Captum raises AssertionError; the target is explained."""
    model = network()

    def call(attr: Any) -> Any:
        return attr.LayerFeaturePermutation(model, model[0]).attribute(X, target=target)

    assert type(on_captum(call).error) is AssertionError
    hidden = model[0](X).detach()
    right = value_of(on_captum(lambda attr: attr.FeaturePermutation(model[1:]).attribute(hidden, target=target)))
    assert_close(value_of(on_pellucid(call)), right)


@pytest.mark.parametrize("target", [[1, 0], torch.tensor([1, 0])])
def test_targets_by_example_of_a_layer(target: Any):
    """LayerFeatureAblation, a target per example, several features at once: AssertionError; as one at a time."""
    model = network()

    def call(attr: Any, size: int) -> Any:
        method = attr.LayerFeatureAblation(model, model[0])
        return method.attribute(X, target=target, perturbations_per_eval=size)

    assert type(on_captum(lambda attr: call(attr, 2)).error) is AssertionError
    assert_close(value_of(on_pellucid(lambda attr: call(attr, 2))), value_of(on_captum(lambda attr: call(attr, 1))))


@pytest.mark.parametrize("layer", ["pool", "rectify", "middle"])
def test_layers_whose_output_the_model_writes_into(layer: str):
    """LayerFeatureAblation of a layer followed by in-place code, or called twice: wrong, or an error; the last call."""
    case = layered("pictures", dtype=torch.float64)
    module = case.model.get_submodule(layer)
    last = 2 if layer == "rectify" else 1

    def call(attr: Any) -> Any:
        return attr.LayerFeatureAblation(case.model, module).attribute(case.inputs, target=1)

    def without(feature: int | None) -> Tensor:
        """What the model says when a hook sets a feature of the layer's last output to zero."""
        calls = []

        def ablate(_: nn.Module, __: Any, output: Tensor) -> Tensor | None:
            calls.append(1)
            if feature is None or len(calls) < last:
                return None
            changed = output.clone()
            changed.view(4, -1)[:, feature] = 0
            return changed

        handle = module.register_forward_hook(ablate)
        with torch.no_grad():
            output = case.model(*case.inputs)[:, 1]
        handle.remove()
        return output

    theirs, ours = on_captum(call), value_of(on_pellucid(call))
    right = torch.stack([without(None) - without(feature) for feature in range(ours[0].numel())], 1).view_as(ours)
    assert_close(ours, right, tolerance=1e-12)
    if theirs.error is not None:
        assert type(theirs.error) is RuntimeError
    else:
        assert (theirs.value - right).abs().max() > 1e-5


@pytest.mark.parametrize("mask", [[[-1, 0, 1]], [[0.5, 0, 1]], [[0.0, 1, 2]], [[True, False, True]]])
@pytest.mark.parametrize("method", ["FeatureAblation", "FeaturePermutation"])
def test_masks_of_other_numbers(method: str, mask: Any):
    """Masks of negative numbers, floats or booleans: Captum takes each for a feature; InvalidArgument."""
    assert_named(explain(method, linear, feature_mask=torch.tensor(mask)), None, "feature_mask")


def test_too_few_masks():
    """Fewer masks than inputs: Captum attributes nothing to the others; more are ignored; InvalidArgument."""
    call = explain("FeatureAblation", lambda a, b: linear(a) + linear(b), (X, X), feature_mask=(torch.tensor([[0]]),))
    theirs = value_of(on_captum(call))
    assert theirs[0].any()
    assert not theirs[1].any()
    assert_named(call, None, "feature_mask")
    three = (torch.tensor([[0]]),) * 3
    assert_named(explain("FeatureAblation", linear, feature_mask=three), None, "feature_mask")


@pytest.mark.parametrize("method", ["FeatureAblation", "Occlusion"])
def test_perturbations_per_eval_is_automatic(method: str):
    """`perturbations_per_eval`: one at a time unless set; as many as fit into a block."""
    windows = {"sliding_window_shapes": (1,)} if method == "Occlusion" else {}
    count = forwards(lambda attr, model: getattr(attr, method)(model).attribute(X, **windows))
    assert count == (4, 1)


@pytest.mark.parametrize("output", [lambda x: linear(x).sum(), lambda x: float(linear(x).sum())])
def test_several_features_at_once_of_a_value_for_the_batch(output: Any):
    """`perturbations_per_eval` above 1, one value for the batch: AssertionError; one forward for each."""
    call = explain("FeatureAblation", output, perturbations_per_eval=2)
    assert type(on_captum(call).error) is AssertionError
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(explain("FeatureAblation", output))))


def test_masks_by_example_of_several_outputs():
    """A mask per example and several values of an output: RuntimeError; each value's effects, as for one."""

    def model(x: Tensor) -> Tensor:
        return torch.stack([linear(x), linear(x**2)], 1)

    mask = torch.tensor([[0, 1, 1], [1, 0, 2]])
    call = explain("FeatureAblation", model, feature_mask=mask)
    assert type(on_captum(call).error) is RuntimeError
    right = [
        value_of(on_captum(explain("FeatureAblation", model, feature_mask=mask, target=target))) for target in (0, 1)
    ]
    assert_close(value_of(on_pellucid(call)), torch.stack(right, 1).flatten(0, 1))


def test_permutations_of_one_example():
    """FeaturePermutation of one example: zeros and a line in the log; zeros and a warning."""
    call = explain("FeaturePermutation", linear, X[:1])
    assert not value_of(on_captum(call)).any()
    with pytest.warns(PellucidWarning, match="single example"):
        assert not value_of(on_pellucid(call)).any()


@pytest.mark.parametrize("method", ["FeatureAblation", "FeaturePermutation", "Occlusion"])
def test_batches_without_examples(method: str):
    """A batch without examples: attributions without examples; `InvalidArgument`, as in every method."""
    call = explain(method, linear, X[:0], **({"sliding_window_shapes": (1,)} if method == "Occlusion" else {}))
    assert value_of(on_captum(call)).shape == (0, 3)
    assert_named(call, None, "inputs")


def test_baselines_equal_to_the_inputs():
    """Features equal to their baselines: evaluated; skipped, with a warning where all are."""
    x = torch.tensor([[0.0, 1.0, 2.0]])
    assert forwards(lambda attr, f: attr.FeatureAblation(f).attribute(x, perturbations_per_eval=1)) == (4, 3)
    with pytest.warns(PellucidWarning, match="equal to the inputs"):
        assert not value_of(on_pellucid(explain("FeatureAblation", linear, x, baselines=x))).any()


def test_baselines_too_many():
    """More baselines than inputs: ignored; InvalidArgument."""
    assert_named(explain("FeatureAblation", linear, baselines=(0, 1)), None, "baselines")


@pytest.mark.parametrize("strides", [0, -1])
def test_strides_below_one(strides: int):
    """`strides` below 1 of Occlusion: NaN; InvalidArgument."""
    call = explain("Occlusion", linear, sliding_window_shapes=(1,), strides=strides)
    assert value_of(on_captum(call)).isnan().all()
    assert_named(call, None, "strides")


PAIR = (torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.randn(5, 2))


@pytest.mark.parametrize("size", [1, 3, 20])
def test_permutations_of_groups_of_several_inputs(size: int):
    """FeaturePermutation of a group in several inputs: each is permuted by itself; all together, as in one input."""
    x, y = PAIR
    given = torch.tensor([[5, 5, 5]]), torch.tensor([[5, 5]])

    def pair(x: Tensor, y: Tensor) -> Tensor:
        return (x.sum(1) + 1).sin() * y.sum(1) + x[:, 0] * y[:, 1]

    def apart(attr: Any) -> Any:
        return attr.FeaturePermutation(pair).attribute((x, y), feature_mask=given, perturbations_per_eval=size)

    def together(attr: Any) -> Any:
        method = attr.FeaturePermutation(lambda both: pair(both[:, :3], both[:, 3:]))
        mask = torch.cat(given, 1)
        return method.attribute(torch.cat([x, y], 1), feature_mask=mask, perturbations_per_eval=size)

    (captums, ours), right = both(apart), value_of(on_captum(together))
    assert not torch.allclose(torch.cat(captums, 1), right)
    assert_close(torch.cat(ours, 1), right)
    given = torch.tensor([[0, 1, 0]]), torch.tensor([[1, 2]])
    captums, ours = both(apart)
    assert_close(ours[0][:, [0, 2]], captums[0][:, [0, 2]])  # of one input each: Captum's draws
    assert_close(ours[1][:, [1]], captums[1][:, [1]])
    assert not torch.allclose(ours[0][:, 1], captums[0][:, 1])


def test_permutations_of_inputs_of_one_row():
    """FeaturePermutation, several at once, beside an input of one row: all zero; its features alone are."""
    x, one = PAIR[0], torch.tensor([[3.0, 4.0]])
    order = torch.arange(1.0, 6)[:, None]

    def call(attr: Any, size: int) -> Any:
        method = attr.FeaturePermutation(lambda x, one: ((x * order).sum() + one.sum()).view(1))
        return method.attribute((x, one), perturbations_per_eval=size)

    assert not any(bool(values.any()) for values in value_of(on_captum(lambda attr: call(attr, 5))))
    right = value_of(on_captum(lambda attr: call(attr, 1)))
    for size in (1, 5):
        with pytest.warns(PellucidWarning, match=r"inputs\[1\] has one row, which has no other .* \[3, 4\] are zero"):
            ours = value_of(on_pellucid(lambda attr, size=size: call(attr, size)))
        assert_close(ours[0], right[0], rounding=1e-5)
        assert not ours[1].any()


def test_the_default_permutation():
    """`perm_func`: a function that draws; None, which draws the same."""
    call = explain("FeaturePermutation", linear)
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(call)))
    assert value_of(on_pellucid(lambda attr: attr.FeaturePermutation(linear).perm_func)) is None
    assert callable(value_of(on_captum(lambda attr: attr.FeaturePermutation(linear).perm_func)))


def test_outputs_whose_size_changes():
    """An output whose size changes between calls: RuntimeError; InvalidArgument."""
    for library, error in ((on_captum, RuntimeError), (on_pellucid, InvalidArgument)):
        sizes = iter([2, 3, 3, 3])

        def growing(x: Tensor, sizes: Any = sizes) -> Tensor:
            return x[:, :1].expand(-1, next(sizes))

        assert isinstance(library(explain("FeatureAblation", growing, perturbations_per_eval=1)).error, error)
