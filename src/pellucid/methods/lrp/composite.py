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
from pellucid.core.rules.call_stack import current_module
from pellucid.core.rules.decompositions.table import DECOMPOSITIONS
from pellucid.core.rules.entries import ChooseRule, Decompose, RuleSpec
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall, TorchFunction, name_of
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument, NoRule, WrongType
from pellucid.methods.deeplift.scales import inverts
from pellucid.methods.lrp.batch_norm import BatchNorm
from pellucid.methods.lrp.contributions import LayerRule, WeightedLayerCall
from pellucid.methods.lrp.layer_rules import Epsilon
from pellucid.methods.lrp.op_rules import EPSILON, OP_RULES, proportional, with_stabiliser

LayerKey: TypeAlias = str | nn.Module | type[nn.Module] | TorchFunction
"""The layers that a rule is for.

* a module or its dotted name, `"encoder.layers.3"`: of its own calls all, and of what it holds the layers with weights.
* a type of modules: all calls of these.
* a function, `torch.nn.functional.conv2d`: whether a module calls it or plain code.
"""

RelevanceObserver: TypeAlias = Callable[[Rule, TorchCall, Tensor], Tensors]
"""Looks on at a call that relevance passes: takes its rule and what that takes, and returns what that returns."""

FOLLOWS_WEIGHTED_LAYER = TensorProperty(
    lambda step: WeightedLayerCall.of(step.metadata.get(TorchCall, (None,))[0]) is not None or None
)
"""Whether a tensor was made from what a layer with weights returns."""


