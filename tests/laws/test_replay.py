"""Modules before a layer that is the source run once, and nobody can tell from the numbers."""

import gc
import itertools
import logging
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, LlamaConfig, LlamaModel, ViTConfig, ViTModel
from transformers.utils import ModelOutput

from laws.problems import f_of
from laws.registry import close, flat
from laws.state import as_found
from matrices import in_turn
from pellucid import attr, methods
from pellucid.core import batching as budget
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model import activation_replay, interception
from pellucid.methods import Layer, Neuron
from training import in_training_mode
from zoo.specimens import efficientnet

WIDTH, FEATURES = 3, 20
FEW_BYTES = 2**14
SPARE = 5
"""How often a module before the source may run: to be recorded, for baselines, and in checks."""


@pytest.fixture
def several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every forward takes a few rows."""
    monkeypatch.setitem(budget.BLOCK_BYTES, "cpu", FEW_BYTES)
    monkeypatch.setitem(budget.LARGEST_TENSORS, "cpu", 16)


def seeded(make: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return make().double().eval()


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Counting(nn.Linear):
    """Says how often it really ran."""

    def __init__(self, *sizes: int):
        super().__init__(*sizes)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x)


class Net(nn.Module):
    """A module that counts, an activation, the layer, and two linear layers that use what was there before it."""

    def __init__(self):
        super().__init__()
        self.early, self.bend = Counting(WIDTH, WIDTH), nn.Tanh()
        self.layer, self.back, self.last = nn.Linear(WIDTH, FEATURES), nn.Linear(FEATURES, WIDTH), nn.Linear(WIDTH, 2)

    def after(self, z: Tensor) -> Tensor:
        """From the layer to the width before it, no way linear."""
        return torch.tanh(self.back(torch.tanh(z)))

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        return self.last(self.after(self.layer(self.bend(early))) * early)


class WritesAfterTheSource(Net):
    """In-place code after the layer on a tensor made before it."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        z = self.layer(early)
        early.mul_(2).add_(1)
        return self.last(self.after(z) * early)


class WritesBeforeTheSource(Net):
    """In-place code before the layer."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        early += 1
        bent = self.bend(early)
        early *= 2
        return self.last(self.after(self.layer(bent)) * early * bent)


class WritesIntoItsInput(Net):
    """An activation that writes into its input, which is used again."""

    def __init__(self):
        super().__init__()
        self.bend = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        bent = self.bend(early)
        return self.last(self.after(self.layer(bent)) * early + early)


class Doubling(nn.Module):
    """Writes into what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2).sin()


class WritesIntoTheModelsInput(Net):
    """A module before the layer writes into the model's own input, which is used after the layer."""

    def __init__(self):
        super().__init__()
        self.doubling = Doubling()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.after(self.layer(self.early(self.doubling(x)))) * x)


class ReturnsAView(Net):
    """A module returns a view of its input, into which code writes before and after the layer."""

    def __init__(self):
        super().__init__()
        self.view = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        view = self.view(early)
        early.add_(1)
        z = self.layer(early)
        early.mul_(3)
        return self.last(self.after(z) * view)


class BeforeAndAfter(Net):
    """All modules are used before the layer and after it, one several times."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.bend(self.early(self.bend(self.early(x))))
        late = self.after(self.layer(early))
        return self.last(self.bend(self.early(late)) + self.early(early))


class Tied(Net):
    """Weights from before the layer are used after it."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(nn.functional.linear(self.after(self.layer(self.early(x))), self.early.weight.T))


class Sized(Counting):
    """Looks at the size of its batch."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * x.shape[0]


class Centred(Counting):
    """Mixes its batch."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y - y.mean(0)


class LooksAtTheBatch(Net):
    def __init__(self):
        super().__init__()
        self.early = Sized(WIDTH, WIDTH)


class MixesTheBatch(Net):
    def __init__(self):
        super().__init__()
        self.early = Centred(WIDTH, WIDTH)


