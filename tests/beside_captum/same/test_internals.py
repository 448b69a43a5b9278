"""What programs written for Captum reach for inside its classes: it is there, or they are told."""

import inspect
from collections.abc import Callable
from typing import Any

import captum.attr
import pytest
import torch
from captum.attr._core.deep_lift import nonlinear
from captum.attr._core.lime import get_exp_kernel_similarity_function as their_similarity
from torch import Tensor, nn

import pellucid.attr
from beside_captum.same.compare import assert_same, on_captum, on_pellucid, value_of
from beside_captum.same.surrogates import X, assert_same_fit, products
from pellucid.attr._internals import NOT_CALLED, OverriddenPart
from pellucid.attr.deeplift import SUPPORTED_NON_LINEAR
from pellucid.errors import InvalidArgument, NotSupported
from pellucid.models.linear import SkLearnLasso
from zoo.architectures import example

CASE = example("perceptron")
MODEL, INPUTS = CASE.model, CASE.inputs
NAMES = [name for name in pellucid.attr.__all__ if hasattr(getattr(captum.attr, name, None), "attribute")]


def internals(library: Any, name: str) -> dict[str, Any]:
    """What a class has for its own use: its private functions, properties and the like."""
    bases = [base for base in getattr(library, name).__mro__ if base.__module__.startswith(library.__package__[:6])]
    return {each: value for base in reversed(bases) for each, value in vars(base).items() if not each.startswith("__")}


@pytest.mark.parametrize("name", NAMES)
def test_what_captum_calls_is_there_or_told(name: str):
    told = {
        each for base in getattr(pellucid.attr, name).__mro__ for each in NOT_CALLED.get(base.__name__, [""])[0].split()
    }
    theirs, ours = internals(captum.attr, name), internals(pellucid.attr, name)
    functions = {
        each for each, value in theirs.items() if callable(value) or isinstance(value, property | staticmethod)
    }
    assert sorted(functions - set(ours) - told) == []


def test_all_that_is_told_of_is_captums():
    for name, (names, _) in NOT_CALLED.items():
        theirs = getattr(captum.attr, name)
        assert [each for each in names.split() if not hasattr(theirs, each) and each != "permutation_generator"] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_functions_inside_are_there_where_captum_has_them(name: str):
    for function in ("attribute", "compute_convergence_delta", "attribute_future"):
        if hasattr(getattr(getattr(captum.attr, name), function, None), "__wrapped__"):
            ours = getattr(getattr(pellucid.attr, name), function)
            assert list(inspect.signature(ours.__wrapped__).parameters) == list(inspect.signature(ours).parameters)


@pytest.mark.parametrize("name", ["Saliency", "IntegratedGradients", "DeepLift", "FeatureAblation", "KernelShap"])
def test_the_function_inside_attribute_is_called_on_an_object(name: str):
    def call(attr: Any) -> Any:
        method = getattr(attr, name)(MODEL)
        return method.attribute.__wrapped__(method, INPUTS, target=0, **options)

    options = {"n_samples": 100} if name == "KernelShap" else {}
    assert_same(call, tolerance=1e-3 if options else 1e-5)


def test_the_function_inside_attribute_is_called_through_super():
    def call(attr: Any) -> Any:
        class Doubled(attr.IntegratedGradients):
            def attribute(self, inputs: Tensor, **arguments: Any) -> Tensor:
                return 2 * super().attribute.__wrapped__(self, inputs, **arguments)

        return Doubled(MODEL).attribute(INPUTS, target=0)

    assert_same(call)


def test_captums_noise_tunnel_goes_around_a_method_of_pellucid():
    def call(attr: Any) -> Any:
        return captum.attr.NoiseTunnel(attr.Saliency(MODEL)).attribute(INPUTS, target=0, nt_samples=3)

    assert_same(call)


