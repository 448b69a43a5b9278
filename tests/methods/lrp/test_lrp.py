"""Relevance passes through whatever a model calls, is not made on the way, and leaves nothing behind."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from laws.problems import problem_of
from laws.registry import close
from pellucid import attr, methods
from pellucid.attr import lrp_rules
from pellucid.errors import InvalidArgument, NoRule, PellucidWarning, WrongType
from pellucid.methods import Composite, Epsilon, Gamma, Options, Pass, Problem, ZBox, ZPlus
from zoo.specimens import efficientnet
from zoo.transformers import TINY, TRANSFORMERS, numbers, seeded


def relevance(model: Callable[..., Any], x: Tensor, composite: Composite | None = None, **more: Any) -> Tensor:
    problem = problem_of(model, x, **({"target": 1} | more))
    return methods.LRP(composite=composite or Composite(), strict=True)(problem).values[0]


ABSORBING = ("Epsilon", "Gamma", "proportional", "softmax_rule", "addition")
"""Rules under which biases, positions and the softmax's own share may be lost."""


@pytest.mark.parametrize("how", ["eager", "sdpa"])
@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("composite", [methods.AttnLRP(), methods.AttnLRP(gamma=0.1)], ids=["epsilon", "gamma"])
def test_transformers_of_hugging_face(name: str, how: str, composite: Composite):
    """All of their calls have rules, and none of these makes relevance or loses what it should not."""
    make, shape = TRANSFORMERS[name]
    model, x = seeded(lambda: make(how)), numbers(3, *shape)
    found = relevance(model, x, composite)
    assert found.isfinite().all()
    assert found.any()
    for flow in methods.LRP(composite=composite).trace(Problem(model, x, target=1)):
        if flow.rule not in ABSORBING or "bias" in flow.rule:
            assert flow.passed == pytest.approx(flow.received, rel=1e-6, abs=1e-9), flow


@pytest.mark.parametrize("how", ["eager", "sdpa"])
def test_fused_attention_is_no_different(how: str):
    make, shape = TRANSFORMERS["bert"]
    x = numbers(3, *shape)
    close((relevance(seeded(lambda: make(how)), x),), (relevance(seeded(lambda: make("eager")), x),), rtol=1e-6)


def test_token_ids_at_their_embeddings():
    model = seeded(lambda: BertModel(BertConfig(**TINY)))
    ids = torch.tensor([[1, 5, 9, 2], [3, 3, 8, 0]])

    def score(ids: Tensor) -> Tensor:
        return model(ids).last_hidden_state[:, 0].cos().sum(1)

    found = attr.LayerLRP(score, model.embeddings.word_embeddings).attribute(ids)
    assert found.shape == (2, 4, 16)
    assert found.abs().sum((1, 2)).gt(0).all()