class CodeMixesTheBatch(Net):
    """Code between modules mixes the batch."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        early = (early - early.mean(0)) * early.shape[0]
        return self.last(self.after(self.layer(self.bend(early))) * early)


class Positions(nn.Module):
    """A cached tensor without a batch dimension."""

    def __init__(self, *shape: int):
        super().__init__()
        self.table = nn.Parameter(torch.randn(*shape))

    def forward(self) -> Tensor:
        return self.table * 1


class Placed(Net):
    """Tokens with positions, of which there may be as many as examples, used before the layer and after it."""

    tokens = 4

    def __init__(self):
        super().__init__()
        self.positions = Positions(self.tokens, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        table = self.positions()
        tokens = self.early(x)[:, None] * torch.arange(1, self.tokens + 1, dtype=x.dtype)[:, None] + table
        z = self.layer(self.bend(tokens).mean(1))
        return self.last((torch.tanh(self.back(z))[:, None] * table * tokens).sum(1))


class PlacedInThree(Placed):
    tokens = 3


class Scaled(Net):
    """A learned scale (1,), as one example may have it."""

    def __init__(self):
        super().__init__()
        self.scale = Positions(1)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.scale()
        return self.last(self.after(self.layer(scale * self.early(x))) * scale)


class TimeFirst(Net):
    """The batch lies in the second dimension of what modules before the layer return."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.bend(self.early(x).transpose(0, 1))
        return self.last(self.after(self.layer(early.transpose(0, 1))) * early.transpose(0, 1))


class Pair(NamedTuple):
    value: Tensor
    name: str


@dataclass
class Plain:
    value: Tensor


@dataclass
class Output(ModelOutput):
    value: Tensor | None = None
    other: Tensor | None = None


class Shaping(nn.Module):
    """Returns its input in some form."""

    def __init__(self, form: Callable[[Tensor], Any]):
        super().__init__()
        self.form = form

    def forward(self, x: Tensor) -> Any:
        return self.form(x)


class Shaped(Net):
    """Modules before the layer hand structures on."""

    form: Callable[[Tensor], Any]
    value: Callable[[Any], Tensor]

    def __init__(self):
        super().__init__()
        self.shaping, self.value_of = Shaping(type(self).form), Shaping(type(self).value)

    def forward(self, x: Tensor) -> Tensor:
        shaped = self.shaping(self.early(x))
        value = self.value_of(shaped)
        return self.last(self.after(self.layer(value)) * type(self).value(shaped) * value)


def shaped(form: Callable[[Tensor], Any], value: Callable[[Any], Tensor]) -> type[Shaped]:
    return type("Shaped", (Shaped,), {"form": staticmethod(form), "value": staticmethod(value)})


class OftenCalled(Net):
    """The same module in a loop, each time with another keyword."""

    class Powers(nn.Module):
        def forward(self, *, base: Tensor, power: int) -> Tensor:
            return base**power

    def __init__(self):
        super().__init__()
        self.powers = self.Powers()

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        first, second, third = (self.powers(base=early, power=power) for power in (1, 2, 3))
        z = self.layer(first - second + third)
        return self.last(self.after(z) * first + second * self.powers(base=third, power=2))


class Remembering(nn.Module):
    """Keeps what it made last."""

    def __init__(self):
        super().__init__()
        self.early = Counting(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        self.kept = torch.tanh(self.early(x))
        return self.kept * 2


class Remembered(Net):
    """After the layer, what a module before it has kept in an attribute is used."""

    def __init__(self):
        super().__init__()
        self.block = Remembering()
        self.early = self.block.early

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.after(self.layer(self.block(x))) * self.block.kept)


class Collected(Net):
    """After the layer, what a hook inside a module before it has collected is used."""

    def __init__(self):
        super().__init__()
        self.collected: dict[str, Tensor] = {}
        self.block = nn.Sequential(self.early, nn.Tanh())
        self.early.register_forward_hook(lambda _, taken, returned: self.collected.update(it=returned))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.after(self.layer(self.block(x))) * self.collected["it"])


class SeldomUsed(Net):
    """What was there before the layer is used after it for some points alone."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        z = self.layer(self.bend(early))
        after = self.after(z)
        some = z[:, 7:8] == 0
        return self.last(torch.where(some, after * early, after) if some.any() else after)


class UsedByScript(Net):
    """What was there before the layer is used after it by a scripted function."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        return self.last(_product(self.after(self.layer(self.bend(early))), early))


class Product(torch.autograd.Function):
    """A product with a gradient of one's own."""

    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor) -> Tensor:
        ctx.save_for_backward(one, other)
        return one * other

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        one, other = ctx.saved_tensors
        return grad * other, grad * one


class UsedByFunction(Net):
    """What was there before the layer is used after it by a function with a gradient of its own."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        return self.last(Product.apply(self.after(self.layer(self.bend(early))), early))


class UsedByNumpy(Net):
    """What was there before the layer is used after it outside torch."""

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        bent = self.bend(early)
        return self.last(self.after(self.layer(bent)) * torch.from_numpy(early.detach().numpy() * 2))


class AsGradientsNeed(Net):
    """A module before the layer takes another way where there are gradients."""

    class Early(Counting):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (2 if torch.is_grad_enabled() else 1)

    def __init__(self):
        super().__init__()
        self.early = self.Early(WIDTH, WIDTH)


class Nested(Net):
    """Modules in modules before the layer, and the layer deep inside others."""

    def __init__(self):
        super().__init__()
        self.outer = nn.ModuleList([nn.Sequential(self.early, nn.Sequential(nn.Tanh(), nn.Linear(WIDTH, WIDTH)))])
        self.inner = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(inplace=True), nn.Sequential(self.layer, nn.Tanh()))

    def forward(self, x: Tensor) -> Tensor:
        first = self.outer[0](x)
        return self.last(torch.tanh(self.back(self.inner(first))) + first)


class CalledTwice(Net):
    """The layer is called twice."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        return self.last(torch.tanh(self.layer(torch.tanh(self.layer(early)))) * early)


