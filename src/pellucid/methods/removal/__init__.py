"""Ways of taking features away that leave no edges, or other ones than a constant baseline does."""

from pellucid.methods.removal.disc import Disc
from pellucid.methods.removal.gaussian import Blur, Gaussian
from pellucid.methods.removal.noisy_linear import NoisyLinear
from pellucid.methods.removal.rise import Rise
from pellucid.methods.removal.segments import Segments

__all__ = ["Blur", "Disc", "Gaussian", "NoisyLinear", "Rise", "Segments"]
