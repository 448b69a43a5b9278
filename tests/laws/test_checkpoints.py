"""Parts of a model that are checkpointed are attributed as if they were not."""

import threading

import pytest
import torch
from torch import Tensor, nn
from torch.utils import checkpoint as torchs
from torch.utils.checkpoint import checkpoint

from pellucid import attr

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    def __init__(self, reentrant: bool | None):
        super().__init__()
        self.a, self.b, self.c = (
            nn.Linear(6, 8),
            nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8)),
            nn.Linear(8, 3),
        )
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.c(self.b(x) if self.reentrant is None else checkpoint(self.b, x, use_reentrant=self.reentrant))


def net(reentrant: bool | None) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net(reentrant).eval()


METHODS = {
    "Saliency": lambda net: attr.Saliency(net).attribute(X, target=1),
    "IntegratedGradients": lambda net: attr.IntegratedGradients(net).attribute(X, target=1),
    "DeepLift": lambda net: attr.DeepLift(net).attribute(X, target=1),
    "LRP": lambda net: attr.LRP(net).attribute(X, target=1),
    "GuidedBackprop": lambda net: attr.GuidedBackprop(net).attribute(X, target=1),
    "FeatureAblation": lambda net: attr.FeatureAblation(net).attribute(X, target=1),
    "LayerIntegratedGradients": lambda net: attr.LayerIntegratedGradients(net, "b.1").attribute(X, target=1),
    "LayerGradientXActivation": lambda net: attr.LayerGradientXActivation(net, "b.1").attribute(X, target=1),
    "LayerConductance": lambda net: attr.LayerConductance(net, "b.1").attribute(X, target=1),
    "LayerDeepLift": lambda net: attr.LayerDeepLift(net, "b.1").attribute(X, target=1),
    "LayerLRP": lambda net: attr.LayerLRP(net, "b.1").attribute(X, target=1),
    "LayerFeatureAblation": lambda net: attr.LayerFeatureAblation(net, "b.1").attribute(X, target=1),
    "NeuronGradient": lambda net: attr.NeuronGradient(net, "b.1").attribute(X, 2),
}


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_attributed_as_without(name: str, reentrant: bool):
    before = torchs.CheckpointFunction, torchs._checkpoint_without_reentrant_generator
    torch.testing.assert_close(METHODS[name](net(reentrant)), METHODS[name](net(None)))
    assert (torchs.CheckpointFunction, torchs._checkpoint_without_reentrant_generator) == before


def test_a_plain_forward_in_another_thread_is_checkpointed():
    model, seen = net(False), []
    runs: list[int] = []
    handle = model.b.register_forward_pre_hook(lambda *_: runs.append(threading.get_ident()))

    def beside() -> None:
        runs.clear()
        model(X).sum().backward()
        seen.append(len(runs))

    def forward(x: Tensor) -> Tensor:
        if not seen:
            thread = threading.Thread(target=beside)
            thread.start()
            thread.join()
        return model(x)[:, 0]

    attr.LRP(forward).attribute(X)
    handle.remove()
    assert seen == [2]  # forward, and once more in the backward


def test_an_error_inside_leaves_torch_as_it_was():
    before = torchs.CheckpointFunction, torchs._checkpoint_without_reentrant_generator
    model = net(True)
    model.b[1].register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attr.LRP(model).attribute(X, target=0)
    assert (torchs.CheckpointFunction, torchs._checkpoint_without_reentrant_generator) == before
