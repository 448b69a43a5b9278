"""Composites: which rule each call follows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from torch import Tensor, nn

from pellucid.core.autograd.audit import REARRANGES
from pellucid.core.autograd.dependence import TensorProperty
from pellucid.core.model.layers import is_submodule, resolve_site
from pellucid.core.python_functions import TorchFunction
from pellucid.core.rules.call_stack import current_module
from pellucid.core.rules.decompositions.table import DECOMPOSITIONS
from pellucid.core.rules.entries import ChooseRule, Decompose, RuleSpec
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall, name_of
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument, NoRule, WrongType
from pellucid.methods.deeplift.reciprocals import computes_reciprocal
from pellucid.methods.lrp.batch_norm import folding_batch_norm
from pellucid.methods.lrp.contributions import LayerRule, WeightedLayerCall
from pellucid.methods.lrp.layer_rules import Epsilon
from pellucid.methods.lrp.op_rules import EPSILON, OP_RULES, proportional, with_stabiliser

LayerKey: TypeAlias = str | nn.Module | type[nn.Module] | TorchFunction
"""The layers that a rule is for.

* a module or its dotted name, `"encoder.layers.3"`: all of its own calls, and the layers with weights inside it.
* a type of modules: all calls that modules of this type make.
* a function, `torch.nn.functional.conv2d`: its calls, by modules and by plain code.
"""

RelevanceObserver: TypeAlias = Callable[[Rule, TorchCall, Tensor], Tensors]
"""(rule, call, relevance) -> the relevance of the call's inputs: applies a rule, and may note what it does."""

FOLLOWS_WEIGHTED_LAYER = TensorProperty(
    lambda step: WeightedLayerCall.of(step.metadata.get(TorchCall, (None,))[0]) is not None or None
)
"""Whether a tensor depends on the output of a layer with weights."""


@final
@dataclass(frozen=True)
class Composite(Summarized):
    """Which rule each call follows.

    A layer with weights follows, in this order: the rule of its own module; `first`, if no other layer lies between it
    and the inputs; the rule of the innermost module around it that has one; that of its module's type; that of its
    function; `default`.

    All other calls follow rules of their own: activations pass relevance on; sums, means and other additions share it
    by contributions; the factors of a product get equal parts; in norms, inverse roots and powers count as constants;
    a maximum passes it to the element that is the largest; a softmax shares it to first order (Achtibat et al.,
    "AttnLRP: attention-aware layer-wise relevance propagation for transformers", 2024,
    https://arxiv.org/abs/2402.05602).

    A module may also have a rule as its attribute `rule`, which comes before all others.

    Args:
        layers: Rules by layer, see [LayerKey][pellucid.methods.lrp.composite.LayerKey].
        first: The rule of first layers, which the inputs reach through no other layer.
        default: The rule of all other layers.
        functions: Rules of other calls, in place of those above, by functions or their names.
        stabiliser: The epsilon that keeps the denominators of all other calls from zero.

    Examples:
        >>> from torch import nn
        >>> from pellucid.methods import Composite, Epsilon, Gamma, ZBox
        >>> by_depth = Composite({nn.Conv2d: Gamma(gamma=0.25), "head": Epsilon(0.1)}, first=ZBox(low=-1, high=1))
    """

    layers: Mapping[LayerKey, LayerRule] = field(default_factory=dict)
    first: LayerRule | None = None
    default: LayerRule = Epsilon()  # noqa: RUF009  # frozen
    functions: Mapping[str | TorchFunction, RuleSpec] = field(default_factory=dict)
    stabiliser: float = EPSILON

    def __post_init__(self) -> None:
        if not self.stabiliser >= 0:
            raise InvalidArgument(f"stabiliser must be at least 0: got {self.stabiliser}.")
        named = {"default": self.default} if self.first is None else {"default": self.default, "first": self.first}
        for key, rule in (*self.layers.items(), *named.items()):
            if not isinstance(rule, LayerRule) or not (isinstance(key, str | nn.Module) or callable(key)):
                raise WrongType(
                    "layers must map modules, names, types or functions to rules of layers, and first and default be "
                    f"such: got {type(rule).__name__} for {summary(key)}."
                )

    @property
    def epsilon_of_all(self) -> float | None:
        """The epsilon of the default rule, if all layers follow the epsilon rule and no other rule is given."""
        default, has_other_rules = self.default, self.layers or self.first or self.functions
        return default.epsilon if isinstance(default, Epsilon) and default.bias and not has_other_rules else None

    def rules(self, model: Callable[..., Any], watch: RelevanceObserver | None = None) -> Rules:
        """The rules of all calls of a model.

        Args:
            model: The model, in which modules are looked up by their names.
            watch: Applies the rule of each call, to see its relevance.

        Raises:
            InvalidArgument: The model has no module of a name.
        """
        resolver = _RuleResolver(self, *_rules_by_module(self.layers, model), watch)
        by_call = ChooseRule(resolver.choose)
        functions: dict[str | TorchFunction, RuleSpec] = {
            name: Decompose(resolver.unless_module_has_rule(decomposition), otherwise=by_call)
            for name, decomposition in DECOMPOSITIONS.items()
        }
        functions.update(dict.fromkeys(OP_RULES, by_call))
        functions["batch_norm"] = Decompose(folding_batch_norm(resolver.should_fold), otherwise=by_call)
        return Rules(functions | dict(self.functions), exempt=REARRANGES)


