"""Rules on calls: whose rule is followed, what a rule sees, and that nothing is left behind."""

import dataclasses
import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import _len_torch_function_stack

from pellucid.core.autograd.dependence import marked_as_source
from pellucid.core.rules.entries import ChooseRule, Decompose, ForProducts, ModifiedCall, RepeatCall
from pellucid.core.rules.memory import CallMemory
from pellucid.core.rules.ruled_forward import apply, record
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall, is_inplace, name_of
from pellucid.errors import InvalidArgument


@pytest.fixture(autouse=True)
def the_stack_of_modes_is_clean() -> Any:
    yield
    assert _len_torch_function_stack() == 0


def constant(factor: float) -> Rule:
    """Every input gets the gradient, times a factor."""

    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        return tuple((grad * factor).expand_as(each) for each in call.inputs)

    return rule


def gradient(rules: Rules, model: Callable[[Tensor], Tensor], x: Tensor | None = None) -> Tensor:
    """What passes back under rules to inputs, of zeros and ones where not given."""
    x = (torch.tensor([[0.0, 1.0]]) if x is None else x).clone().requires_grad_()
    with apply(rules, model):
        output = model(x)
    return torch.autograd.grad(output.sum(), x)[0]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.inner, self.last = nn.Tanh(), nn.Sequential(nn.Tanh(), nn.Sigmoid()), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(self.first(x)))


class MyTanh(nn.Tanh):
    pass


# Whose rule ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "relu",
    [
        functional.relu, torch.relu, Tensor.relu, lambda x: torch.relu_(x * 1), lambda x: (x * 1).relu_(),
        lambda x: functional.relu(x * 1, inplace=True), lambda x: functional.relu_(x * 1), nn.ReLU(),
        lambda x: nn.ReLU(inplace=True)(x * 1),
    ],
)  # fmt: skip
def test_a_name_is_that_of_all_forms_of_a_function(relu: Callable[[Tensor], Tensor]):
    assert torch.equal(gradient(Rules({"relu": constant(7)}), relu), torch.tensor([[7.0, 7.0]]))


def test_a_function_itself_is_meant_alone_and_comes_before_its_name():
    rules = Rules({torch.relu: constant(5), "relu": constant(7)})
    assert torch.equal(gradient(rules, torch.relu), torch.tensor([[5.0, 5.0]]))
    assert torch.equal(gradient(rules, Tensor.relu), torch.tensor([[7.0, 7.0]]))
    assert torch.equal(gradient(Rules({torch.sin: constant(5)}), Tensor.sin), torch.tensor([[0.0, 1.0]]).cos())


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        (lambda x: x + x, "add"), (lambda x: 3 * x, "rmul"), (lambda x: x**2, "pow"), (lambda x: -x, "neg"),
        (lambda x: x / 2, "div"), (lambda x: x @ torch.ones(2, 2), "matmul"), (lambda x: x[:, :1], "getitem"),
        (lambda x: x - 1, "sub"),
    ],
)  # fmt: skip
def test_operators_have_names(operator: Callable[[Tensor], Tensor], name: str):
    names = []

    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        names.append(call.name)
        return call.gradient(call.inputs, grad)

    gradient(Rules(default=rule), operator)
    assert name in names or name.removeprefix("r") in names


def test_modules_by_their_dotted_names():
    rules = Rules(modules={"inner.0": constant(3), "last": constant(5)})
    expected = gradient(Rules(modules={}), lambda x: x.tanh())  # of `first`
    model = Net()
    x = torch.tensor([[0.0, 1.0]])
    bent = x.tanh().tanh().requires_grad_()
    (of_sigmoid,) = torch.autograd.grad(bent.sigmoid().sum(), bent)
    torch.testing.assert_close(gradient(rules, model), 15 * of_sigmoid * expected)


def test_modules_by_themselves_and_by_their_types():
    model = Net()
    by_itself = Rules(modules={model.first: constant(2), model.inner[0]: constant(3)})
    by_type = Rules(modules={nn.Tanh: constant(1)})
    torch.testing.assert_close(gradient(by_itself, model), 6 * gradient(by_type, model))


def test_a_base_class_is_meant_too_and_a_class_comes_before_its_base():
    rules = Rules(modules={nn.Tanh: constant(2), MyTanh: constant(3)})
    assert torch.equal(gradient(rules, MyTanh()), torch.full((1, 2), 3.0))
    assert torch.equal(gradient(rules, nn.Tanh()), torch.full((1, 2), 2.0))
    assert torch.equal(gradient(Rules(modules={nn.Tanh: constant(2)}), MyTanh()), torch.full((1, 2), 2.0))


