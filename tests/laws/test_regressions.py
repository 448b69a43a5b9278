"""Faults that models of others showed, each with the input that shows it and its right value."""

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.errors import InvalidArgument, NotDifferentiable, NotSupported, PellucidWarning


def close(found: Tensor, expected: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=atol)


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("method", [attr.LRP, attr.DeepLift])
def test_one_image_channels_last_behind_a_batch_norm(method: type):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2)).eval()
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.5, 2)
    x = numbers(1, 3, 8, 8)
    right = method(net).attribute(x, target=1)
    last = {"memory_format": torch.channels_last}
    close(method(net.to(**last)).attribute(x.to(**last), target=1), right)


def test_writing_into_what_an_einsum_returns():
    def model(x: Tensor) -> Tensor:
        scores = torch.einsum("bxd,byd->bxy", x, x)
        scores[:, 0] = 0
        return scores.sum((1, 2))

    x = numbers(2, 3, 4)
    close(attr.DeepLift(model).attribute(x).sum((1, 2)), model(x))
    assert attr.LRP(model).attribute(x).shape == x.shape


FOURIER = {
    "one": lambda x: torch.fft.fft(x).real.sum((1, 2)),
    "both dimensions, as in FNet": lambda x: torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real.sum((1, 2)),
    "of several": lambda x: torch.fft.fftn(x, dim=(1, 2)).real.sum((1, 2)),
    "sizes": lambda x: torch.fft.rfft(x).abs().sum((1, 2)),
    "weighted, as in FNO": lambda x: torch.fft.irfft(
        torch.einsum("bij,kj->bkj", torch.fft.rfft(x), torch.complex(numbers(3, 4), numbers(3, 4).flip(0))), n=6
    ).sum((1, 2)),
}


@pytest.mark.parametrize("name", FOURIER)
def test_relevance_passes_fourier_transforms_without_loss(name: str):
    x = numbers(2, 4, 6)
    found, delta = attr.LRP(FOURIER[name]).attribute(x, return_convergence_delta=True)
    close(found.sum((1, 2)), FOURIER[name](x), atol=1e-3)
    close(delta, torch.zeros(2), atol=1e-3)


def test_relevance_of_complex_constants_is_real():
    x = numbers(2, 3)
    found = attr.LRP(lambda x: torch.exp(1j * x).real.sum(1)).attribute(x)
    assert found.dtype == x.dtype
    close(found, x.cos())


def test_complex_inputs_and_layers():
    z, weight = torch.complex(numbers(2, 3), numbers(2, 3).flip(0)), torch.complex(numbers(3), numbers(3).flip(0))

    def model(z: Tensor) -> Tensor:
        return (z * weight).abs().square().sum(1)

    gradient = 2 * z * weight.abs().square()
    close(attr.InputXGradient(model).attribute(z), gradient * z)
    close(attr.IntegratedGradients(model).attribute(z), gradient * z / 2)
    assert attr.DeepLift(model).attribute(z).is_complex()

    class OfLayer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.inside(torch.fft.fft(x)).abs().sum(1)

    close(attr.LayerActivation(OfLayer(), "inside").attribute(numbers(2, 3)), torch.fft.fft(numbers(2, 3)))


def test_the_delta_of_relevance_where_the_batch_has_one_value():
    x, weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0])
    found, delta = attr.LRP(lambda x: (x * weight).sum()).attribute(x, return_convergence_delta=True)
    close(found, x * weight)
    close(delta, torch.zeros(1))


def test_relevance_of_a_number_of_zero_is_the_function_s_own():
    found = attr.LRP(lambda x: (x - x.mean(1, keepdim=True)).sigmoid().sum(1)).attribute(
        torch.tensor([[1.0, 2.0, 3.0]])
    )
    assert found.abs().max() < 10
    close(found.sum(1), torch.tensor([1.0]))  # the sigmoid of zero, a half, stays there


class Lazy(nn.Module):
    """Makes a table when it is first needed, and a longer one for longer sequences."""

    def __init__(self):
        super().__init__()
        self.table, self.first = None, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        if self.table is None or len(self.table) < x.shape[1]:
            self.table = torch.sin(torch.arange(float(x.shape[1])))
        return torch.tanh(self.first(x) + self.table[: x.shape[1], None]).sum((1, 2))


