"""A model of graphs: it counts triangles."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.zoo.known_model import KnownModel, leaves_random_state


class Triangles(nn.Module):
    """The number of triangles, trace(A^3) / 6."""

    def forward(self, adjacency: Tensor) -> Tensor:
        """One number per graph, of adjacency matrices (B, nodes, nodes)."""
        return (adjacency @ adjacency @ adjacency).diagonal(dim1=1, dim2=2).sum(1) / 6


@leaves_random_state
def motif() -> KnownModel:
    """Graphs with triangles in them, among edges that close none: what matters is the motif."""
    edges = [
        [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5)],
        [(0, 1), (1, 3), (3, 5), (1, 5), (3, 4), (1, 4), (2, 4)],
    ]
    adjacency = torch.zeros(2, 6, 6)
    pairs = torch.zeros(6, 6, dtype=torch.long)
    for graph, ends in enumerate(edges):
        for one, other in ends:
            adjacency[graph, one, other] = adjacency[graph, other, one] = 1
    for number, (one, other) in enumerate(torch.triu_indices(6, 6, 1).T.tolist()):
        pairs[one, other] = pairs[other, one] = number + 1
    triangles = adjacency * (adjacency @ adjacency)
    return KnownModel(
        name="motif",
        tests="A graph: the edges of the triangles in it, each of which shares a triangle with two others.",
        model=Triangles().eval(),
        inputs=adjacency,
        baselines=torch.zeros_like(adjacency),
        importance=triangles,
        values={
            "gradient": adjacency @ adjacency / 2,
            "gradient times input": triangles / 2,
            "integrated gradients": triangles / 6,
            "removal": triangles,
            "Shapley values": triangles / 3,
            "Banzhaf values": triangles / 4,
        },
        feature_mask=pairs[None],
        paper="Ying et al., GNNExplainer: generating explanations for graph neural networks, 2019",
    )