def test_the_order_is_name_module_type_function_default():
    model = nn.Sequential(nn.Tanh())
    rules = {"0": constant(2), model[0]: constant(3), nn.Tanh: constant(4)}
    functions: dict[Any, Any] = {torch.tanh: constant(5), "tanh": constant(6)}
    for factor in range(2, 8):
        found = gradient(Rules(functions, rules, constant(7)), model)
        assert torch.equal(found, torch.full((1, 2), float(factor)))
        left = rules or functions
        if left:
            del left[next(iter(left))]


def test_the_default_is_for_what_has_no_rule():
    rules = Rules({"tanh": constant(2)}, default=constant(3))
    assert torch.equal(gradient(rules, lambda x: x.tanh().exp().sin()), torch.full((1, 2), 18.0))


def test_the_default_lets_nothing_through_detach():
    found = gradient(Rules(default=constant(3)), lambda x: x + x.detach())
    assert torch.equal(found, torch.full((1, 2), 3.0))


def test_a_module_rule_is_for_the_calls_that_a_module_makes_itself():
    """Not for those of modules inside it."""

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x).exp()

    x = torch.zeros(1, 2)
    assert torch.equal(gradient(Rules(modules={Outer: constant(3)}), Outer(), x), torch.full((1, 2), 3.0))
    found = gradient(Rules(modules={Outer: constant(3)}), Outer(), torch.ones(1, 2))
    torch.testing.assert_close(found, 3 * (1 - torch.ones(1, 2).tanh() ** 2))


def test_a_module_that_asks_for_shapes_can_have_a_rule():
    class Shaping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.view(x.shape[0], x.size(1)).to(x.device, x.dtype).exp() if x.ndim and x.is_floating_point() else x

    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        return call.gradient(call.inputs, grad)

    assert torch.equal(gradient(Rules(modules={Shaping: rule}), Shaping()), torch.tensor([[0.0, 1.0]]).exp())


@pytest.mark.parametrize("seen", [(torch.relu, "relu"), (torch.special.expit, "expit"), (Tensor.__rsub__, "rsub"),
                                  (Tensor.relu_, "relu"), (torch.max, "max"), (functional.gelu, "gelu")])  # fmt: skip
def test_names(seen: tuple[Callable[..., Any], str]):
    assert name_of(seen[0]) == seen[1]


def test_what_writes():
    assert is_inplace(Tensor.relu_, {})
    assert is_inplace(functional.relu, {"inplace": True})
    assert is_inplace(Tensor.__iadd__, {})
    assert is_inplace(Tensor.__setitem__, {})
    assert not is_inplace(Tensor.__add__, {})
    assert not is_inplace(Tensor.relu, {})
    assert not is_inplace(functional.relu, {"inplace": False})


# Of several inputs ---------------------------------------------------------------------------------------------------


def test_a_rule_of_several_is_not_asked_about_one():
    rules = Rules({"mul": ForProducts(constant(7))})
    assert torch.equal(gradient(rules, lambda x: x * 2), torch.full((1, 2), 2.0))
    assert torch.equal(gradient(rules, lambda x: x * x.detach()), torch.tensor([[0.0, 1.0]]))
    assert torch.equal(gradient(rules, lambda x: x * x.exp()), 7 + 7 * torch.tensor([[0.0, 1.0]]).exp())


def test_one_tensor_may_be_several_inputs():
    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        return call.gradient(call.inputs, grad)

    x = torch.tensor([[2.0, 3.0]])
    assert torch.equal(gradient(Rules({"mul": rule}), lambda x: x * x, x), 2 * x)


def test_tensors_in_lists_are_inputs():
    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        assert len(call.inputs) == 3
        return tuple(factor * each for factor, each in zip((1, 2, 3), grad.split(1), strict=True))

    rules = Rules({"cat": rule})
    assert torch.equal(gradient(rules, lambda x: torch.cat([x, x, x])), torch.full((1, 2), 6.0))


# Calls taken apart ---------------------------------------------------------------------------------------------------


def test_a_call_that_is_taken_apart_follows_the_rules_of_its_parts():
    rules = Rules({"silu": Decompose(lambda x, inplace=False: x * x.sigmoid()), "sigmoid": constant(0)})
    x = torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(gradient(rules, functional.silu), x.sigmoid())


def test_a_function_may_be_used_in_what_takes_it_apart():
    rules = Rules({"tanh": Decompose(lambda x: torch.tanh(x) * 2)})
    x = torch.tensor([[0.5, 1.0]])
    torch.testing.assert_close(gradient(rules, torch.tanh, x), 2 * (1 - x.tanh() ** 2))