class InNoGrad(Net):
    """Runs what comes before the layer without gradients, as a frozen backbone."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            early = self.early(x)
        return self.last(self.after(self.layer(self.bend(early))) * early)


@torch.jit.script_if_tracing  # scripted below, where its warning can be kept
def _product(one: Tensor, other: Tensor) -> Tensor:
    return one * other


REPLAYED: dict[str, type[Net]] = {
    "plain": Net,
    "in-place code after the source": WritesAfterTheSource,
    "in-place code before the source": WritesBeforeTheSource,
    "modules before and after the source": BeforeAndAfter,
    "tied weights": Tied,
    "tuple": shaped(lambda x: (x.sin(), None, 3), lambda each: each[0]),
    "list of one tensor twice": shaped(lambda x: [x, x], lambda each: each[0] + each[1]),
    "dict": shaped(lambda x: {"value": x.sin(), "size": x.shape}, lambda each: each["value"]),
    "named tuple": shaped(lambda x: Pair(x.sin(), "it"), lambda each: each.value),
    "model output": shaped(lambda x: Output(value=x.sin(), other=x.cos()), lambda each: each.value * each.other),
    "integers": shaped(lambda x: (x, x > 0, (4 * x).long()), lambda each: each[0] * each[1] + each[2]),
    "a module called often": OftenCalled,
    "used by a function of its own gradient": UsedByFunction,
    "used by numpy": UsedByNumpy,
    "nested": Nested,
    "without gradients": InNoGrad,
}
"""Where modules before the source are answered."""

DIFFICULT: dict[str, type[Net]] = REPLAYED | {
    "an in-place module": WritesIntoItsInput,
    "a module that writes into the model's input": WritesIntoTheModelsInput,
    "a view": ReturnsAView,
    "positions of four tokens": Placed,
    "positions of three tokens": PlacedInThree,
    "a scale": Scaled,
    "time first": TimeFirst,
    "dataclass": shaped(lambda x: Plain(x.sin()), lambda each: each.value),
    "a cache": Remembered,
    "a hook that collects": Collected,
    "seldom used": SeldomUsed,
    "used by a script": UsedByScript,
    "other code for gradients": AsGradientsNeed,
    "the source is called twice": CalledTwice,
}
"""Where they may be, or it must be noticed that they cannot."""

COARSE = torch.arange(FEATURES)[None] // 3


def f_at_layer(model: nn.Module, x: Tensor, **more: Any) -> ModelFunction:
    return f_of(model, x, **{"target": 1, "source": "layer"} | more)


def replay_of(f: ModelFunction) -> activation_replay.Replay:
    (found,) = f.session.observed.replays.values()
    return found


def mask_of(problem: ModelFunction) -> Tensor:
    return COARSE[:, : problem.x[0].shape[1]]


WAYS: dict[str, Callable[..., Any]] = {
    "LayerFeatureAblation": lambda model, x, **more: attr.LayerFeatureAblation(model, "layer").attribute(
        x, target=1, **more
    ),
    "FeatureAblation": lambda model, x, **more: methods.FeatureAblation()(f_at_layer(model, x, **more)).values,
    "LayerFeaturePermutation": lambda model, x, **more: attr.LayerFeaturePermutation(model, "layer").attribute(
        x, target=1, seed=3, **more
    ),
    "LayerIntegratedGradients": lambda model, x, **more: attr.LayerIntegratedGradients(model, "layer").attribute(
        x, target=1, **{"n_steps": 100} | more
    ),
    "LayerGradientShap": lambda model, x, **more: attr.LayerGradientShap(model, "layer").attribute(
        x, torch.zeros_like(x), target=1, n_samples=50, seed=3, **more
    ),
    "ShapleyValueSampling": lambda model, x, **more: (
        methods.ShapleyValueSampling(n_samples=6, seed=3)(
            f_at_layer(model, x, **more), feature_mask=COARSE[:, : model.layer.out_features]
        ).values
    ),
    "KernelShap": lambda model, x, **more: (
        methods.KernelShap(n_samples=40, seed=3)(
            f_at_layer(model, x, **more), feature_mask=COARSE[:, : model.layer.out_features]
        ).values
    ),
    "Lime": lambda model, x, **more: (
        methods.Lime(n_samples=40, seed=3)(
            f_at_layer(model, x, **more), feature_mask=COARSE[:, : model.layer.out_features]
        ).values
    ),
}
BY_BATCH = {"perturbations_per_eval": 1}


def both(make: Any, explain: Callable[..., Any], x: Tensor, **more: Any) -> tuple[nn.Module, nn.Module]:
    """The numbers are the same with and without; the two models that gave them."""
    with_it, without = seeded(make), seeded(make)
    expected = explain(without, x, replay=False, **more)
    found = explain(with_it, x, **more)
    close(flat(found), flat(expected), rtol=1e-8, atol=1e-11)
    assert not interception._PATCHES
    return with_it, without


@pytest.mark.parametrize(("name", "way"), in_turn(DIFFICULT, WAYS, quick=3))
@pytest.mark.usefixtures("several_blocks")
def test_every_method_gives_the_same_numbers(name: str, way: str):
    both(DIFFICULT[name], WAYS[way], numbers(4, WIDTH))


@pytest.mark.parametrize(
    ("name", "examples", "more"),
    in_turn(DIFFICULT, itertools.product([1, 3, 5], [{}, BY_BATCH]), quick=2),
    ids=str,
)
@pytest.mark.usefixtures("several_blocks")
def test_batches_of_all_sizes_give_the_same_numbers(name: str, examples: int, more: dict[str, Any]):
    both(DIFFICULT[name], WAYS["LayerFeatureAblation"], numbers(examples, WIDTH), **more)


@pytest.mark.parametrize("examples", [1, 2, 3, 4])
@pytest.mark.parametrize("make", [LooksAtTheBatch, MixesTheBatch, CodeMixesTheBatch])
def test_what_looks_at_its_batch_gives_the_same_numbers_for_the_same_batches(make: type[Net], examples: int):
    x = numbers(examples, WIDTH)
    both(make, WAYS["LayerFeatureAblation"], x, **BY_BATCH)
    both(make, WAYS["LayerIntegratedGradients"], x, internal_batch_size=examples)


@pytest.mark.parametrize("examples", [1, 2, 3, 4])
def test_a_module_that_looks_at_the_size_of_its_batch_sees_that_of_each_forward(examples: int):
    both(LooksAtTheBatch, WAYS["LayerFeatureAblation"], numbers(examples, WIDTH))


@pytest.mark.parametrize(
    ("name", "way"),
    in_turn(REPLAYED, [way for way in WAYS if way != "LayerGradientShap"], quick=3),  # which starts at the inputs
)
@pytest.mark.usefixtures("several_blocks")
def test_modules_before_the_source_are_answered(name: str, way: str):
    def make() -> nn.Module:
        model = REPLAYED[name]()
        model.forwards = 0
        model.register_forward_pre_hook(lambda model, _: setattr(model, "forwards", model.forwards + 1))
        return model

    model, without = both(make, WAYS[way], numbers(4, WIDTH))
    before, after = (2, 2) if name == "modules before and after the source" else (1, 0)
    assert model.early.calls <= before * SPARE + after * model.forwards
    assert without.early.calls == (before + after) * without.forwards
    assert without.forwards > SPARE


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_at_a_time_for_a_check_are_not_answered(rows: int):
    _, without = both(Net, WAYS["LayerIntegratedGradients"], numbers(4, WIDTH), internal_batch_size=rows)
    assert without.early.calls > SPARE


def test_a_sweep_too_short_for_a_check_is_not_answered():
    model, without = both(Net, WAYS["LayerIntegratedGradients"], numbers(2, WIDTH), n_steps=3, internal_batch_size=3)
    assert model.early.calls == without.early.calls


class InBatchesOfFour(Net):
    """Takes batches of four alone, for which it has the states to begin with."""

    def __init__(self):
        super().__init__()
        self.state = nn.Parameter(torch.randn(4, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + self.state)


@pytest.mark.parametrize("way", ["LayerFeatureAblation", "FeatureAblation", "LayerIntegratedGradients"])
def test_a_model_that_takes_batches_of_one_size_alone(way: str):
    more = {"internal_batch_size": 4} if way == "LayerIntegratedGradients" else BY_BATCH
    both(InBatchesOfFour, WAYS[way], numbers(4, WIDTH), **more)


class Collapsing(Net):
    """One value for the whole batch."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sum(0, keepdim=True)


