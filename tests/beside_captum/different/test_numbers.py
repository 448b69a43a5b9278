"""Where both return numbers and pellucid's are the right ones. Each docstring is a line of `docs/differences.md`."""

import pytest
import torch
from torch import Tensor, nn

from beside_captum.different.compare import both
from beside_captum.same.compare import on_captum, on_pellucid, value_of
from pellucid import attr as pellucid_attr
from training import in_training_mode

X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
W = torch.tensor([2.0, -1.0, 4.0])


def linear(x: Tensor) -> Tensor:
    """The model whose attributions are known: x * W."""
    return (x * W).sum(1)


def off(found: Tensor, right: Tensor) -> float:
    """How far the worst attribution is off, as a share of the largest."""
    return float((found.detach().double() - right).abs().max() / right.abs().max())


@pytest.mark.parametrize("n_steps", [2, 10, 50])
def test_weights_of_the_trapezoid_rule(n_steps: int):
    """`method="riemann_trapezoid"`: Captum's weights sum to (n - 1) / n, so its attributions are too small; to 1."""
    captums, ours = both(
        lambda attr: attr.IntegratedGradients(linear).attribute(X, n_steps=n_steps, method="riemann_trapezoid")
    )
    torch.testing.assert_close(captums.detach(), X * W * (n_steps - 1) / n_steps)
    torch.testing.assert_close(ours, X * W)


def test_trapezoid_rule_on_a_curve():
    """`method="riemann_trapezoid"`: apart from that factor, Captum's attributions are the same."""
    captums, ours = both(
        lambda attr: attr.IntegratedGradients(lambda x: x.sin().sum(1)).attribute(
            X, n_steps=8, method="riemann_trapezoid"
        )
    )
    torch.testing.assert_close(ours, captums.detach() * 8 / 7)


@pytest.mark.parametrize("method", ["gausslegendre", "riemann_middle"])
def test_accuracy_of_integrated_gradients_in_float64(method: str):
    """Integrated gradients of float64 inputs: Captum rounds nodes and weights to float32 (1e-8); exact to 1e-14."""
    x = X.double()
    powers = {"gausslegendre": 5, "riemann_middle": 2}  # what 20 steps of the rule integrate exactly
    right = x ** powers[method]
    captums, ours = both(
        lambda attr: attr.IntegratedGradients(lambda x: (x ** powers[method]).sum(1)).attribute(
            x, n_steps=20, method=method
        )
    )
    assert off(captums, right) > 1e-10
    assert off(ours, right) < 1e-14


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["IntegratedGradients", "GradientShap", "NoiseTunnel"])
def test_half_precision_is_kept(name: str, dtype: torch.dtype):
    """float16 and bfloat16 inputs: Captum returns float32; attributions keep the dtype of their input."""

    def call(attr):
        if name == "NoiseTunnel":
            return attr.NoiseTunnel(attr.Saliency(linear_in_half)).attribute(X.to(dtype), stdevs=0.0)
        baselines = torch.zeros_like(X[:1], dtype=dtype)
        return getattr(attr, name)(linear_in_half).attribute(X.to(dtype), baselines)

    def linear_in_half(x):
        return (x * W.to(x.dtype)).sum(1)

    captums, ours = both(call)
    assert captums.dtype == torch.float32
    assert ours.dtype == dtype
    assert off(ours, W.abs().expand(2, 3) if name == "NoiseTunnel" else X * W) < 0.02


@pytest.mark.parametrize(
    ("name", "baselines"), [("InputXGradient", {}), ("IntegratedGradients", {"baselines": torch.ones_like(X)})]
)
def test_attributions_do_not_require_grad(name: str, baselines: dict[str, Tensor]):
    """Input x gradient, and integrated gradients of inputs that require grad: Captum's results require grad; never."""
    x = X.clone().requires_grad_()
    captums, ours = both(lambda attr: getattr(attr, name)(linear).attribute(x, **baselines))
    assert captums.requires_grad
    assert not ours.requires_grad


@pytest.mark.parametrize(
    ("name", "samples"), [("IntegratedGradients", {"n_steps": 8}), ("GradientShap", {"n_samples": 8})]
)
def test_a_model_that_averages_over_the_batch(name: str, samples: dict[str, int]):
    """A model that returns the mean over its batch, such as a loss: Captum divides by all samples at once too."""

    def call(attr):
        method = getattr(attr, name)(lambda x: linear(x).mean().reshape(1))
        return method.attribute(X, torch.zeros(1, 3), **samples)

    captums, ours = both(call)
    torch.testing.assert_close(captums.detach(), X * W / 2 / 8)
    torch.testing.assert_close(ours, X * W / 2)


