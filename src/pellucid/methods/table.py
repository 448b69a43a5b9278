"""The methods in a table: what each needs, what it promises, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, cast, final

from pellucid.core.summaries import Summarized
from pellucid.methods.attention import AttentionRollout
from pellucid.methods.backprop import Deconvolution, GuidedBackprop
from pellucid.methods.cam import (
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    GuidedGradCam,
    HiResCam,
    LayerCam,
    ScoreCam,
    XGradCam,
)
from pellucid.methods.deeplift import DeepLift, DeepLiftShap
from pellucid.methods.gradients import (
    Activation,
    Conductance,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    InternalInfluence,
    NeuronConductance,
    NoiseTunnel,
    Saliency,
)
from pellucid.methods.lrp import LRP
from pellucid.methods.perturbation import FeatureAblation, FeaturePermutation, Occlusion, Patching
from pellucid.methods.shapley import (
    BanzhafValues,
    BanzhafValueSampling,
    OwenValues,
    OwenValueSampling,
    ShapleyInteractions,
    ShapleyInteractionSampling,
    ShapleyValues,
    ShapleyValueSampling,
)
from pellucid.methods.surrogates import KernelShap, KernelShapIQ, Lime

Need: TypeAlias = Literal["gradients", "rules", "baselines", "layer", "neuron", "attention", "examples"]
"""What a method asks for.

* `gradients`: a model that torch differentiates.
* `rules`: one whose calls have rules, which most calls of torch have.
* `baselines`: what stands for the absence of information; there is a default.
* `layer`: a layer, as `gradient_at` or `source`; `neuron`: one, whose unit a field of the method selects.
* `attention`: a model that attends.
* `examples`: others than the one that is explained.
"""

Promise: TypeAlias = Literal["adds up", "signed", "exact", "standard errors"]
"""What a method promises.

* `adds up`: the values add up to the output less that of the baseline.
* `signed`: a value above zero speaks for the target, one below against it.
* `exact`: nothing is estimated.
* `standard errors`: what is estimated comes with them.
"""


@final
@dataclass(frozen=True)
class MethodFacts(Summarized):
    """What is known of a method.

    Args:
        method: Its class.
        needs: What it asks for.
        promises: What it promises.
        cost: Evaluations per example, in its fields and the number of features: `1 + features forwards`.
    """

    method: type[Any]
    needs: tuple[Need, ...]
    promises: tuple[Promise, ...]
    cost: str

    @property
    def name(self) -> str:
        """Its name, `integrated_gradients`."""
        return name_of_method(self.method)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its fields."""
        return tuple(field.name for field in fields(self.method))

    @property
    def takes_gradients(self) -> bool:
        """Whether it goes backwards through the model."""
        return "gradients" in self.needs or "rules" in self.needs


