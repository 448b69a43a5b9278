"""How far an explanation is to be trusted: checked from several sides, in a practitioner's words."""

from pellucid.explanation.checking.verdict import Check, RemovalMeans, Verdict

__all__ = ["Check", "RemovalMeans", "Verdict"]