class Sine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


def three_times_in_its_module(call: TorchCall, memory: CallMemory) -> Tensor:
    """The sine; its gradient is 3 in a module for sines, and 0 elsewhere."""
    (x,) = call.inputs
    return x.detach().sin() + (3 if isinstance(call.module, Sine) else 0) * (x - x.detach())


COSINE = float(torch.tensor(2.0).cos())
WHOLE = Decompose(lambda x: NotImplemented)
WHOLE_WITH_RULE = Decompose(lambda x: NotImplemented, otherwise=ChooseRule(lambda call: constant(3.0)))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules({"sin": ChooseRule(lambda call: constant(3.0))}), 3.0),
        (Rules({"sin": constant(3.0)}), 3.0),
        (Rules({"sin": ModifiedCall(three_times_in_its_module)}), 3.0),
        (Rules({"sin": WHOLE_WITH_RULE}), 3.0),
        (Rules({"sin": WHOLE_WITH_RULE}, modules={Sine: constant(7.0)}), 7.0),
        (Rules({"sin": WHOLE}, default=constant(5.0)), 5.0),
        (Rules({"sin": WHOLE}), COSINE),
        (Rules(), COSINE),
    ],
)
@pytest.mark.parametrize("write", [False, True])
def test_a_call_that_is_repeated_follows_its_own_rule(rules: Rules, expected: float, write: bool):
    """The call is the sine of one; in place of what rounds it down, the sine of two is asked for."""
    calls: list[TorchCall] = []
    one = marked_as_source(torch.ones(1, requires_grad=True))
    two = 2 * one
    with apply(Rules({"sin": ChooseRule(lambda call: calls.append(call))})):
        Sine()(one)
    repeating = Decompose(lambda x: RepeatCall(calls[0], (two,), {}))
    with apply(dataclasses.replace(rules, functions={**rules.functions, "floor": repeating})):
        sine = one.sin()
        output = sine.floor_() if write else sine.floor()
    assert output == torch.tensor(2.0).sin()
    assert (output is sine) == write
    assert torch.autograd.grad(output, two)[0] == pytest.approx(expected)


def test_a_call_may_be_left_as_it_is():
    rules = Rules({"tanh": Decompose(lambda x: NotImplemented)})
    x = torch.tensor([[0.5, 1.0]])
    torch.testing.assert_close(gradient(rules, torch.tanh, x), 1 - x.tanh() ** 2)


@pytest.mark.parametrize(
    "composite",
    [
        lambda x: functional.multi_head_attention_forward(
            x[:, None, :2].expand(3, 1, 2), x[:, None].expand(3, 1, 2), x[:, None].expand(3, 1, 2), 2, 1,
            torch.ones(6, 2), None, None, None, False, 0.0, torch.eye(2), None, need_weights=True,
        )[0],
        lambda x: functional.softmax(x, -1), lambda x: functional.softmin(x, -1),
        lambda x: functional.normalize(x) + x.softmax(1),
    ],
    ids=["attention", "softmax", "softmin", "normalize and softmax"],
)  # fmt: skip
def test_functions_written_in_python_are_looked_into(composite: Callable[[Tensor], Tensor]):
    seen = []

    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        seen.append(call.name)
        return call.gradient(call.inputs, grad)

    x = torch.tensor([[0.3, 1.0]])
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(composite(leaf).square().sum(), leaf)
    found = gradient(Rules({"softmax": rule}), lambda x: composite(x).square(), x)
    torch.testing.assert_close(found, expected)
    assert "softmax" in seen


# In place ------------------------------------------------------------------------------------------------------------

IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "method": lambda x: (x * 1).tanh_(),
    "keyword": lambda x: functional.relu(x * 1, inplace=True),
    "of a view": lambda x: _of_a_view(x * 1),
    "operator": lambda x: _operator(x * 1),
    "item": lambda x: _item(x * 1),
    "chain": lambda x: (x * 1).mul_(2).add_(x).tanh_(),
}


def _of_a_view(x: Tensor) -> Tensor:
    x[:, :1].tanh_()
    return x


def _operator(x: Tensor) -> Tensor:
    other = x.exp()
    y = x + 0
    y *= other
    return y


def _item(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, 0] = x[:, 1].tanh()
    return y + x