def name_of_method(method: type[Any]) -> str:
    """The name of a method's class in lower case, with its words apart: `deep_lift`, `lrp`."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", method.__name__)
    return "_".join(words).lower()


_ROWS: tuple[tuple[type[Any], tuple[str, ...], tuple[str, ...], str], ...] = (
    (IntegratedGradients, ("gradients", "baselines"), ("adds up", "signed"), "n_steps gradients"),
    (GradientShap, ("gradients", "baselines"), ("adds up", "signed", "standard errors"), "n_samples gradients"),
    (Saliency, ("gradients",), ("exact",), "1 gradient"),
    (InputXGradient, ("gradients",), ("signed", "exact"), "1 gradient"),
    (NoiseTunnel, ("gradients",), ("signed", "standard errors"), "nt_samples times that of attribution_method"),
    (DeepLift, ("rules", "baselines"), ("adds up", "signed", "exact"), "1 gradient of 2 rows"),
    (
        DeepLiftShap,
        ("rules", "baselines"),
        ("adds up", "signed", "standard errors"),
        "1 gradient of 2 rows for each baseline",
    ),
    (LRP, ("rules",), ("signed", "exact"), "1 gradient"),
    (GuidedBackprop, ("rules",), ("signed", "exact"), "1 gradient"),
    (Deconvolution, ("rules",), ("signed", "exact"), "1 gradient"),
    (FeatureAblation, ("baselines",), ("signed", "exact"), "1 + features forwards"),
    (Occlusion, ("baselines",), ("signed", "exact"), "1 + windows forwards"),
    (FeaturePermutation, ("examples",), ("signed",), "1 + features forwards"),
    (Patching, ("examples",), ("signed", "exact"), "2 + features forwards"),
    (ShapleyValues, ("baselines",), ("adds up", "signed", "exact"), "2 ** features forwards"),
    (
        ShapleyValueSampling,
        ("baselines",),
        ("adds up", "signed", "standard errors"),
        "n_samples * features forwards at most",
    ),
    (KernelShap, ("baselines",), ("adds up", "signed", "standard errors"), "n_samples forwards"),
    (Lime, ("baselines",), ("signed", "standard errors"), "n_samples forwards"),
    (BanzhafValues, ("baselines",), ("signed", "exact"), "2 ** features forwards"),
    (BanzhafValueSampling, ("baselines",), ("signed", "standard errors"), "n_samples forwards"),
    (OwenValues, ("baselines",), ("adds up", "signed", "exact"), "2 ** groups * 2 ** features of a group forwards"),
    (OwenValueSampling, ("baselines",), ("adds up", "signed", "standard errors"), "n_samples * features forwards"),
    (ShapleyInteractions, ("baselines",), ("adds up", "signed", "exact"), "2 ** features forwards"),
    (
        ShapleyInteractionSampling,
        ("baselines",),
        ("adds up", "signed", "standard errors"),
        "n_samples * features ** 2 forwards at most",
    ),
    (KernelShapIQ, ("baselines",), ("adds up", "signed", "standard errors"), "n_samples forwards"),
    (InternalInfluence, ("gradients", "baselines", "layer"), ("signed",), "n_steps gradients"),
    (Conductance, ("gradients", "baselines", "layer"), ("adds up", "signed"), "n_steps gradients"),
    (NeuronConductance, ("gradients", "baselines", "neuron"), ("signed",), "n_steps gradients"),
    (Activation, ("layer",), ("exact",), "1 forward"),
    (GradCam, ("gradients", "layer"), ("exact",), "1 gradient"),
    (GradCamPlusPlus, ("gradients", "layer"), ("exact",), "1 gradient"),
    (HiResCam, ("gradients", "layer"), ("exact",), "1 gradient"),
    (LayerCam, ("gradients", "layer"), ("exact",), "1 gradient"),
    (XGradCam, ("gradients", "layer"), ("exact",), "1 gradient"),
    (ScoreCam, ("baselines", "layer"), ("exact",), "1 + channels forwards"),
    (EigenCam, ("layer",), ("exact",), "1 forward"),
    (GuidedGradCam, ("rules", "layer"), ("signed", "exact"), "2 gradients"),
    (AttentionRollout, ("attention",), ("exact",), "1 forward"),
)

FACTS: tuple[MethodFacts, ...] = tuple(
    MethodFacts(method, cast("tuple[Need, ...]", needs), cast("tuple[Promise, ...]", promises), cost)
    for method, needs, promises, cost in _ROWS
)
"""All methods that answer a problem by themselves."""


@final
class MethodTable(Sequence[MethodFacts]):
    """The facts of methods, shown as a table.

    Args:
        facts: The methods.
    """

    def __init__(self, facts: Sequence[MethodFacts]) -> None:
        self._facts = tuple(facts)

    def __getitem__(self, index: Any) -> Any:
        chosen = self._facts[index]
        return MethodTable(chosen) if isinstance(index, slice) else chosen

    def __len__(self) -> int:
        return len(self._facts)

    def __iter__(self) -> Iterator[MethodFacts]:
        return iter(self._facts)

    def __repr__(self) -> str:
        rows = [HEAD, *map(_cells, self._facts)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align: left">{cell}</th>' for cell in HEAD)
        rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(facts))}</tr>" for facts in self._facts)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


HEAD = ("method", "needs", "promises", "evaluations per example")


def _cells(facts: MethodFacts) -> tuple[str, ...]:
    return facts.name, ", ".join(facts.needs), ", ".join(facts.promises), facts.cost


def table() -> MethodTable:
    """All methods: what each needs, what it promises, and what it costs.

    Returns:
        A sequence of [MethodFacts][pellucid.methods.MethodFacts], which is shown as a table.

    Examples:
        >>> from pellucid import methods
        >>> [facts.name for facts in methods.table() if "exact" in facts.promises and "adds up" in facts.promises]
        ['deep_lift', 'shapley_values', 'owen_values', 'shapley_interactions']
        >>> methods.table()[0].cost
        'n_steps gradients'
    """
    return MethodTable(FACTS)
