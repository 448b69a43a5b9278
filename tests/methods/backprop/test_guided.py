"""Guided backpropagation and deconvolution: the same with and without a graph of the results, and clear of mistakes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from laws.registry import close
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import Deconvolution, GuidedBackprop, Options, Problem

WEIGHT = torch.randn(18, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def in_a_view(x: Tensor) -> Tensor:
    return functional.relu((x @ WEIGHT.T).view(len(x), 3, 6), inplace=True).square().sum((1, 2))


def written_parts(x: Tensor) -> Tensor:
    y = (x @ WEIGHT.T).view(len(x), 3, 6)
    y += 1
    y[:, :2].relu_()
    return y.square().sum((1, 2))


def prelu(x: Tensor) -> Tensor:
    return functional.prelu(x @ WEIGHT.T, torch.tensor(0.1, dtype=torch.float64)).square().sum(1)


with torch.random.fork_rng():
    torch.manual_seed(0)
    recurrent = nn.RNN(4, 5, nonlinearity="relu", batch_first=True).double()


def reading(x: Tensor) -> Tensor:
    return recurrent(x.reshape(len(x), 2, 4))[0][:, -1].square().sum(1)


@pytest.mark.parametrize("model", [in_a_view, written_parts, prelu, reading])
@pytest.mark.parametrize("make", [GuidedBackprop, Deconvolution])
@pytest.mark.parametrize("activations", [("relu",), ("relu", "tanh", "sigmoid")])
def test_the_same_with_a_graph(model: Callable[[Tensor], Tensor], make: Callable[..., Any], activations: Any):
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    method = make(activations=activations)
    with_graph, without = (
        method(Problem(model, x, options=Options(create_graph=each))).values for each in (True, False)
    )
    close(tuple(each.detach() for each in with_graph), without)


@pytest.mark.parametrize("activations", [("rleu",), "relu", (nn.ReLU,)])
def test_activations_that_are_none(activations: Any):
    with pytest.raises(InvalidArgument, match="activations must be names of functions of one number"):
        GuidedBackprop(activations=activations)(Problem(prelu, torch.ones(2, 8).double()))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated")
def test_what_nobody_can_look_into_is_told_of():
    model = nn.Sequential(nn.Linear(8, 4), torch.jit.script(nn.ReLU()), nn.Linear(4, 2))
    with pytest.warns(PellucidWarning, match=r"^no rule for '1' \(RecursiveScriptModule\)") as told:
        GuidedBackprop()(Problem(model, torch.ones(2, 8), target=0))
    assert len(told) == 1
    with pytest.warns(PellucidWarning, match="^no rule for calls in torch.vmap"):
        GuidedBackprop()(Problem(torch.vmap(lambda x: x.relu().sum()), torch.ones(2, 8)))
