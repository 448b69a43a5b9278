"""What released clients override inside Captum's classes is called under Captum's names, beside Captum itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import assert_close
from pellucid import attr
from pellucid.compat import attributions
from pellucid.errors import NotSupported

X = torch.tensor([[0.5, -1.0, 2.0, 0.3], [1.5, 0.2, -0.7, -2.0]])
BASELINES = torch.tensor([[0.1, 0.2, 0.3, 0.4]])

WEIGHTED = 1e-4  # of the largest: how far Captum is off, whose coalitions weigh a million in float32


def model(x: Tensor, shift: Tensor | float = 0.0) -> Tensor:
    """Two outputs per example, of features that play together."""
    return torch.stack([4 * x[:, 0] * x[:, 1] + (x[:, 2] * x[:, 3]).sin() + shift, 5 * x.pow(2).sum(1)], dim=1)


def same(build: Callable[[Any], Any], **arguments: Any) -> None:
    """What is built on Captum, and on pellucid under Captum's names, answers the same, in the same types."""
    answers = []
    for library in (captum.attr, attributions):
        torch.manual_seed(0)
        answers.append(build(library).attribute(X, target=1, **arguments))
    theirs, ours = (answer if isinstance(answer, tuple) else (answer,) for answer in answers)
    for expected, got in zip(theirs, ours, strict=True):
        assert_close(got, expected.detach(), tolerance=WEIGHTED)


def halved(library: Any) -> Any:
    """Integrated gradients of which a subclass takes half."""

    class Half(library.IntegratedGradients):
        def _attribute(self, *args: Any, **kwargs: Any) -> Any:
            return tuple(values / 2 for values in super()._attribute(*args, **kwargs))

    return Half(model)


def squared(library: Any) -> Any:
    """Integrated gradients of steps that a subclass takes by itself, those of a batch among them."""

    class Squared(library.IntegratedGradients):
        def _attribute(
            self,
            inputs: Any,
            baselines: Any,
            target: Any = None,
            additional_forward_args: Any = None,
            n_steps: int = 50,
            method: str = "gausslegendre",
            step_sizes_and_alphas: Any = None,
        ) -> Any:
            sizes, alphas = step_sizes_and_alphas or ([1 / n_steps] * n_steps, [i / n_steps for i in range(n_steps)])
            (x,), (start,) = inputs, baselines
            total = torch.zeros_like(x)
            for size, alpha in zip(sizes, alphas, strict=True):
                point = (start + alpha**2 * (x - start)).requires_grad_()
                (grad,) = self.gradient_func(self.forward_func, (point,), target, additional_forward_args)
                total += size * grad
            return (total * (x - start),)

    return Squared(model)


@pytest.mark.parametrize("arguments", [{}, {"return_convergence_delta": True, "additional_forward_args": 0.5}], ids=str)
def test_integrated_gradients_of_a_subclass(arguments: dict[str, Any]):
    same(halved, baselines=BASELINES, n_steps=20, **arguments)
    same(squared, baselines=BASELINES, n_steps=20, **arguments)
    same(squared, baselines=BASELINES, n_steps=20, internal_batch_size=6, **arguments)


def weighed(library: Any) -> Any:
    """Kernel SHAP whose coalitions weigh what they do times something, as those of an outlier."""
    explainer = library.KernelShap(model)
    before = explainer.similarity_func
    explainer.similarity_func = lambda x, perturbed, sample, **kwargs: (
        before(x, perturbed, sample, **kwargs) * (1 + float(perturbed[:, 0].abs().sum()))
    )
    return explainer


@pytest.mark.filterwarnings("ignore:You are providing multiple inputs")  # by Captum
def test_kernel_shap_with_weights_of_ones_own():
    same(weighed, n_samples=40, baselines=BASELINES)


class MeansAndDeviations(nn.Module):
    """A surrogate whose representation is two tensors."""

    def fit(self, samples: Any, **_: Any) -> dict[str, float]:
        features, outputs, weights = next(iter(samples))
        scale = weights.sqrt()[:, None]
        design = torch.cat([torch.ones(len(features), 1), features], 1)
        self.solution = torch.linalg.lstsq((design * scale).double(), (outputs[:, None] * scale).double()).solution
        return {}

    def representation(self) -> tuple[Tensor, Tensor]:
        means = self.solution[1:].T.float()
        return means, means.abs() + 1


def uncertain(library: Any) -> Any:
    """Lime that returns all that its surrogate knows, each in the inputs' shape, as Bayesian LIME does."""

    class Uncertain(library.Lime):
        def _attribute_kwargs(self, inputs: Tensor, *, baselines: Any, **kwargs: Any) -> Any:
            assert (kwargs.pop("feature_mask"), kwargs.pop("return_input_shape")) == (None, True)
            found = []
            mask = torch.arange(4)[None]
            for x in inputs.split(1):
                representation = library.LimeBase.attribute.__wrapped__(
                    self, inputs=x, baselines=baselines, feature_mask=mask, num_interp_features=4, **kwargs
                )
                found.append([self._convert_output_shape((x,), (mask,), part, 4, False) for part in representation])
            return tuple(map(torch.cat, zip(*found, strict=True)))

    return Uncertain(model, interpretable_model=MeansAndDeviations())


def test_lime_of_a_subclass_that_fits_by_itself():
    same(uncertain, n_samples=40, baselines=0)


@pytest.mark.parametrize("build", [halved, squared, weighed, uncertain])
def test_pellucids_own_names_refuse_them(build: Callable[[Any], Any]):
    with pytest.raises(NotSupported):
        build(attr).attribute(X, target=1)


@pytest.mark.parametrize("name", ["IntegratedGradients", "Lime", "KernelShap"])
def test_without_overrides_all_is_as_in_pellucid(name: str):
    class Bare(getattr(attributions, name)):
        pass

    torch.manual_seed(0)
    expected = getattr(attr, name)(model).attribute(X, BASELINES, 0)
    torch.manual_seed(0)
    assert torch.equal(Bare(model).attribute(X, BASELINES, 0), expected)


class Draws(attributions.KernelShap):
    """Sets what is followed, and overrides what is not."""

    def attribute(self, *args: Any, **kwargs: Any) -> Any:
        self.similarity_func = lambda *_, **__: 1.0
        return super().attribute(*args, **kwargs)

    def kernel_shap_perturb_generator(self, *_: Any, **__: Any) -> Any:
        return iter([])


class Evaluates(attributions.LimeBase):
    """Has a surrogate that is followed, and overrides what is not."""

    def attribute(self, *args: Any, **kwargs: Any) -> Any:
        return super().attribute(*args, **kwargs)

    def _evaluate_batch(self, *_: Any) -> Any:
        return None


def lime_base(cls: type) -> Any:
    """A LimeBase of this class, of one feature per element."""
    parts = (
        MeansAndDeviations(),
        lambda *_, **__: 1.0,
        lambda x, **_: torch.ones(1, 4),
        True,
        lambda s, x, **_: x,
        None,
    )
    return cls(model, *parts)


@pytest.mark.parametrize("build", [lambda: Draws(model), lambda: lime_base(Evaluates)], ids=["draws", "evaluates"])
def test_what_is_not_followed_is_refused(build: Callable[[], Any]):
    with pytest.raises(NotSupported, match="would have no effect"):
        build().attribute(X, target=1)
