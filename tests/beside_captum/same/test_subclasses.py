"""Users subclass the base classes and assign `gradient_func`; both must work as they do with Captum."""

from typing import Any

import pytest
import torch

from beside_captum.same.compare import assert_same
from zoo.architectures import example

CASE, TWO = example("perceptron"), example("two inputs")


def own(attr: Any, base: str, *, deltas: bool = False) -> Any:
    """A user's method: twice the gradient, taken with what the base class offers."""

    class Doubled(getattr(attr, base)):
        def attribute(self, inputs, target=None, additional_forward_args=None, return_convergence_delta=False):
            tensors = inputs if isinstance(inputs, tuple) else (inputs,)
            tensors = tuple(each.detach().requires_grad_() for each in tensors)
            with torch.enable_grad():
                gradients = self.gradients(tensors, target, additional_forward_args)
            found = tuple(2 * gradient for gradient in gradients)
            found = found if isinstance(inputs, tuple) else found[0]
            return (found, gradients[0].flatten(1).sum(1)) if return_convergence_delta else found

        attribute.__wrapped__ = attribute  # Captum's NoiseTunnel asks for it

        def gradients(self, inputs, target, extra):
            if hasattr(self, "gradient_func"):
                return self.gradient_func(self.forward_func, inputs, target, extra)
            output = self.forward_func(*inputs, *(extra or ()))
            return torch.autograd.grad(output[:, 1].sum(), inputs)

        def has_convergence_delta(self):
            return deltas

    return Doubled


BASES = ["Attribution", "GradientAttribution", "PerturbationAttribution"]


@pytest.mark.parametrize("base", BASES)
def test_a_users_own_method(base: str):
    assert_same(lambda attr: own(attr, base)(CASE.model).attribute(CASE.inputs, target=1))
    assert_same(lambda attr: own(attr, base)(TWO.model).attribute(TWO.inputs, **TWO.explained | {"target": 1}))


@pytest.mark.parametrize("nt_samples_batch_size", [None, 2])
@pytest.mark.parametrize("base", BASES)
def test_a_users_own_method_in_a_noise_tunnel(base: str, nt_samples_batch_size: int | None):
    arguments = {"nt_samples_batch_size": nt_samples_batch_size, "stdevs": 0.5, **TWO.explained, "target": 1}
    assert_same(lambda attr: attr.NoiseTunnel(own(attr, base)(TWO.model)).attribute(TWO.inputs, **arguments))
    assert_same(
        lambda attr: attr.NoiseTunnel(own(attr, base, deltas=True)(TWO.model)).attribute(
            TWO.inputs, return_convergence_delta=True, **arguments
        ),
        delta=True,
    )


@pytest.mark.parametrize("base", BASES)
def test_what_a_users_own_method_inherits(base: str):
    def inherited(attr):
        method = own(attr, base, deltas=True)(CASE.model)
        tunnel = attr.NoiseTunnel(method)
        return [
            (each.get_name(), each.has_convergence_delta(), each.multiplies_by_inputs, each.forward_func is CASE.model)
            for each in (method, tunnel)
        ] + [tunnel.attribution_method is method, sorted(vars(tunnel)), sorted(vars(method))]

    import captum.attr

    import pellucid.attr

    assert inherited(pellucid.attr) == inherited(captum.attr)


def cubed(forward_fn, inputs, target_ind=None, additional_forward_args=None):
    """A user's `gradient_func`: the third power of the gradient."""
    with torch.enable_grad():
        outputs = forward_fn(*inputs, *(additional_forward_args or ()))
        if isinstance(target_ind, int):
            target_ind = [target_ind] * len(outputs)
        chosen = outputs[torch.arange(len(outputs)), torch.as_tensor(target_ind)]
        return tuple(gradient**3 for gradient in torch.autograd.grad(chosen.sum(), inputs))


@pytest.mark.parametrize("target", [1, [0, 2, 1, 1], torch.tensor([0, 2, 1, 1])], ids=["int", "list", "tensor"])
@pytest.mark.parametrize("internal_batch_size", [None, 9])
def test_an_assigned_gradient_func_replaces_the_gradient(target: Any, internal_batch_size: int | None):
    arguments = {**TWO.explained, "target": target}

    def assigned(attr, name):
        method = getattr(attr, name)(TWO.model)
        method.gradient_func = cubed
        return method

    assert_same(lambda attr: assigned(attr, "Saliency").attribute(TWO.inputs, **arguments))
    assert_same(lambda attr: assigned(attr, "InputXGradient").attribute(TWO.inputs, **arguments))
    assert_same(
        lambda attr: assigned(attr, "IntegratedGradients").attribute(
            TWO.inputs, internal_batch_size=internal_batch_size, **arguments
        )
    )
    assert_same(lambda attr: assigned(attr, "GradientShap").attribute(TWO.inputs, TWO.draw(3), **arguments))
    assert_same(lambda attr: attr.NoiseTunnel(assigned(attr, "Saliency")).attribute(TWO.inputs, **arguments))


def test_an_assigned_forward_func_replaces_the_model():
    def reassigned(attr):
        method = attr.IntegratedGradients(CASE.model)
        method.forward_func = lambda x: x.sin().sum(1)
        return method.attribute(CASE.inputs)

    assert_same(reassigned)


@pytest.mark.parametrize("kind", ["module", "bound method", "function", "partial"])
def test_any_callable_is_a_forward_func(kind: str):
    from functools import partial

    callables = {
        "module": CASE.model,
        "bound method": CASE.model.forward,
        "function": lambda x: CASE.model(x),
        "partial": partial(torch.nn.Module.__call__, CASE.model),
    }
    assert_same(lambda attr: attr.IntegratedGradients(callables[kind]).attribute(CASE.inputs, target=0))