@pytest.mark.parametrize("inside", ["Saliency", "InputXGradient", "IntegratedGradients"])
def test_a_model_that_averages_over_the_batch_in_a_noise_tunnel(inside: str):
    """The same in a noise tunnel: Captum divides by `nt_samples` too; each noisy copy of the batch goes in alone."""

    def call(attr):
        method = getattr(attr, inside)(lambda x: linear(x).mean().reshape(1))
        return attr.NoiseTunnel(method).attribute(X, nt_samples=4, stdevs=0.0)

    captums, ours = both(call)
    right = (W.abs().expand(2, 3) if inside == "Saliency" else X * W) / 2
    steps = 50 if inside == "IntegratedGradients" else 1
    torch.testing.assert_close(captums, right / 4 / steps)
    torch.testing.assert_close(ours, right)


def test_deltas_of_a_model_that_sums_up_the_batch():
    """Deltas of a model of one value for the batch: Captum compares each example with the whole change; one delta."""
    (_, captums), (_, ours) = both(
        lambda attr: attr.IntegratedGradients(lambda x: linear(x).sum().reshape(1)).attribute(
            X, return_convergence_delta=True
        )
    )
    assert captums.shape == (2,)
    assert captums.abs().min() > 1
    assert ours.shape == (1,)
    assert ours.abs().max() < 1e-5


@in_training_mode
def test_batch_norm_in_training_mode():
    """Batch norm in training mode: Captum normalises over all steps together; each step sees the batch as it is."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double().train()
    x, n_steps = torch.randn(5, 3, dtype=torch.float64), 6
    gradients = torch.zeros_like(x)
    for step in range(n_steps):
        point = ((step + 0.5) / n_steps * x).requires_grad_()
        gradients += torch.autograd.grad(model(point).sum(), point)[0] / n_steps
    right = gradients * x
    captums, ours = both(
        lambda attr: attr.IntegratedGradients(model).attribute(x, n_steps=n_steps, method="riemann_middle")
    )
    assert off(captums, right) > 0.01
    assert off(ours, right) < 1e-12


def test_a_model_that_writes_into_its_input():
    """A model that changes its input in place: Captum attributes to the changed input, or raises; to the given one."""
    captums, ours = both(
        lambda attr: attr.IntegratedGradients(lambda x: linear(x.mul_(2))).attribute(X.clone().requires_grad_())
    )
    torch.testing.assert_close(ours, 2 * X * W)
    assert off(captums, 2 * X * W) > 0.1

    def saliency(attr):
        return attr.Saliency(lambda x: linear(x.mul_(2))).attribute(X.clone())

    assert type(on_captum(saliency).error) is RuntimeError
    torch.testing.assert_close(value_of(on_pellucid(saliency)), 2 * W.abs().expand(2, 3))


def test_variances_of_attributions_that_hardly_vary():
    """`nt_type="vargrad"` in float32: Captum subtracts large squares, so small variances are noise; they are kept."""

    def call(attr, x=X):
        method = attr.Saliency(lambda x: (200 * x + x**2 / 2).sum(1))
        return attr.NoiseTunnel(method).attribute(x, nt_type="vargrad", nt_samples=20, stdevs=0.1)

    captums, ours = both(call)
    right = value_of(on_captum(lambda attr: call(attr, X.double())))
    assert off(captums, right) > 0.1
    assert off(ours, right) < 1e-3


def test_noise_where_each_row_of_the_output_has_a_target():
    """`NoiseTunnel`, one target for each of the output's rows: Captum's rows take those of others; their own."""

    def model(x: Tensor) -> Tensor:
        return (x * W).repeat_interleave(2, 0)

    target = [0, 1, 2, 2]
    captums, ours = both(
        lambda attr: attr.NoiseTunnel(attr.InputXGradient(model)).attribute(
            X, "smoothgrad_sq", nt_samples=3, stdevs=0.0, target=target
        )
    )
    right = (X * W * torch.tensor([[1, 1, 0], [0, 0, 2]])) ** 2
    torch.testing.assert_close(ours, right)
    assert off(captums, right) > 0.04
    auto = pellucid_attr.NoiseTunnel(pellucid_attr.InputXGradient(model))
    torch.testing.assert_close(auto.attribute(X, "smoothgrad_sq", nt_samples="auto", stdevs=0.0, target=target), right)