class TestLime:
    """The parts that it is made of, as attributes."""

    @staticmethod
    def parts(attr: Any) -> Any:
        return attr.Lime(products)

    def test_transforms(self):
        sample, two = torch.tensor([[1.0, 0.0]]), (X[:1], 2 * X[:1])
        masks = torch.tensor([[0, 1, 1]]), torch.tensor([[1, 1, 0]])
        for original, given in (
            (X[:1], {"feature_mask": masks[0], "baselines": 0}),
            (X[:1].int(), {"feature_mask": masks[0], "baselines": 0.5}),
            (X, {"feature_mask": masks[0], "baselines": X.flip(0), "num_interp_features": 2}),
            (two, {"feature_mask": masks, "baselines": (0, torch.full((1, 3), 9.0))}),
        ):
            assert_same(lambda attr: self.parts(attr).from_interp_rep_transform(sample, original, **given))  # noqa: B023
        assert self.parts(pellucid.attr).to_interp_rep_transform is None
        assert self.parts(pellucid.attr).perturb_interpretable_space is True

    def test_samples_and_what_they_count(self):
        assert_same(lambda attr: self.parts(attr).perturb_func(X, num_interp_features=5))
        near = X + 0.1
        ours, theirs = (self.parts(attr).similarity_func(X, near, None) for attr in (pellucid.attr, captum.attr))
        assert float(ours) == pytest.approx(theirs, rel=1e-6)

    def test_a_subclass_changes_them(self):
        """As LofLime of time_interpret does."""

        def call(attr: Any) -> Any:
            class Own(attr.Lime):
                def __init__(self, model: Any) -> None:
                    super().__init__(model)
                    self.counts, self.similarity_func = self.similarity_func, self.counting
                    self.draws, self.perturb_func = self.perturb_func, self.drawing

                def counting(self, *args: Any, **kwargs: Any) -> Any:
                    return 0.5 + self.counts(*args, **kwargs)

                def drawing(self, *args: Any, **kwargs: Any) -> Any:
                    return self.draws(*args, **kwargs)

            return Own(products).attribute(X, n_samples=80)

        assert_same_fit(call)

    def test_a_kernel_of_captum(self):
        def call(attr: Any) -> Any:
            return attr.Lime(products, similarity_func=their_similarity("euclidean", 2.0)).attribute(X, n_samples=80)

        assert_same_fit(call)

    def test_a_model_that_learns_more_than_coefficients(self):
        """As BayesLime of time_interpret does: coefficients and how certain they are."""

        class Bayesian(SkLearnLasso):
            coefficients = None

            def representation(self) -> Any:
                found = super().representation()
                return found, found.abs()

        with pytest.raises(InvalidArgument, match=r"interpretable_model.representation\(\) must be a tensor"):
            pellucid.attr.Lime(products, Bayesian(alpha=0.01)).attribute(X)

    def test_no_model(self):
        with pytest.raises(InvalidArgument, match="interpretable_model must have the methods fit and representation"):
            pellucid.attr.Lime(products, nn.Linear(3, 1)).attribute(X)

    def test_a_model_whose_coefficients_do_not_fit(self):
        class Short:
            def coefficients(self, present: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
                return outputs[:, :1]

        with pytest.raises(InvalidArgument, match=r"interpretable_model.coefficients\(\).*expected \(\d, 3, 1\)"):
            pellucid.attr.Lime(products, Short()).attribute(X)


class TestKernelShap:
    def test_lime_of_its_parts(self):
        """Is what it is in Captum: a regression on the coalitions that it draws, by what they count."""

        def of_parts(attr: Any) -> Any:
            shap = attr.KernelShap(products)
            parts = shap.interpretable_model, shap.similarity_func, shap.perturb_func
            return attr.Lime(products, *parts).attribute(X, n_samples=60)

        whole = value_of(on_captum(lambda attr: attr.KernelShap(products).attribute(X, n_samples=60)))
        torch.testing.assert_close(value_of(on_pellucid(of_parts)), whole, rtol=1e-4, atol=1e-4)


def setting(name: str, method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A call of a method, a part of which has been replaced."""

    def call(attr: Any) -> Any:
        made = method(attr)
        setattr(made, name, lambda *args, **kwargs: None)
        return made.attribute(INPUTS, target=0)

    return call


SET: dict[str, Callable[[Any], Any]] = {
    "interpretable_model": lambda attr: attr.KernelShap(MODEL),
    "similarity_func": lambda attr: attr.KernelShap(MODEL),
    "perturb_func": lambda attr: attr.KernelShap(MODEL),
    "inf_weight": lambda attr: attr.KernelShap(MODEL),
    "from_interp_rep_transform": lambda attr: attr.Lime(MODEL),
    "to_interp_rep_transform": lambda attr: attr.Lime(MODEL),
    "perturb_interpretable_space": lambda attr: attr.Lime(MODEL),
    "ig": lambda attr: attr.LayerIntegratedGradients(MODEL, MODEL[0]),
    "attributor": lambda attr: attr.LayerFeatureAblation(MODEL, MODEL[0]),
    "permutation_generator": lambda attr: attr.ShapleyValueSampling(MODEL),
    "_add_noise_to_inputs": lambda attr: attr.NoiseTunnel(attr.Saliency(MODEL)),
}


@pytest.mark.parametrize("name", SET)
def test_what_is_put_in_place_of_a_part_is_told_of(name: str):
    with pytest.raises(NotSupported, match=rf"\.{name} would have no effect.*Hint: "):
        setting(name, SET[name])(pellucid.attr)


def test_parts_that_can_be_read():
    layer = pellucid.attr.LayerIntegratedGradients(MODEL, MODEL[0], multiply_by_inputs=False)
    assert isinstance(layer.ig, pellucid.attr.IntegratedGradients)
    assert layer.ig.forward_func is MODEL
    assert layer.ig.multiplies_by_inputs is False
    for name in ("LayerFeatureAblation", "LayerFeaturePermutation"):
        ours, theirs = (getattr(attr, name)(MODEL, MODEL[0]).attributor for attr in (pellucid.attr, captum.attr))
        assert ours is getattr(pellucid.attr, theirs.__name__)
    assert not hasattr(pellucid.attr.LayerIntegratedGradients, "ig")
    assert isinstance(inspect.getattr_static(pellucid.attr.LayerIntegratedGradients, "ig"), OverriddenPart)


def test_rules_for_types_of_modules_are_told_of():
    class Squared(nn.Module): ...

    for add in (
        lambda: SUPPORTED_NON_LINEAR.__setitem__(Squared, nonlinear),
        lambda: SUPPORTED_NON_LINEAR.update({Squared: nonlinear}),
        lambda: SUPPORTED_NON_LINEAR.setdefault(Squared, nonlinear),
    ):
        with pytest.raises(NotSupported, match=r"^SUPPORTED_NON_LINEAR would have no effect.*Hint: .*docs/rules\.md"):
            add()
    assert not SUPPORTED_NON_LINEAR


def overriding(attr: Any, base: str, name: str) -> Any:
    """A user's class, which changes an internal of another."""
    return type("Own", (getattr(attr, base),), {name: lambda self, *args, **kwargs: None})


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("IntegratedGradients", "_attribute"),
        ("NoiseTunnel", "_add_noise_to_inputs"),
        ("Lime", "_attribute_kwargs"),
        ("KernelShap", "_attribute_kwargs"),
        ("KernelShap", "kernel_shap_perturb_generator"),
        ("LayerDeepLiftShap", "_can_register_hook"),
        ("LayerFeatureAblation", "attributor"),
    ],
)
def test_internals_that_are_overridden_are_told_of_at_construction(base: str, name: str):
    own = overriding(pellucid.attr, base, name)
    inside = pellucid.attr.Saliency(MODEL) if base == "NoiseTunnel" else MODEL
    with pytest.raises(NotSupported, match=rf"Own\.{name} would have no effect.*Hint: "):
        own(inside, *[MODEL[0]] * base.startswith("Layer"))