@pytest.mark.parametrize("way", ["LayerFeatureAblation", "ShapleyValueSampling"])
def test_a_model_that_collapses_the_batch(way: str):
    both(Collapsing, WAYS[way], numbers(4, WIDTH))


class Dropping(Net):
    def __init__(self):
        super().__init__()
        self.bend = nn.Dropout(0.5)


@in_training_mode
@pytest.mark.parametrize("way", ["LayerFeatureAblation", "LayerIntegratedGradients"])
@pytest.mark.usefixtures("several_blocks")
def test_models_in_training_mode_run_in_full(way: str):
    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        model.bend.train()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return WAYS[way](model, x, **more)

    model, without = both(Dropping, explain, numbers(4, WIDTH))
    assert model.early.calls == without.early.calls > SPARE


class AlwaysDropping(Net):
    def forward(self, x: Tensor) -> Tensor:
        early = nn.functional.dropout(self.early(x), training=True)
        return self.last(self.after(self.layer(early)) * early)


class Alternating(Net):
    """A module whose output depends on how often it was called."""

    class Early(Counting):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1 + self.calls % 2)

    def __init__(self):
        super().__init__()
        self.early = self.Early(WIDTH, WIDTH)


@pytest.mark.parametrize("make", [Alternating, AlwaysDropping, MixesTheBatch])
@pytest.mark.usefixtures("several_blocks")
def test_a_model_that_cannot_be_answered_runs_in_full_and_says_so_in_the_log_alone(
    make: type[Net], caplog: pytest.LogCaptureFixture
):
    model, rows = seeded(make), []
    model.register_forward_pre_hook(lambda _, taken: rows.append(len(taken[0])))
    with caplog.at_level(logging.DEBUG, logger="pellucid"):
        WAYS["FeatureAblation"](model, numbers(4, WIDTH))
    assert len(rows) > SPARE
    assert model.early.calls >= len(rows) - 2  # all but the answered forwards of a check
    assert {record.levelno for record in caplog.records} - {logging.INFO} == {logging.DEBUG}  # rows may meet, too
    assert ["all modules run in every forward" in record.getMessage() for record in caplog.records].count(True) == 1