ModuleRules: TypeAlias = Mapping[nn.Module, LayerRule]


def _rules_by_module(
    layers: Mapping[LayerKey, LayerRule], model: Callable[..., Any]
) -> tuple[ModuleRules, ModuleRules]:
    """The rules that are given for modules: of these modules themselves, and of all modules inside them.

    Raises:
        InvalidArgument: The model has no such module.
    """
    by_key = {key: rule for key, rule in layers.items() if isinstance(key, str | nn.Module)}
    by_module = [(resolve_site(key, model, "layers").modules[0], rule) for key, rule in by_key.items()]
    for module, _ in by_module:
        if not is_submodule(module, model):
            raise InvalidArgument(f"layers must be modules of the model: got a {type(module).__name__} that is not.")
    by_module.sort(key=lambda pair: -sum(1 for _ in pair[0].modules()))  # the innermost last, which overwrites others
    return dict(by_module), {inner: rule for module, rule in by_module for inner in module.modules()}


@final
@dataclass(frozen=True)
class _RuleResolver(Summarized):
    """Chooses the rule of each call when it is made.

    Args:
        composite: The composite.
        module_rules: The rules of single modules.
        container_rules: The rules of all modules inside a module that has a rule, those of the innermost such.
        watch: See [Composite.rules][pellucid.methods.lrp.composite.Composite.rules].
    """

    composite: Composite
    module_rules: ModuleRules
    container_rules: ModuleRules
    watch: RelevanceObserver | None

    def choose(self, call: TorchCall) -> Rule | None:
        """The rule of a call; None for a constant."""
        rule = self._rule(call)
        if self.watch is None or rule is None:
            return rule
        return functools.partial(self.watch, rule)

    def _rule(self, call: TorchCall) -> Rule | None:
        module_rule = self._module_rule(call.module)
        if module_rule is not None:
            return module_rule
        if WeightedLayerCall.of(call) is None:
            if computes_reciprocal(call):
                return None
            op_rule = with_stabiliser(OP_RULES.get(call.name, proportional), self.composite.stabiliser)
            return self._type_or_function_rule(call) or op_rule
        if self.composite.first is not None and not FOLLOWS_WEIGHTED_LAYER(call.inputs[0]):
            return self.composite.first
        return self._container_or_default_rule(call)

    def _module_rule(self, module: nn.Module | None) -> LayerRule | None:
        """The rule of a single module: its attribute, or else the composite's."""
        if module is None:
            return None
        attribute = vars(module).get("rule")
        return self.module_rules.get(module) if attribute is None else validated_rule(attribute, module)

    def _type_rule(self, module: nn.Module | None) -> LayerRule | None:
        """The rule of the module's type, or of the nearest of its base classes."""
        types = () if module is None else type(module).__mro__
        return next((self.composite.layers[base] for base in types if base in self.composite.layers), None)

    def _type_or_function_rule(self, call: TorchCall) -> LayerRule | None:
        """The rule of a call by the type of its module, or else by its function."""
        function_rules = (rule for key, rule in self.composite.layers.items() if _is_function(key, call.name))
        return self._type_rule(call.module) or next(function_rules, None)

    def _container_or_default_rule(self, call: TorchCall) -> LayerRule:
        """The rule of a layer that has none of its own and is no first layer."""
        container_rule = None if call.module is None else self.container_rules.get(call.module)
        return container_rule or self._type_or_function_rule(call) or self.composite.default

    def unless_module_has_rule(self, decomposition: TorchFunction) -> TorchFunction:
        """A decomposition that leaves calls whole that are made by a module with a rule, of its own or of its type."""

        @functools.wraps(decomposition)
        def decompose(*args: Any, **keywords: Any) -> Any:
            return NotImplemented if self._current_module_has_rule() else decomposition(*args, **keywords)

        return decompose

    def _current_module_has_rule(self) -> bool:
        module = current_module()
        return self._module_rule(module) is not None or self._type_rule(module) is not None

    def should_fold(self, layer: TorchCall) -> bool:
        """Whether the batch norm that is being called is to be folded into the layer before it."""
        if self._current_module_has_rule():
            return False
        module_rule = self._module_rule(layer.module)
        if module_rule is not None:
            return module_rule.needs_folded_batch_norm
        return self.composite.first is not None or self._container_or_default_rule(layer).needs_folded_batch_norm


def validated_rule(rule: object, module: nn.Module) -> LayerRule:
    """A module's attribute `rule`.

    Raises:
        NoRule: It is no rule for layers.
    """
    if not isinstance(rule, LayerRule):
        raise NoRule(
            f"rule of a {type(module).__name__} must be a rule of pellucid.attr.lrp_rules or pellucid.methods: "
            f"got {type(rule).__name__}."
        )
    return rule


def _is_function(key: LayerKey, name: str) -> bool:
    """Whether a key is a function of this name."""
    return not isinstance(key, str | type | nn.Module) and name_of(key) == name