@final
@dataclass(frozen=True)
class Composite:
    """Which rule each layer follows: its own; else the first; else by what holds it, its type, function or default.

    All other calls follow rules of their own: activations pass relevance on; sums, means and whatever else adds up
    share it by contributions; factors of a product get equal parts; norms keep it with what they scale, so that inverse
    roots and powers count as constants; maxima give it to the place they are taken from; a softmax shares it to first
    order (Achtibat et al., "AttnLRP: attention-aware layer-wise relevance propagation for transformers", 2024,
    https://arxiv.org/abs/2402.05602).

    A module may have a rule as its attribute `rule`, too, which comes before all others.

    Args:
        layers: Rules by layer, see [LayerKey][pellucid.methods.lrp.composite.LayerKey].
        first: The rule of layers that the inputs reach through no other layer.
        default: The rule of all other layers.
        functions: Rules of other calls, in place of those above, by functions or their names.
        stabiliser: What keeps denominators of all other calls from zero, as the epsilon of a layer's rule does there.

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
        alone = {"default": self.default} if self.first is None else {"default": self.default, "first": self.first}
        for key, rule in (*self.layers.items(), *alone.items()):
            if not isinstance(rule, LayerRule) or not (isinstance(key, str | nn.Module) or callable(key)):
                raise WrongType(
                    "layers must map modules, names, types or functions to rules of layers, and first and default be "
                    f"such: got {type(rule).__name__} for {key!r}."
                )

    @property
    def epsilon_of_all(self) -> float | None:
        """The epsilon of all layers, where these follow the epsilon rule and nothing else is said."""
        default, more = self.default, self.layers or self.first or self.functions
        return default.epsilon if isinstance(default, Epsilon) and default.bias and not more else None

    def rules(self, model: Callable[..., Any], watch: RelevanceObserver | None = None) -> Rules:
        """The rules of all calls of a model.

        Args:
            model: The model that names of modules belong to.
            watch: Looks on at each call that relevance passes.

        Raises:
            InvalidArgument: The model has no module of a name.
        """
        chooser = _RuleResolver(self, *_modules(self.layers, model), watch)
        chosen = ChooseRule(chooser.choose)
        steps: dict[str | TorchFunction, RuleSpec] = {
            name: Decompose(chooser.unless_ruled(function), otherwise=chosen)
            for name, function in DECOMPOSITIONS.items()
        }
        batch_norm = Decompose(BatchNorm(chooser.needs_folded_batch_norm), otherwise=chosen)
        ours: dict[str | TorchFunction, RuleSpec] = {
            **steps,
            **dict.fromkeys(OP_RULES, chosen),
            "batch_norm": batch_norm,
        }
        return Rules(ours | dict(self.functions), exempt=REARRANGES)


ModuleRules: TypeAlias = Mapping[nn.Module, LayerRule]


def _modules(layers: Mapping[LayerKey, LayerRule], model: Callable[..., Any]) -> tuple[ModuleRules, ModuleRules]:
    """The rules of single modules, and of what they hold.

    Raises:
        InvalidArgument: The model has no such module.
    """
    named = {key: rule for key, rule in layers.items() if isinstance(key, str | nn.Module)}
    found = [(resolve_site(key, model).modules[0], rule) for key, rule in named.items()]
    for module, _ in found:
        if not is_submodule(module, model):
            raise InvalidArgument(f"layers must be modules of the model: got a {type(module).__name__} that is not.")
    found.sort(key=lambda each: -sum(1 for _ in each[0].modules()))  # the innermost counts
    return dict(found), {inner: rule for module, rule in found for inner in module.modules()}


@final
@dataclass(frozen=True)
class _RuleResolver:
    """Chooses the rule of each call when it is made."""

    composite: Composite
    modules: ModuleRules
    held: ModuleRules
    watch: RelevanceObserver | None

    def choose(self, call: TorchCall) -> Rule | None:
        """The rule of a call."""
        rule = self._rule(call)
        if self.watch is None or rule is None:
            return rule
        return functools.partial(self.watch, rule)

    def _rule(self, call: TorchCall) -> Rule | None:
        own = self._module_rule(call.module)
        if own is not None:
            return own
        if WeightedLayerCall.of(call) is None:
            other = with_stabiliser(OP_RULES.get(call.name, proportional), self.composite.stabiliser)
            return None if inverts(call) else self._by_kind(call) or other
        if self.composite.first is not None and not FOLLOWS_WEIGHTED_LAYER(call.inputs[0]):
            return self.composite.first
        return self._usual(call)

    def _module_rule(self, module: nn.Module | None) -> LayerRule | None:
        """The rule of one module."""
        if module is None:
            return None
        given = vars(module).get("rule")
        return self.modules.get(module) if given is None else validated_rule(given, module)

    def _by_type(self, module: nn.Module | None) -> LayerRule | None:
        """The rule of modules of a type."""
        types = () if module is None else type(module).__mro__
        return next((self.composite.layers[each] for each in types if each in self.composite.layers), None)

    def _by_kind(self, call: TorchCall) -> LayerRule | None:
        """The rule of modules of a type, or of a function."""
        of_function = (rule for key, rule in self.composite.layers.items() if _names(key, call.name))
        return self._by_type(call.module) or next(of_function, None)

    def _usual(self, call: TorchCall) -> LayerRule:
        """The rule of a layer by what holds it and what it is."""
        held = None if call.module is None else self.held.get(call.module)
        return held or self._by_kind(call) or self.composite.default

    def unless_ruled(self, steps: TorchFunction) -> TorchFunction:
        """Steps of a call that is taken apart, unless the module that makes it has a rule of its own."""

        @functools.wraps(steps)
        def taken_apart(*args: Any, **keywords: Any) -> Any:
            module = current_module()
            ruled = self._module_rule(module) is not None or self._by_type(module) is not None
            return NotImplemented if ruled else steps(*args, **keywords)

        return taken_apart

    def needs_folded_batch_norm(self, call: TorchCall) -> bool:
        """Whether the batch norm that is being called becomes part of the layer before it."""
        module = current_module()
        if self._module_rule(module) is not None or self._by_type(module) is not None:
            return False
        own = self._module_rule(call.module)
        return (own or self._usual(call)).needs_folded_batch_norm or (own is None and self.composite.first is not None)


def validated_rule(rule: object, module: nn.Module) -> LayerRule:
    """The rule that a module has as an attribute.

    Raises:
        NoRule: It is something else.
    """
    if not isinstance(rule, LayerRule):
        raise NoRule(
            f"rule of a {type(module).__name__} must be a rule of pellucid.attr.lrp_rules or pellucid.methods: "
            f"got {type(rule).__name__}."
        )
    return rule


def _names(key: LayerKey, name: str) -> bool:
    """Whether layers are chosen by a function of this name."""
    return not isinstance(key, str | type | nn.Module) and name_of(key) == name