@pytest.mark.usefixtures("several_blocks")
def test_where_answers_are_right_the_log_says_nothing(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG, logger="pellucid"):
        both(Net, WAYS["FeatureAblation"], numbers(4, WIDTH))
    assert not caplog.records


METHODS = {
    "FeatureAblation": methods.FeatureAblation(),
    "IntegratedGradients": methods.IntegratedGradients(n_steps=100),
    "KernelShap": methods.KernelShap(n_samples=100, seed=3),
}


@pytest.mark.parametrize("way", METHODS)
@pytest.mark.usefixtures("several_blocks")
def test_answers_that_become_wrong_are_noticed_at_the_end(way: str, caplog: pytest.LogCaptureFixture):
    """Then the call begins again, without them."""
    method, x = METHODS[way], numbers(4, WIDTH)
    (expected,) = method(f_at_layer(seeded(Net), x, replay=False)).values
    model, forwards = seeded(Net), []
    problem = f_at_layer(model, x)

    def corrupt(*_: Any) -> None:
        forwards.append(1)
        if len(forwards) == 9:
            assert replay_of(problem).outputs
            for outputs in replay_of(problem).outputs.values():
                for output in outputs:
                    output.mul_(2)

    model.register_forward_pre_hook(corrupt)
    with caplog.at_level(logging.DEBUG, logger="pellucid"):
        (found,) = method(problem).values
    assert model.early.calls > SPARE
    assert len(forwards) > 9 + SPARE
    assert len(caplog.records) == 1
    close((found,), (expected,))


@pytest.mark.parametrize("at", ["output", "input"])
@pytest.mark.parametrize("way", ["FeatureAblation", "IntegratedGradients"])
@pytest.mark.usefixtures("several_blocks")
def test_both_sides_of_a_layer(way: str, at: str):
    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        return getattr(methods, way)()(f_at_layer(model, x, source=Layer("layer", at), **more)).values

    model, _ = both(Net, explain, numbers(7, WIDTH))
    assert model.early.calls <= SPARE


