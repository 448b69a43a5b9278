"""torch_geometric: `CaptumExplainer`, and Captum's methods of models that `to_captum_model` wraps."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import captum.attr
import torch
from torch import Tensor, nn
from torch_geometric.explain import CaptumExplainer, Explainer
from torch_geometric.nn import GraphConv, HeteroConv, SAGEConv, to_captum_input, to_captum_model

from clients.case import Case
from clients.regressions import ROUNDED, UNFINISHED, surrogate

NODES = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
EDGES = torch.tensor([[0, 1, 1, 2, 3, 4, 5, 6, 7, 0, 2, 5], [1, 0, 2, 1, 4, 3, 6, 5, 0, 7, 5, 2]])
CLASSES = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])

KINDS = {"paper": NODES, "author": NODES[:5].flip(1)}
RELATIONS = {
    ("paper", "cites", "paper"): EDGES,
    ("author", "writes", "paper"): EDGES % torch.tensor([[5], [8]]),
    ("paper", "has", "author"): EDGES % torch.tensor([[8], [5]]),
}


class Network(nn.Module):
    """Two graph convolutions, with a rectifier that is a module between them."""

    def __init__(self, outputs: int = 4, last: type[nn.Module] = nn.Identity) -> None:
        super().__init__()
        self.first = GraphConv(3, 16)
        self.rectifier = nn.ReLU()
        self.second = GraphConv(16, outputs)
        self.last = last()

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor | None = None) -> Tensor:
        return self.last(self.second(self.rectifier(self.first(x, edges, weights)), edges, weights))


class HeteroNetwork(nn.Module):
    """A convolution for each relation, and a linear layer of the papers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = HeteroConv({relation: SAGEConv((3, 3), 16) for relation in RELATIONS})
        self.rectifiers = nn.ModuleDict({kind: nn.ReLU() for kind in KINDS})  # Captum's methods need one for each call
        self.second = HeteroConv({relation: SAGEConv((16, 16), 16) for relation in RELATIONS})
        self.last = nn.Linear(16, 4)
        nn.init.normal_(self.last.weight)  # large enough for Lime's lasso not to give zeros

    def forward(self, x: dict[str, Tensor], edges: dict[tuple[str, str, str], Tensor], weights: Any = None) -> Tensor:
        hidden = {kind: self.rectifiers[kind](values) for kind, values in self.first(x, edges).items()}
        return self.last(self.second(hidden, edges)["paper"])


NETWORKS = {"homogeneous": (Network, NODES, EDGES), "heterogeneous": (HeteroNetwork, KINDS, RELATIONS)}
INDICES = {"all nodes": None, "node 2": 2, "nodes 1, 2 and 5": torch.tensor([1, 2, 5])}
MASKS = {"node": ("attributes", None), "edge": (None, "object"), "node_and_edge": ("attributes", "object")}


def explained(method: str, graph: str, mask: str, index: int | Tensor | None) -> Any:
    """The masks of a `CaptumExplainer`, of classes."""
    network, nodes, edges = NETWORKS[graph]
    explainer = explainer_of(network(), method, mask, "multiclass_classification", "raw")
    explanation = explainer(nodes, edges, index=index, target=CLASSES)
    stores = [explanation] if graph == "homogeneous" else explanation.node_stores + explanation.edge_stores
    return [(store.get("node_mask"), store.get("edge_mask")) for store in stores]


def explained_as(mode: str, method: str, mask: str) -> Any:
    """The masks of a `CaptumExplainer` of a model of one output, with weights of edges as a further argument."""
    last, return_type = {"binary_classification": (nn.Sigmoid, "probs"), "regression": (nn.Identity, "raw")}[mode]
    explainer = explainer_of(Network(1, last), method, mask, mode, return_type)
    weights = torch.linspace(0.5, 1, EDGES.shape[1])
    target = CLASSES % 2 if mode == "binary_classification" else CLASSES.float()
    explanation = explainer(NODES, EDGES, index=2, target=target, weights=weights)
    return explanation.get("node_mask"), explanation.get("edge_mask")


def explainer_of(model: nn.Module, method: str, mask: str, mode: str, return_type: str) -> Explainer:
    """PyG's explainer with a method of Captum."""
    node_mask, edge_mask = MASKS[mask]
    return Explainer(
        model.eval(),
        CaptumExplainer(method),
        explanation_type="phenomenon",
        node_mask_type=node_mask,
        edge_mask_type=edge_mask,
        model_config={"mode": mode, "task_level": "node", "return_type": return_type},
    )


def wrapped(method: str, graph: str, mask: str) -> Any:
    """A method of Captum of a wrapped model, as PyG's page of `to_captum_model` shows it."""
    network, nodes, edges = NETWORKS[graph]
    metadata = (list(nodes), list(edges)) if graph == "heterogeneous" else None
    model = to_captum_model(network().eval(), mask, 2, metadata)
    inputs, arguments = to_captum_input(nodes, edges, mask)
    return getattr(captum.attr, method)(model).attribute(
        inputs, target=1, additional_forward_args=arguments, **ARGUMENTS.get(method, enough)(inputs)
    )


def enough(inputs: tuple[Tensor, ...]) -> dict[str, int]:
    """As many samples as surrogates need."""
    return {"n_samples": 300}


ARGUMENTS: dict[str, Any] = {
    "Saliency": lambda inputs: {},
    "InputXGradient": lambda inputs: {},
    "Deconvolution": lambda inputs: {},
    "GuidedBackprop": lambda inputs: {},
    "IntegratedGradients": lambda inputs: {"internal_batch_size": 1},
    "GradientShap": lambda inputs: {
        "baselines": tuple(torch.zeros_like(values) for values in inputs),
        "n_samples": 1,
    },
    "FeatureAblation": lambda inputs: {},
    "Occlusion": lambda inputs: {"sliding_window_shapes": tuple((1,) * (values.dim() - 1) for values in inputs)},
    "ShapleyValueSampling": lambda inputs: {"n_samples": 5},
}
SURROGATES = {"KernelShap": ROUNDED, "Lime": UNFINISHED}

CASES = {
    f"CaptumExplainer: {method}, {graph}, {mask}, {index}": Case(
        partial(explained, method, graph, mask, INDICES[index])
    )
    for method, graph, mask, index in product(CaptumExplainer.SUPPORTED_METHODS, NETWORKS, MASKS, INDICES)
    if method != "ShapleyValueSampling" or index == "node 2"  # values of several outputs do not fit PyG's masks
}
CASES |= {
    f"CaptumExplainer: {method}, {mask}, {mode}": Case(partial(explained_as, mode, method, mask))
    for method, mask, mode in product(CaptumExplainer.SUPPORTED_METHODS, MASKS, ("binary_classification", "regression"))
    if (method, mode) != ("ShapleyValueSampling", "regression")
}
CASES |= {
    f"to_captum_model: {method}, {graph}, {mask}": Case(partial(wrapped, method, graph, mask))
    for method, graph, mask in product(ARGUMENTS, NETWORKS, MASKS)
}
CASES |= {
    f"to_captum_model: {method}, {graph}, {mask}": surrogate(partial(wrapped, method, graph, mask), reason)
    for method, reason in SURROGATES.items()
    for graph, mask in product(NETWORKS, MASKS)
}