def the_gradient(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
    return call.gradient(call.inputs, grad)


RULED = {
    "tanh": the_gradient,
    "relu": the_gradient,
    "mul": ForProducts(the_gradient),
    "imul": ForProducts(the_gradient),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_calls_in_place_write_and_pass_back_what_the_rule_says(name: str):
    function, x = IN_PLACE[name], torch.tensor([[0.3, -0.7]])
    leaf = x.clone().requires_grad_()
    expected = function(leaf)
    ruled = x.clone().requires_grad_()
    with apply(Rules(RULED)):
        found = function(ruled)
    assert torch.equal(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found.square().sum(), ruled), torch.autograd.grad(expected.square().sum(), leaf)
    )


def test_what_is_written_is_the_tensor_itself_and_what_is_returned_too():
    x = torch.tensor([0.5, 1.0]).requires_grad_()
    with apply(Rules(RULED)):
        y = x * 1
        view, pointer = y[:1], y.data_ptr()
        assert y.tanh_() is y
    assert y.data_ptr() == pointer
    torch.testing.assert_close(view, torch.tensor([0.5]).tanh())  # of two numbers, and of one


WRITES: dict[str, Callable[[Tensor], Any]] = {
    "a method": lambda y: y.zero_(),
    "a product": lambda y: y.mul_(0),
    "a view": lambda y: y[:1].fill_(9),
    "a view of a view": lambda y: y.view(2, 1).squeeze(1).copy_(torch.ones(2)),
    "a view that was detached": lambda y: y.detach()[1:].zero_(),
    "an item": lambda y: y.__setitem__(0, 7.0),
    "an operator": lambda y: y.__iadd__(3),
    "an activation": lambda y: functional.relu(y.sub_(5), inplace=True),
    "out": lambda y: torch.add(torch.ones(2), 1, out=y.detach()),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("remembered", ["recorded", "applied"])
def test_a_call_remembers_what_it_was_given_whatever_is_written_later(write: str, remembered: str):
    seen: list[Tensor] = []

    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        inputs = call.inputs if remembered == "applied" else [call.reference.leaves[0]]  # type: ignore[union-attr]
        seen.append(inputs[0].detach().clone())
        return (grad,)

    def model(x: Tensor) -> Tensor:
        y = x * 1
        z = y.exp()
        with torch.no_grad():
            WRITES[write](y)
        return z

    rules, x, x0 = Rules({"exp": rule}), torch.tensor([0.5, 1.0]), torch.tensor([-0.5, 2.0])
    with record(rules) as reference, torch.no_grad():
        model(x0)
    leaf = x.clone().requires_grad_()
    with apply(rules, reference=reference):
        output = model(leaf)
    torch.autograd.grad(output.sum(), leaf)
    assert torch.equal(seen[0], x if remembered == "applied" else x0)


# References ----------------------------------------------------------------------------------------------------------


def test_a_call_is_given_the_same_call_of_the_reference():
    def rule(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        assert call.reference is not None
        assert call.reference.name == call.name
        return (grad * call.reference.leaves[0],)

    rules = Rules({"exp": rule, "sin": rule})
    with record(rules) as reference:
        torch.tensor([2.0, 3.0]).exp().sin()
    x = torch.zeros(2, requires_grad=True)
    with apply(rules, reference=reference):
        y = x.exp().sin()
    (found,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(found, torch.tensor([2.0, 3.0]) * torch.tensor([2.0, 3.0]).exp())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda x: x.sin(), "call 0 is exp of .2,. for the baselines, and sin of .2,."),
        (lambda x: x.exp().exp(), "call 1 is none for the baselines, and exp of .2,."),
        (lambda x: x[:1].exp(), "call 0 is exp of .2,. for the baselines, and exp of .1,."),
    ],
)
def test_another_call_is_an_error(model: Callable[[Tensor], Tensor], said: str):
    rules = Rules({"exp": the_gradient, "sin": the_gradient})
    with record(rules) as reference:
        torch.zeros(2).exp()
    with pytest.raises(InvalidArgument, match=said), apply(rules, reference=reference):
        model(torch.zeros(2, requires_grad=True))


# Nothing is left -----------------------------------------------------------------------------------------------------


def test_nothing_is_left_on_modules_and_tensors():
    model, x = Net(), torch.tensor([[0.5, 1.0]])
    before = {module: dict(vars(module)) for module in model.modules()}
    expected = model(x)
    leaf = x.clone().requires_grad_()
    with apply(Rules(RULED), model):
        output = model(leaf)
    torch.autograd.grad(output.sum(), leaf)
    assert {module: dict(vars(module)) for module in model.modules()} == before
    assert not vars(leaf)
    assert torch.equal(model(x), expected)
    assert "forward" not in vars(model)


def test_after_a_run_gradients_are_torchs():
    x = torch.tensor([0.5, 1.0])
    assert torch.equal(gradient(Rules({"tanh": constant(3)}), torch.tanh, x), torch.full((2,), 3.0))
    torch.testing.assert_close(gradient(Rules(), torch.tanh, x), 1 - x.tanh() ** 2)
    leaf = x.clone().requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(leaf.tanh().sum(), leaf)[0], 1 - x.tanh() ** 2)


