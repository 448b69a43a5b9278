"""Captum's attacks under its names."""

from pellucid.robust.fgsm import FGSM
from pellucid.robust.perturbation import Perturbation
from pellucid.robust.pgd import PGD

__all__ = ["FGSM", "PGD", "Perturbation"]
