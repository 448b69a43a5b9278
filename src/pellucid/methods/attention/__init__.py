"""Attention as an explanation."""

from pellucid.methods.attention.rollout import AttentionRollout

__all__ = [
    "AttentionRollout",
]