COMPOSITES = {
    "plus": methods.EpsilonPlus(),
    "plus, flat": methods.EpsilonPlusFlat(),
    "alpha, beta": methods.EpsilonAlpha2Beta1(),
    "gamma, box": methods.EpsilonGammaBox(-3, 3),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_network_with_its_real_weights(name: str):
    """Nothing but layers with biases absorbs, and what is left is all there."""
    model, x = efficientnet().double(), numbers(1, 3, 64, 64)
    problem = Problem(model, x, target=281)
    flows = methods.LRP(composite=COMPOSITES[name], strict=True).trace(problem)
    for flow in flows:
        if flow.rule in ("pass_through", "route", "product", "quotient_rule"):
            assert flow.passed == pytest.approx(flow.received)
    found = methods.LRP(composite=COMPOSITES[name])(problem, return_convergence_delta=True)
    assert float(found.values[0].sum() + found.delta) == pytest.approx(model(x)[0, 281].item())


class PreActivated(nn.Module):
    """A block whose first convolution goes to a batch norm and around it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second, self.last = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(64, 2)
        self.norm.running_var.uniform_(0.5, 2)
        self.norm.running_mean.normal_()

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        return self.last((self.second(self.norm(h).relu()) + h).flatten(1))


def test_a_batch_norm_is_part_of_a_layer_for_itself_alone():
    """What goes around it follows the layer as it is."""
    model, x = seeded(PreActivated), numbers(2, 2, 4, 4)

    class Written(nn.Module):
        """The same, with the batch norm folded by hand."""

        def forward(self, x: Tensor) -> Tensor:
            scale = model.norm.weight / (model.norm.running_var + model.norm.eps).sqrt()
            weight = model.first.weight * scale[:, None, None, None]
            bias = (model.first.bias - model.norm.running_mean) * scale + model.norm.bias
            folded = functional.conv2d(x, weight, bias, padding=1)
            h = functional.conv2d(x, model.first.weight, model.first.bias, padding=1)
            return model.last((model.second(folded.relu()) + h).flatten(1))

    for composite in (methods.EpsilonPlus(), methods.EpsilonPlusFlat(), Composite(default=Gamma())):
        close((relevance(model, x, composite),), (relevance(Written(), x, composite),), rtol=1e-6)


def test_a_batch_norm_of_other_channels_is_no_part_of_the_layer():
    model = seeded(lambda: nn.Sequential(nn.Linear(8, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Flatten(), nn.Linear(25, 2)))
    model[1].running_var.uniform_(0.5, 2)
    flows = methods.LRP(composite=Composite(default=Gamma())).trace(Problem(model, numbers(3, 5, 8), target=1))
    assert any("batch_norm" in flow.call for flow in flows)


def test_a_batch_norm_after_a_layer_whose_input_is_overwritten():
    kernel, norm = numbers(4, 3, 3, 3), (torch.zeros(4).double(), torch.ones(4).double())

    def written(x: Tensor) -> Tensor:
        x = x * 1
        h = functional.conv2d(x, kernel)
        x.sub_(0.5)
        return functional.batch_norm(h, *norm).relu().sum((1, 2, 3)) + x.sum((1, 2, 3))

    def apart(x: Tensor) -> Tensor:
        h = functional.conv2d(x * 1, kernel) * 1  # no layer right before
        return functional.batch_norm(h, *norm).relu().sum((1, 2, 3)) + (x * 1 - 0.5).sum((1, 2, 3))

    x = numbers(2, 3, 5, 5)
    expected = relevance(apart, x, methods.EpsilonPlus(), target=None)
    for create_graph in (False, True):
        found = relevance(written, x, methods.EpsilonPlus(), target=None, create_graph=create_graph)
        close((found.detach(),), (expected,), rtol=1e-6)


def test_a_batch_norm_of_another_dtype():
    model = seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2)))
    model.bfloat16()[1].float()
    x = numbers(2, 3, 6, 6).bfloat16()
    assert relevance(model, x, methods.EpsilonPlusFlat()).dtype == torch.bfloat16


INDICES = (torch.tensor([0, 1]), torch.tensor([2, 2]))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.index_put(INDICES, x[:, 0], accumulate=True).sum(1),
        lambda x: x.index_put(INDICES, x[:, 0]).sum(1),
        lambda x: x.scatter(1, torch.tensor([[0], [1]]), x[:, 2:]).sum(1),
        lambda x: torch.zeros(2, 2).double().scatter_reduce(1, torch.tensor([[0, 1, 1]] * 2), x, "sum").sum(1),
        lambda x: torch.linalg.multi_dot([x, torch.ones(3, 2).double(), torch.ones(2, 2).double()]).sum(1),
        lambda x: functional.grid_sample(
            x.repeat(1, 12).reshape(2, 1, 6, 6), torch.tanh(x.repeat(1, 6).reshape(2, 3, 3, 2)), align_corners=False
        ).sum((1, 2, 3)),
        lambda x: functional.interpolate(x.reshape(2, 1, 1, 3), (4, 5), mode="bilinear", antialias=True).sum((1, 2, 3)),
        lambda x: (x * torch.rsqrt(x.square().mean(1, keepdim=True))).sum(1),
        lambda x: (x * x.square().mean(1, keepdim=True).add_(1e-6).rsqrt_()).sum(1),
        lambda x: (x / x.std(1, keepdim=True)).sum(1),
        lambda x: (x * (1 + torch.tanh(x))).sum(1),
        lambda x: torch.where(x > 0, x, 2 * x).sum(1),
        lambda x: torch.cat([x, x.flip(1)], 1).sum(1),
    ],
)
def test_nothing_is_made_or_lost_without_biases(function: Callable[[Tensor], Tensor]):
    x = numbers(2, 3)
    close((relevance(function, x, target=None).sum(1),), (function(x),), rtol=1e-6)


class Warned(torch.autograd.Function):
    """A function of the user's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


@pytest.mark.parametrize(
    ("function", "said"),
    [(lambda x: x.cumprod(1).sum(1), "cumprod"), (lambda x: Warned.apply(x).sum(1), "Warned")],
)
def test_calls_without_a_rule_are_told_of(function: Callable[[Tensor], Tensor], said: str):
    with pytest.warns(PellucidWarning, match=f"no rule for {said}"):
        attr.LRP(function).attribute(numbers(2, 3))
    with pytest.raises(NoRule, match=said) as raised:
        attr.LRP(function).attribute(numbers(2, 3), strict=True)
    assert isinstance(raised.value, TypeError)


SMALL = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), nn.LayerNorm(4), nn.Linear(4, 2))


