"""Captum's attacks under its names, and what is asked of them."""

from pellucid.robust.attack_comparator import AttackComparator
from pellucid.robust.fgsm import FGSM
from pellucid.robust.min_param_perturbation import MinParamPerturbation
from pellucid.robust.perturbation import Perturbation
from pellucid.robust.pgd import PGD

__all__ = ["FGSM", "PGD", "AttackComparator", "MinParamPerturbation", "Perturbation"]