class TwoLayers(Net):
    def __init__(self):
        super().__init__()
        self.other = nn.Linear(WIDTH, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        return self.last(self.after(self.layer(early)) * self.after(self.other(self.bend(early))) + early)


@pytest.mark.parametrize("layers", [["layer", "other"], ["other", "layer"], ["bend", "other"], ["early", "layer"]])
@pytest.mark.usefixtures("several_blocks")
def test_lists_of_layers(layers: list[str]):
    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        return attr.LayerFeatureAblation(model, layers).attribute(x, target=1, **more)

    both(TwoLayers, explain, numbers(4, WIDTH))


@pytest.mark.parametrize("neuron", ["back", "last", "early", "bend", "block.0", "block"])
@pytest.mark.parametrize("way", ["FeatureAblation", "ShapleyValueSampling"])
@pytest.mark.usefixtures("several_blocks")
def test_neurons_after_the_source_and_before_it(way: str, neuron: str):
    class WithBlock(Net):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh())

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(self.block(x))

    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        method = methods.FeatureAblation() if way == "FeatureAblation" else methods.ShapleyValueSampling(n_samples=2)
        found = []
        for _ in range(2):  # the second stops early
            torch.manual_seed(0)
            problem = f_at_layer(model, x, target=Neuron(neuron, 1), **more)
            found.append(method(problem, feature_mask=COARSE).values)
        return found

    with torch.random.fork_rng():
        both(WithBlock, explain, numbers(4, WIDTH))


@pytest.mark.usefixtures("several_blocks")
def test_a_forward_of_the_users_on_an_instance_is_honoured_and_stays():
    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        ran = []

        def doubled(value: Tensor) -> Tensor:
            ran.append(1)
            return 2 * Counting.forward(model.early, value)

        model.early.forward = doubled
        before = dict(vars(model.early))
        found = WAYS["FeatureAblation"](model, x, **more)
        assert model.early.forward is doubled
        assert vars(model.early).keys() == before.keys()
        assert ran
        plain = WAYS["FeatureAblation"](seeded(Net), x, replay=False)
        assert not torch.allclose(found[0], plain[0])
        return found

    model, _ = both(Net, explain, numbers(4, WIDTH))
    assert model.early.calls <= SPARE


@pytest.mark.usefixtures("several_blocks")
def test_hooks_of_the_users_act_once_in_every_forward():
    counts: list[dict[str, int]] = []

    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        counts.append({"model": 0, "before": 0, "after": 0})

        def count(what: str) -> None:
            counts[-1][what] += 1

        def after(module: nn.Module, taken: Any, returned: Tensor) -> Tensor:
            count("after")
            return returned * 3

        def before(module: nn.Module, taken: Any) -> Any:
            count("before")
            return (taken[0] + 1,)

        model.register_forward_pre_hook(lambda *_: count("model"))
        model.early.register_forward_pre_hook(before)
        model.early.register_forward_hook(after)
        return WAYS["FeatureAblation"](model, x, **more)

    model, _ = both(Net, explain, numbers(4, WIDTH))
    assert model.early.calls <= SPARE
    for each in counts:
        assert each["model"] == each["before"] == each["after"] > SPARE


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("several_blocks")
def test_scripted_modules_before_the_source(whole: bool):
    class Scripted(Net):
        def forward(self, x: Tensor) -> Tensor:
            early = self.early(x)
            return self.last(self.after(self.layer(self.block(early))) * early)

    def make() -> nn.Module:
        model = Scripted()
        script = torch.jit.script(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()))
        model.block = script if whole else nn.Sequential(nn.Linear(WIDTH, WIDTH), script)
        return model

    both(make, WAYS["FeatureAblation"], numbers(4, WIDTH))
    both(make, WAYS["LayerIntegratedGradients"], numbers(4, WIDTH))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("several_blocks")