def test_which_rule_a_layer_follows():
    """Its own, the first, that of what holds it, of its type, of its function, the default."""
    x, model = numbers(2, 3), seeded(lambda: SMALL)

    def rules(**more: Any) -> list[str]:
        flows = methods.LRP(composite=Composite(**more)).trace(Problem(model, x, target=1))
        return [flow.rule for flow in flows if "Linear" in flow.call]

    assert rules() == ["Epsilon", "Epsilon"]
    assert rules(layers={functional.linear: ZPlus()}) == ["ZPlus", "ZPlus"]
    assert rules(layers={functional.linear: ZPlus(), nn.Linear: Gamma()}) == ["Gamma", "Gamma"]
    assert rules(layers={nn.Linear: Gamma(), "0": ZPlus()}) == ["Gamma", "ZPlus"]
    assert rules(layers={"0": ZPlus()}, first=ZBox(low=-1, high=1)) == ["Epsilon", "ZBox"]
    assert rules(layers={"0": ZPlus(), "0.0": Gamma()}, first=ZBox(low=-1, high=1)) == ["Epsilon", "Gamma"]
    assert rules(layers={model[0]: ZPlus()}) == ["Epsilon", "ZPlus"]


def test_a_rule_of_a_module_that_is_taken_apart():
    """Then it is not."""
    x, model = numbers(2, 3), seeded(lambda: SMALL)
    for key in ("1", model[1], nn.LayerNorm):
        flows = methods.LRP(composite=Composite({key: Pass()})).trace(Problem(model, x, target=1))
        (flow,) = [flow for flow in flows if "LayerNorm" in flow.call]
        assert (flow.rule, flow.received) == ("Pass", pytest.approx(flow.passed))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Composite({"0": "abc"}), WrongType, "got str for '0'"),  # type: ignore[dict-item]
        (lambda: Composite(default=3), WrongType, "got int for 'default'"),  # type: ignore[arg-type]
        (lambda: Composite({3: ZPlus()}), WrongType, "got ZPlus for 3"),  # type: ignore[dict-item]
        (lambda: methods.LRP(composite=methods.EpsilonPlus), WrongType, "Hint: call it"),  # type: ignore[arg-type]
        (lambda: Epsilon(-1.0), InvalidArgument, "epsilon must be at least 0: got -1"),
        (lambda: Gamma(gamma=float("nan")), InvalidArgument, "gamma must be at least 0: got nan"),
        (lambda: methods.AlphaBeta(alpha=2, beta=2), InvalidArgument, "alpha must be 1 \\+ beta"),
    ],
)  # fmt: skip
def test_composites_and_rules_that_are_none(make: Callable[[], Any], error: type[Exception], said: str):
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize(
    ("composite", "said"),
    [
        (Composite({"nope": ZPlus()}), "got 'nope'"),
        (Composite({nn.Linear(2, 2): ZPlus()}), "a Linear that is not"),
        (Composite({"0.0": Pass()}), r"linear makes \(2, 4\) of \(2, 3\)"),
        (Composite(first=ZBox(low=torch.zeros(2, 3), high=1)), r"of one example, \(3,\): got \(2, 3\)"),
    ],
)
def test_composites_that_do_not_fit_the_model(composite: Composite, said: str):
    with pytest.raises(InvalidArgument, match=said):
        relevance(seeded(lambda: SMALL), numbers(2, 3), composite)


