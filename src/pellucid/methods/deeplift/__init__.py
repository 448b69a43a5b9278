"""DeepLIFT: contributions to the change from a baseline."""

from pellucid.methods.deeplift.deeplift import DeepLift, DeepLiftShap

__all__ = [
    "DeepLift",
    "DeepLiftShap",
]