def test_constants_that_are_made_when_they_are_first_needed():
    model = Lazy()
    for length in (3, 5):
        x, many = numbers(2, length, 4), numbers(3, length, 4).flip(0)
        assert attr.DeepLift(model).attribute(x, return_convergence_delta=True)[1].abs().max() < 1e-5
        _, delta = attr.DeepLiftShap(Lazy()).attribute(x, many, return_convergence_delta=True)
        assert delta.abs().max() < 1e-5


def test_exported_programs_follow_the_rules_of_their_functions():
    net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3), nn.Softmax(1)).eval()
    x = numbers(3, 4)
    program = torch.export.export(net, (x,)).module()
    for method in (attr.DeepLift, attr.LRP):
        close(method(program).attribute(x, target=1), method(net).attribute(x, target=1))


class Forces(nn.Module):
    """The gradient of an energy."""

    def __init__(self):
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            return torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)[0]


@pytest.mark.parametrize("method", [attr.LRP, attr.DeepLift, attr.GuidedBackprop])
def test_rules_do_not_follow_a_gradient_that_the_forward_takes(method: type):
    with pytest.raises(NotSupported, match=r"must take no gradient itself.*Hint"):
        method(Forces()).attribute(numbers(4, 3), target=0)


def test_gradients_and_games_explain_a_gradient_that_the_forward_takes():
    model, x = Forces(), numbers(4, 3)
    found, delta = attr.IntegratedGradients(model).attribute(x, target=0, return_convergence_delta=True)
    assert delta.abs().max() < 1e-5
    close(attr.ShapleyValues(model).attribute(x, target=0).sum(1), (model(x) - model(0 * x))[:, 0].detach())
    assert found.shape == x.shape


def test_derivatives_of_torch_func_inside_a_sweep_of_several_blocks():
    def model(x: Tensor) -> Tensor:
        return torch.func.vmap(torch.func.grad(lambda row: row.pow(3).sum()))(x).sum(1)

    x = numbers(2000, 30)
    close(attr.IntegratedGradients(model).attribute(x), x.square() * 3, atol=1e-4)


def test_a_model_that_routes_by_its_data_is_named_so():
    gate, head = nn.Linear(6, 2), nn.Linear(8, 1)
    experts = nn.ModuleList([nn.Sequential(nn.Linear(6, 8), nn.ReLU()) for _ in range(2)])

    def model(x: Tensor) -> Tensor:
        weight, which = gate(x).softmax(-1).max(-1)
        out = x.new_zeros(len(x), 8)
        for i, expert in enumerate(experts):
            rows = (which == i).nonzero()[:, 0]
            if len(rows):
                out.index_add_(0, rows, expert(x[rows]) * weight[rows, None])
        return head(out)

    with torch.no_grad():
        gate.weight.copy_(torch.eye(2, 6) * 5)
    x, start = numbers(4, 6), numbers(4, 6).flip(0).neg()
    with pytest.raises(InvalidArgument, match="routes by its data"):
        attr.DeepLift(model).attribute(x, start)


CHOICES = {
    "sizes": lambda x: torch.where(x > 0, x, -x),
    "steps": lambda x: torch.where(x > 0.2, x + 3, 0.1 * x),
    "of a constant": lambda x: torch.where(x < 0, torch.tensor(0.5), x.square()),
    "a method": lambda x: x.exp().where(x.sum(1, keepdim=True) > 0, 1),
}


@pytest.mark.parametrize("name", CHOICES)
def test_contributions_add_up_where_inputs_and_baselines_choose_another_branch(name: str):
    x, start = numbers(2, 8, 5).double().unbind()
    found, delta = attr.DeepLift(lambda x: CHOICES[name](x).sum(1)).attribute(x, start, return_convergence_delta=True)
    assert delta.abs().max() < 1e-12
    if name != "a method":
        close(found, CHOICES[name](x) - CHOICES[name](start))