def test_scripted_functions_after_the_source(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(globals(), "_product", torch.jit.script(_product.__wrapped__))
    both(UsedByScript, WAYS["FeatureAblation"], numbers(4, WIDTH))
    both(UsedByScript, WAYS["LayerIntegratedGradients"], numbers(4, WIDTH))


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.usefixtures("several_blocks")
def test_compiled_modules_run_in_full(part: bool):
    def make() -> nn.Module:
        model = Net()
        if part:
            model.bend.compile(backend="eager")
        return model

    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        compiled = model if part else torch.compile(model, backend="eager")
        return attr.LayerFeatureAblation(compiled, model.layer).attribute(x, target=1, **more)

    model, without = both(make, explain, numbers(4, WIDTH))
    assert model.early.calls == without.early.calls
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:.*cuda.*")
@pytest.mark.usefixtures("several_blocks")
def test_data_parallel_models():
    x = numbers(4, WIDTH)
    (expected,) = WAYS["FeatureAblation"](seeded(Net), x, replay=False)
    model = seeded(Net)
    parallel = nn.DataParallel(model)
    (found,) = methods.FeatureAblation()(f_at_layer(parallel, x, source=model.layer)).values
    close((found,), (expected,))


class WithArguments(Net):
    """Takes ids, and an argument for each example."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, WIDTH)

    def forward(self, ids: Tensor, scale: Tensor, power: int) -> Tensor:
        early = self.early(self.embedding(ids).mean(1)) * scale**power
        return self.last(self.after(self.layer(early)) * early)


@pytest.mark.usefixtures("several_blocks")
def test_integers_and_further_arguments():
    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        given = {"additional_forward_args": (numbers(4, 1, seed=2), 2), "target": 1} | more
        return (
            attr.LayerFeatureAblation(model, "layer").attribute(x, **given),
            attr.LayerIntegratedGradients(model, "layer").attribute(x, torch.zeros_like(x), **given),
        )

    model, _ = both(WithArguments, explain, torch.arange(24).reshape(4, 6) % 9)
    assert model.early.calls <= 2 * SPARE


@pytest.mark.usefixtures("several_blocks")
def test_functions_that_call_modules():
    def explain(model: nn.Module, x: Tensor, **more: Any) -> Any:
        def forward(given: Tensor) -> Tensor:
            return model(given).softmax(1)

        return attr.LayerFeatureAblation(forward, model.layer).attribute(x, target=1, **more)

    model, _ = both(Net, explain, numbers(4, WIDTH))
    assert model.early.calls <= SPARE


@pytest.mark.usefixtures("several_blocks")
def test_a_pathway_used_again_is_answered_for_the_same_inputs():
    x = numbers(4, WIDTH)
    expected = f_at_layer(seeded(Net), x, replay=False)
    model = seeded(Net)
    problem = f_at_layer(model, x)
    for method in (methods.FeatureAblation(), methods.IntegratedGradients(), methods.Lime(seed=0)):
        close(method(problem).values, method(expected).values, rtol=1e-8)
    assert model.early.calls <= 3 * SPARE


@pytest.mark.usefixtures("several_blocks")
def test_weights_changed_between_calls_count():
    x, model, other = numbers(4, WIDTH), seeded(Net), seeded(Net)
    WAYS["FeatureAblation"](model, x)
    with torch.no_grad():
        for each in (model, other):
            each.early.weight.mul_(2)
    close(WAYS["FeatureAblation"](model, x), WAYS["FeatureAblation"](other, x, replay=False))


@pytest.mark.parametrize("way", ["FeatureAblation", "LayerIntegratedGradients"])
@pytest.mark.usefixtures("several_blocks")
def test_a_call_leaves_all_as_found(way: str):
    def forward(x: Tensor) -> Tensor:
        return model.early.weight.sum() * x

    model, x = seeded(Net), numbers(4, WIDTH)
    model.early = nn.Linear(WIDTH, WIDTH).double()  # one that does not count
    model.bend.forward = forward
    with as_found(model, x):
        WAYS[way](model, x)
    assert not interception._PATCHES


@pytest.mark.parametrize("failing", range(1, 20, 3))
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.usefixtures("several_blocks")
def test_an_exception_in_any_forward_leaves_every_module_as_found(failing: int, error: type[BaseException]):
    class Failing(Net):
        def forward(self, x: Tensor) -> Tensor:
            forwards.append(1)
            early = self.early(x)
            z = self.layer(self.bend(early))
            if len(forwards) >= failing:
                raise error("from the model")
            return self.last(self.after(z) * early)

    model, x, forwards = seeded(Failing), numbers(4, WIDTH), []
    model.early = nn.Linear(WIDTH, WIDTH).double()
    with as_found(model, x), pytest.raises(error, match="from the model"):
        WAYS["FeatureAblation"](model, x)
    assert len(forwards) >= failing
    assert not interception._PATCHES


def test_threads_that_share_a_model_beside_one_that_predicts(several_blocks: None):
    model, threads = seeded(BeforeAndAfter), 4
    inputs = [numbers(3 + thread, WIDTH, seed=thread) for thread in range(threads)]
    ways = ["FeatureAblation", "LayerIntegratedGradients", "ShapleyValueSampling"]
    serial = [[flat(WAYS[way](seeded(BeforeAndAfter), x, replay=False)) for way in ways] for x in inputs]
    plain, start, stop = model(inputs[0]), threading.Barrier(threads), threading.Event()

    def work(thread: int) -> None:
        start.wait()
        for turn in range(6):
            which = (thread + turn) % len(ways)
            close(flat(WAYS[ways[which]](model, inputs[thread])), serial[thread][which], rtol=1e-8)

    def predict() -> int:
        count = 0
        while not stop.is_set():
            assert torch.equal(model(inputs[0]), plain)
            count += 1
        return count

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        with ThreadPoolExecutor(threads + 1) as pool:
            predictions = pool.submit(predict)
            try:
                list(pool.map(work, range(threads)))
            finally:
                stop.set()
            assert predictions.result() > 0
    finally:
        sys.setswitchinterval(interval)
    assert not interception._PATCHES
    assert all("forward" not in vars(module) for module in model.modules())


@pytest.mark.parametrize("way", ["FeatureAblation", "LayerIntegratedGradients"])
def test_nothing_is_kept_alive(way: str, several_blocks: None):
    model, x = seeded(Net), numbers(4, WIDTH)
    WAYS[way](model, x)
    kept = [weakref.ref(each) for each in (model, model.early, model.early.weight, x)]
    del model, x
    gc.collect()
    assert [each() for each in kept] == [None] * 4
    assert not interception._PATCHES


SIZES = {"hidden_size": 8, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 10}


def of_ids(model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda ids: model(input_ids=ids).last_hidden_state[:, -1]


def of_pixels(model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda pixels: model(pixel_values=pixels).last_hidden_state[:, 0]


IDS = torch.arange(15).reshape(3, 5) * 7 % 11


class Reader(NamedTuple):
    """A model of Hugging Face's, as it is called."""

    make: Callable[[], nn.Module]
    forward: Callable[[nn.Module], Callable[[Tensor], Tensor]]
    blocks: Callable[[nn.Module], Any]
    inputs: Tensor


HUGGING: dict[str, Reader] = {
    "BERT": Reader(
        lambda: BertModel(BertConfig(vocab_size=11, **SIZES), add_pooling_layer=False),
        of_ids, lambda model: model.encoder.layer, IDS,
    ),
    "GPT-2": Reader(
        lambda: GPT2Model(GPT2Config(n_embd=8, n_layer=4, n_head=2, n_positions=16, vocab_size=11)),
        of_ids, lambda model: model.h, IDS,
    ),
    "Llama": Reader(
        lambda: LlamaModel(LlamaConfig(vocab_size=11, num_key_value_heads=1, pad_token_id=0, **SIZES)),
        of_ids, lambda model: model.layers, IDS,
    ),
    "ViT": Reader(
        lambda: ViTModel(ViTConfig(image_size=8, patch_size=4, **SIZES), add_pooling_layer=False),
        of_pixels, lambda model: next(m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == 4),
        numbers(3, 3, 8, 8),
    ),
}  # fmt: skip


def counting(module: nn.Module) -> list[int]:
    """Have a module say how often it really ran."""
    ran: list[int] = []
    kind = type(module)

    class Counted(kind):  # type: ignore[misc, valid-type]
        def forward(self, *arguments: Any, **keywords: Any) -> Any:
            ran.append(1)
            return kind.forward(self, *arguments, **keywords)

    module.__class__ = Counted
    return ran


@pytest.mark.newer  # blocks that return a tensor, and not what they have cached
@pytest.mark.parametrize("name", HUGGING)
def test_early_blocks_of_hugging_face_models_do_not_run(name: str):
    make, forward, blocks_of, inputs = HUGGING[name]
    features = torch.arange(8).reshape(1, 1, 8)
    results, runs = [], []
    for answered in (False, True):
        model = seeded(make)
        blocks = blocks_of(model)
        ran = [counting(block) for block in blocks]
        call = forward(model)
        ablation = attr.LayerFeatureAblation(call, blocks[2]).attribute(
            inputs, target=1, layer_mask=features, perturbations_per_eval=1, replay=answered
        )
        gradients = attr.LayerIntegratedGradients(call, blocks[2]).attribute(
            inputs, torch.zeros_like(inputs), target=1, internal_batch_size=6, replay=answered
        )
        results.append(flat((ablation, gradients)))
        runs.append([len(each) for each in ran])
    close(results[1], results[0], rtol=1e-8)
    without, answered = runs
    assert min(without) > 10
    assert max(answered[:2]) <= SPARE
    assert answered[3] > 10


def test_efficientnet_with_its_real_weights(monkeypatch: pytest.MonkeyPatch):
    """Its activations are so large that hardly a row would fit, were it not replayed."""
    model, x = efficientnet(), torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    stem, calls = model._conv_stem, []
    forward = type(stem).forward
    monkeypatch.setattr(type(stem), "forward", lambda self, x: (calls.append(self is stem), forward(self, x))[1])
    channels = torch.arange(48).repeat_interleave(4).view(1, 192, 1, 1)
    for explain in (
        lambda **more: attr.LayerIntegratedGradients(model, "_blocks.14").attribute(x, target=281, n_steps=40, **more),
        lambda **more: attr.LayerFeatureAblation(model, "_blocks.14").attribute(
            x, target=281, layer_mask=channels, **more
        ),
    ):
        calls.clear()
        found = explain()
        assert sum(calls) <= SPARE
        expected = explain(replay=False)
        close((found,), (expected,), rtol=1e-3, atol=1e-4 * expected.abs().max().item())