def test_tensors_of_a_run_die_with_it():
    x = torch.zeros(2, requires_grad=True)
    with apply(Rules(RULED)) as run:
        y = (x * 1).tanh()
    watched = weakref.ref(y)
    del y, run
    gc.collect()
    assert watched() is None


def test_rules_follow_a_backward_that_comes_after_the_run():
    x = torch.zeros(2, requires_grad=True)
    with apply(Rules({"tanh": constant(3)})):
        y = x.tanh()
    with apply(Rules({"tanh": constant(5)})):
        z = x.tanh()
    assert torch.equal(torch.autograd.grad(y.sum() + z.sum(), x)[0], torch.full((2,), 8.0))


def test_runs_in_runs():
    """The inner rules come first; what they leave alone is the outer's."""
    x = torch.zeros(2, requires_grad=True)
    with apply(Rules({"tanh": constant(3), "sin": constant(5)})):
        with apply(Rules({"tanh": constant(2)})):
            y = x.tanh().sin()
        z = x.tanh()
    assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.full((2,), 10.0))
    assert torch.equal(torch.autograd.grad(z.sum(), x)[0], torch.full((2,), 3.0))


# Errors --------------------------------------------------------------------------------------------------------------


def test_a_rule_that_raises_leaves_nothing_behind():
    def wrong(call: TorchCall, grad: Tensor) -> tuple[Tensor, ...]:
        raise KeyError("of the rule")

    x = torch.zeros(2, requires_grad=True)
    with apply(Rules({"tanh": wrong})):
        y = x.tanh()
    with pytest.raises(KeyError, match="of the rule"):
        torch.autograd.grad(y.sum(), x)
    assert _len_torch_function_stack() == 0
    assert torch.equal(torch.autograd.grad(x.tanh().sum(), x)[0], torch.ones(2))


def test_what_takes_a_call_apart_and_raises_leaves_nothing_behind():
    def wrong(x: Tensor) -> Tensor:
        raise KeyError("of the steps")

    rules = Rules({"tanh": Decompose(wrong)})
    run = apply(rules)
    for _ in range(2):
        with pytest.raises(KeyError, match="of the steps"), run:
            torch.zeros(2, requires_grad=True).tanh()
        assert _len_torch_function_stack() == 0


def test_a_model_that_raises_leaves_nothing_behind():
    with pytest.raises(RuntimeError), apply(Rules(RULED)):
        torch.ones(2, requires_grad=True).tanh() @ torch.ones(3)
    assert _len_torch_function_stack() == 0


def test_a_rule_that_returns_too_little_is_an_error():
    x = torch.zeros(2, requires_grad=True)
    with apply(Rules({"mul": lambda call, grad: (grad,)})):
        y = x.exp() * x.sin()
    with pytest.raises(RuntimeError):
        torch.autograd.grad(y.sum(), x)


# Threads -------------------------------------------------------------------------------------------------------------


def test_two_threads_with_rules_of_their_own():
    model, x = Net(), torch.tensor([[0.3, 0.8]])
    expected = {factor: gradient(Rules({"tanh": constant(factor)}), model, x) for factor in (2, 3)}
    start = threading.Barrier(2)

    def explain(factor: int) -> list[Tensor]:
        start.wait(10)
        return [gradient(Rules({"tanh": constant(factor)}), model, x) for _ in range(50)]

    with ThreadPoolExecutor(2) as pool:
        for factor, found in zip((2, 3), pool.map(explain, (2, 3)), strict=True):
            assert all(torch.equal(each, expected[factor]) for each in found)


def test_a_plain_forward_in_another_thread_is_not_touched():
    model, x = Net(), torch.tensor([[0.3, 0.8]])
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(leaf).sum(), leaf)
    inside, done = threading.Event(), threading.Event()

    class Waiting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = model(x)
            inside.set()
            assert done.wait(10)
            return model(y)

    def ruled() -> Tensor:
        return gradient(Rules({"tanh": constant(0)}), Waiting(), x)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(ruled)
        assert inside.wait(10)
        leaf = x.clone().requires_grad_()
        found = torch.autograd.grad(model(leaf).sum(), leaf)[0]
        done.set()
        assert torch.equal(other.result(10), torch.zeros(1, 2))
    assert torch.equal(found, expected)
