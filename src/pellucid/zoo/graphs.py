"""A model of graphs: it counts triangles."""

from __future__ import annotations

from itertools import combinations, product

import torch
from torch import Tensor, nn

from pellucid.zoo.known_model import KnownModel, leaves_random_state
from pellucid.zoo.quantity import SLOPES


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
    groups = (pairs + 1) // 2  # of two edges each, some of which are part of one triangle
    owen_values, interactions = torch.zeros(2, 6, 6), torch.zeros(2, 16, 16)
    for graph, corners in [(0, (0, 1, 2)), (1, (1, 3, 5)), (1, (1, 3, 4))]:
        sides = list(combinations(corners, 2))
        of_sides = [int(groups[side]) for side in sides]
        for (one, other), group in zip(sides, of_sides, strict=True):
            share = 1 / len(set(of_sides)) / of_sides.count(group)  # groups share the triangle, and so do edges in them
            owen_values[graph, one, other] += share
            owen_values[graph, other, one] += share
        for first, second in product(sides, repeat=2):
            interactions[graph, pairs[first], pairs[second]] += 1 / 3 if first == second else 1 / 2
    return KnownModel(
        name="motif",
        tests="A graph: an edge matters by how many triangles it is part of, and three edges share a triangle.",
        model=Triangles().eval(),
        inputs=adjacency,
        baselines=torch.zeros_like(adjacency),
        importance=triangles,
        values={
            **dict.fromkeys(SLOPES, adjacency @ adjacency / 2),
            "gradient times input": triangles / 2,
            "integrated gradients": triangles / 6,
            "contributions to the difference": triangles / 6,
            "relevance": triangles / 6,
            "removal": triangles,
            "Shapley values": triangles / 3,
            "Banzhaf values": triangles / 4,
            "Owen values": owen_values,
            "Shapley interactions": interactions,
        },
        feature_mask=pairs[None],
        groups=groups[None],
        paper="Ying et al., GNNExplainer: generating explanations for graph neural networks, 2019",
    )