def test_a_mixin_that_overrides_internals_is_told_of():
    class Mixin:
        def _attribute(self, *args: Any) -> None: ...

    class Own(Mixin, pellucid.attr.LayerConductance): ...

    with pytest.raises(NotSupported, match=r"Mixin\._attribute would have no effect"):
        Own(MODEL, MODEL[0])


def test_a_class_that_calls_its_internals_by_itself_is_as_it_wants():
    """Only where pellucid's own `attribute` runs are they not called."""

    class Own(pellucid.attr.IntegratedGradients):
        def _attribute(self, inputs: Tensor) -> Tensor:
            return 2 * inputs

        def attribute(self, inputs: Tensor, above: bool = False, **arguments: Any) -> Any:
            return super().attribute(inputs, **arguments) if above else self._attribute(inputs)

    own = Own(MODEL)
    assert torch.equal(own.attribute(INPUTS), 2 * INPUTS)
    with pytest.raises(NotSupported, match=r"Own\._attribute would have no effect"):
        own.attribute(INPUTS, above=True, target=0)


def test_captum_calls_what_is_told_of():
    """The cases that were seen in programs: other numbers in Captum than without."""

    def halved(attr: Any) -> Any:
        class Half(attr.IntegratedGradients):
            def _attribute(self, *args: Any, **kwargs: Any) -> Any:
                return tuple(each / 2 for each in super()._attribute(*args, **kwargs))

        return Half(MODEL).attribute(INPUTS, target=0)

    plain = value_of(on_captum(lambda attr: attr.IntegratedGradients(MODEL).attribute(INPUTS, target=0)))
    torch.testing.assert_close(value_of(on_captum(halved)), plain / 2)
    assert isinstance(on_pellucid(halved).error, NotSupported)
