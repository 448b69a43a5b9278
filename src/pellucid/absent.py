"""What of Captum is not here yet, and what to use meanwhile."""

from __future__ import annotations

import sys
from typing import NoReturn

ABSENT: dict[str, tuple[str, ...]] = {
    "attr": (
        "visualization",
        "TokenReferenceBase",
        "InterpretableEmbeddingBase",
        "configure_interpretable_embedding_layer",
        "remove_interpretable_embedding_layer",
        "LLMAttribution",
        "LLMAttributionResult",
        "LLMGradientAttribution",
        "RemoteLLMAttribution",
        "RemoteLLMProvider",
        "VLLMProvider",
        "InterpretableInput",
        "TextTemplateInput",
        "TextTokenInput",
        "ImageMaskInput",
        "ProductBaselines",
        "DataLoaderAttribution",
        "Summarizer",
        "SummarizerSingleTensor",
        "CommonStats",
        "ClassSummarizer",
        "StatValue",
        "Mean",
        "StdDev",
        "Var",
        "MSE",
        "Min",
        "Max",
        "Sum",
        "Count",
    ),
    "metrics": ("infidelity", "infidelity_perturb_func_decorator", "sensitivity_max"),
    "concept": ("TCAV", "CAV", "Concept", "ConceptInterpreter", "Classifier", "DefaultClassifier"),
    "influence": (
        "DataInfluence",
        "SimilarityInfluence",
        "NaiveInfluenceFunction",
        "TracInCP",
        "TracInCPBase",
        "TracInCPFast",
        "TracInCPFastRandProj",
    ),
    "robust": ("FGSM", "PGD", "Perturbation", "AttackComparator", "MinParamPerturbation"),
    "module": ("BinaryConcreteStochasticGates", "GaussianStochasticGates", "StochasticGatesBase"),
}
"""By Captum's package: its public names that pellucid does not have."""

AROUND_ITS_OWN = ("DataLoaderAttribution", "LLMAttribution", "LLMGradientAttribution", "RemoteLLMAttribution")
"""Those that go around an attribution method, which must be Captum's."""


def absent(path: str) -> ImportError:
    """The error of an import of something that is not here yet, such as `metrics` or `attr.LLMAttribution`."""
    return ImportError(_said(path), name=f"pellucid.{path}")


def missing(package: str, name: str) -> NoReturn:
    """What the `__getattr__` of a package does, for names that it does not have.

    Whoever only asks whether they are there, as `hasattr` does, is to hear no.

    Raises:
        ImportError: It is one of Captum's that is not here yet, and imported.
        AttributeError: It is not there.
    """
    if name not in ABSENT[package]:
        raise AttributeError(f"module 'pellucid.{package}' has no attribute {name!r}")
    if sys._getframe(2).f_code.co_name == "_handle_fromlist":  # by which Python imports names from packages
        raise absent(f"{package}.{name}")
    raise AttributeError(_said(f"{package}.{name}"))


def _said(path: str) -> str:
    package, _, name = path.rpartition(".")
    typed = f"from captum.{package} import {name}" if package else f"import captum.{name}"
    around = ", around Captum's own methods" if name in AROUND_ITS_OWN else ""
    return f"pellucid.{path} is not here yet. Hint: {typed}, which works beside pellucid{around}."