def test_a_frozen_part_is_not_said_to_have_no_effect():
    head = nn.Linear(3, 1)

    def model(x: Tensor) -> Tensor:
        with torch.no_grad():
            x = x * 2
        return head(x)

    with pytest.warns(PellucidWarning, match=r"no gradient reaches inputs.*torch.no_grad.*Hint"):
        assert not attr.Saliency(model).attribute(numbers(2, 3)).any()


@pytest.mark.parametrize("method", [attr.Saliency, attr.InputXGradient])
def test_a_saturated_output_is_told_of(method: type):
    def model(x: Tensor) -> Tensor:
        return torch.stack([200 * x.sum(1), torch.zeros(len(x))], 1).softmax(1)

    with pytest.warns(PellucidWarning, match=r"zero for examples \[1\].*levelled off.*Hint: explain the logits"):
        method(model).attribute(torch.tensor([[0.001, 0.0], [1.0, 2.0]]), target=0)


@pytest.mark.parametrize("method", [attr.Saliency, attr.GuidedBackprop, attr.Deconvolution])
def test_an_output_with_a_slope_is_not_said_to_have_levelled_off(method: type):
    """Behind rectifiers that are closed, or where a rule lets nothing pass."""
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 1), nn.Sigmoid()).eval()
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(4))
        net[2].weight.fill_(-1.0)
        net[2].bias.zero_()
    x = numbers(3, 4).abs()
    for inputs in (x / 4, -x):
        found = method(net).attribute(inputs)
        assert found.shape == x.shape
    with pytest.warns(PellucidWarning, match=r"zero for examples \[0, 1, 2\].*levelled off"):
        method(net[2:]).attribute(1e3 * (1 + x))


def steep(x: Tensor) -> Tensor:
    return torch.sigmoid(400 * (x.sum(1) - 1.003))


@pytest.mark.parametrize("given", [{}, {"return_convergence_delta": True}, {"n_steps": 20}])
def test_integrated_gradients_that_do_not_add_up_are_told_of_once(given: dict):
    with pytest.warns(PellucidWarning, match=r'do not add up.*n_steps="auto"') as told:
        attr.IntegratedGradients(steep).attribute(torch.ones(3, 2), **given)
    assert len(told) == 1


def test_integrated_gradients_that_add_up_say_nothing_and_look_at_their_ends_by_the_way():
    rows: list[int] = []

    def model(x: Tensor) -> Tensor:
        rows.append(len(x))
        return x.square().sum(1)

    for _ in range(2):
        rows.clear()
        close(attr.IntegratedGradients(model).attribute(torch.ones(3, 2)), torch.ones(3, 2))
    assert rows == [3 * 52]
    rows.clear()
    attr.IntegratedGradients(model).attribute(torch.ones(3, 2), n_steps=19)
    assert rows == [3 * 19]


ORDINARY = {
    "layers": (lambda: nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)), (4,)),
    "pictures": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32, 3),
        ),
        (3, 10, 10),
    ),
    "probabilities": (
        lambda: nn.Sequential(
            nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3), nn.Softmax(1)
        ),
        (20,),
    ),
}


@pytest.mark.parametrize("examples", [1, 16])
@pytest.mark.parametrize("name", ORDINARY)
def test_integrated_gradients_of_ordinary_networks_say_nothing(name: str, examples: int):
    """Not either where the output of an example changes by next to nothing, so that any miss is large beside it."""
    make, shape = ORDINARY[name]
    with torch.random.fork_rng():
        for seed in range(40):
            torch.manual_seed(seed)
            attr.IntegratedGradients(make().eval()).attribute(torch.randn(examples, *shape), target=1)


def test_integrated_gradients_of_a_single_example_that_do_not_add_up_are_told_of():
    x = torch.cat([torch.ones(1, 2), torch.rand(15, 2, generator=torch.Generator().manual_seed(0)) / 4])
    with pytest.warns(PellucidWarning, match=r"do not add up.* miss by up to 1:"):
        attr.IntegratedGradients(lambda x: steep(x) + x.sum(1)).attribute(x)


