"""Captum's rules of layer-wise relevance propagation, to be set as `module.rule`, and the base of users' own."""

from pellucid.methods.lrp.weight_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule, IdentityRule, PropagationRule

__all__ = ["Alpha1_Beta0_Rule", "EpsilonRule", "GammaRule", "IdentityRule", "PropagationRule"]