def test_an_attribute_that_is_no_rule():
    model = nn.Sequential(nn.Linear(3, 2))
    model[0].rule = "abc"  # type: ignore[assignment]
    with pytest.raises(NoRule, match="rule of a Linear must be a rule of pellucid"):
        attr.LRP(model).attribute(torch.ones(2, 3), target=0)


class Writing(lrp_rules.PropagationRule):
    """A rule that writes weights in place, and more."""

    def _manipulate_weights(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        module.weight.mul_(3)
        module.register_buffer("extra", torch.ones(1))


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize(
    "prepare",
    [
        lambda layer: layer,
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.orthogonal,
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
    ],
)
def test_rules_that_write_weights(prepare: Callable[[nn.Module], nn.Module]):
    """They write those of a copy, wherever the module has its weights from."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = nn.Sequential(prepare(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2)).double().eval()
    x, plain = numbers(3, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).double().eval()
    before, state = attr.LRP(model).attribute(x, target=1), {k: v.clone() for k, v in model.state_dict().items()}
    for layer, other in ((plain[0], model[0]), (plain[2], model[2])):
        layer.weight.data, layer.bias.data = other.weight.detach().clone(), other.bias.detach().clone()
    for rule in (lrp_rules.GammaRule(0.5), Writing()):
        model[0].rule = plain[0].rule = rule  # type: ignore[assignment]
        found = attr.LRP(model).attribute(x, target=1)
        close((found,), (attr.LRP(plain).attribute(x, target=1),))
        assert not torch.equal(found, before)
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_trace_is_a_guest_too():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.inference_mode():
        flows = methods.LRP().trace(Problem(model, numbers(5, 3), target=0))
    assert flows
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    with pytest.raises(InvalidArgument, match=r"^LRP: .* \[inputs: "):
        methods.LRP().trace(Problem(model, numbers(5, 3)))


def test_verbose_prints_every_call(capsys: pytest.CaptureFixture[str]):
    attr.LRP(seeded(lambda: SMALL)).attribute(numbers(2, 3), target=0, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert "linear of (2, 4), (2, 4), (2,) in '2' (Linear)" in lines[0]
    assert "linear of (2, 3), (4, 3), (4,) in '0.0' (Linear)" in lines[-1]


class InPlace(nn.Module):
    """Code that writes into what it has."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.first(x))
        z = torch.relu(y)
        y += z
        y[:, :3].relu_()
        return self.last(functional.relu(y, inplace=True))


MEMORY = [methods.LRP(), methods.LRP(composite=methods.EpsilonPlus()), methods.GuidedBackprop(), methods.DeepLift()]


def tensors() -> int:
    gc.collect()
    return sum(issubclass(type(known), Tensor) for known in gc.get_objects())


@pytest.mark.parametrize("method", MEMORY, ids=["lrp", "folding", "guided", "deeplift"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_no_tensor_outlives_a_call(method: Callable[[Problem], Any], create_graph: bool):
    model, x = seeded(InPlace), numbers(4, 8)

    def call() -> None:
        method(Problem(model, x, target=0, options=Options(create_graph=create_graph)))

    gc.collect()
    gc.freeze()  # what is there already is not looked at, here or in later tests
    call()
    before = tensors()
    for _ in range(4):
        call()
    assert tensors() <= before


def test_no_model_outlives_its_user():
    def explained() -> weakref.ref[nn.Module]:
        model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten()).eval()
        problem = Problem(model, torch.ones(1, 2, 3, 3), target=0)
        methods.LRP(composite=Composite({"0": Gamma()}))(problem)
        methods.LRP(composite=Composite({"0": Gamma()})).trace(problem)
        return weakref.ref(model[0])

    found = explained()
    gc.collect()
    assert found() is None