class Steep(nn.Module):
    """A layer before a steep place, and a way around it that may be closed."""

    def __init__(self, around: float) -> None:
        super().__init__()
        self.layer, self.around = nn.Tanh(), around

    def forward(self, x: Tensor) -> Tensor:
        return steep(2 * self.layer(x)) + self.around * x.sum(1)


@pytest.mark.parametrize("given", [{}, {"return_convergence_delta": True}, {"n_steps": 20, "internal_batch_size": 70}])
def test_conductances_that_do_not_add_up_are_told_of_once(given: dict):
    model = Steep(0)
    with pytest.warns(PellucidWarning, match=r"do not add up.*Hint: .* more of them") as told:
        attr.LayerConductance(model, model.layer).attribute(torch.ones(3, 2), **given)
    assert len(told) == 1


def test_conductances_of_a_layer_that_not_all_flows_through_need_not_add_up():
    model = Steep(1)
    attr.LayerConductance(model, model.layer).attribute(torch.ones(3, 2))


def test_conductances_are_the_same_whether_or_not_their_sums_are_looked_at():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x = torch.randn(3, 3, dtype=torch.float64)
    looked, blind = (
        attr.LayerConductance(model, model[1]).attribute(x, n_steps=30, internal_batch_size=most) for most in (None, 3)
    )
    close(looked, blind, atol=1e-12)


def test_a_gradient_at_the_baseline_that_is_no_number_stays_outside():
    found = attr.IntegratedGradients(lambda x: x.abs().sqrt().sum(1)).attribute(torch.ones(2, 2), n_steps=500)
    close(found, torch.ones(2, 2), atol=1e-2)


def as_complex(x: Tensor) -> Tensor:
    return torch.view_as_complex(x.reshape(-1, 2, 2))


def size(z: Tensor) -> Tensor:
    return (z.real.square() + z.imag.square()).sqrt()


def power(x: Tensor) -> Tensor:
    return torch.einsum("bi,bi->b", torch.fft.fft(x), torch.fft.fft(x).conj()).real


COMPLEX = {
    "over a real number": lambda x: as_complex(x) / (x[:, :2].square() + 1),
    "over its size": lambda x: as_complex(x) / (size(as_complex(x)) + 0.1),
    "over a complex number": lambda x: x[:, :2] / (as_complex(x) + 2),
    "one over it": lambda x: 1 / (as_complex(x) + 2),
    "a number over it": lambda x: torch.div(2j, as_complex(x) + 2),
    "a rectified size": lambda x: (size(as_complex(x)) - 0.2).relu() * as_complex(x) / (size(as_complex(x)) + 1e-3),
    "times a real number": lambda x: as_complex(x) * x[:, :2],
    "times its conjugate": lambda x: as_complex(x) * as_complex(x).conj() * x[:, 2:],
    "power": lambda x: power(x)[:, None],
    "as a matrix": lambda x: (torch.fft.fft(x)[:, None] @ torch.fft.fft(x)[:, :, None].conj())[:, 0],
}


@pytest.mark.parametrize("name", COMPLEX)
def test_contributions_add_up_through_products_and_quotients_of_complex_numbers(name: str):
    x, start = numbers(2, 3, 4).double().unbind()
    for part in (
        lambda z: z.real.sum(1),
        lambda z: torch.view_as_real(z.to(torch.complex128).resolve_conj()).sum((1, 2)),
    ):
        explained = attr.DeepLift(lambda x, part=part: part(COMPLEX[name](x)))
        found, delta = explained.attribute(x, start, return_convergence_delta=True)
        assert found.dtype == x.dtype
        assert delta.abs().max() < 1e-12


def test_relevance_passes_conjugates():
    x = numbers(2, 4)
    for model in (
        power,
        lambda x: COMPLEX["as a matrix"](x).real.sum(1),
        lambda x: torch.fft.fft(x).conj().real.sum(1),
    ):
        close(attr.LRP(model).attribute(x).sum(1), model(x), atol=1e-4)


def test_an_output_made_of_what_a_rule_takes_as_a_constant_is_told_so():
    with pytest.raises(NotDifferentiable, match="takes as a constant, such as 1 / x"):
        attr.LRP(lambda x: (1 / (as_complex(x) + 2)).real.sum(1)).attribute(numbers(2, 4))
