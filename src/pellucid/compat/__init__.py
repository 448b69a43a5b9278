"""Captum's place, taken by pellucid: `import captum`, in anybody's program, gives pellucid's objects.

Three doors lead to one finder: [install][pellucid.compat.install], `python -m pellucid.compat script.py`, and the
distribution `pellucid-as-captum`, which holds nothing but a package `captum` that calls `install`. What is there, and
what is not, is in `docs/compat.md`.
"""

from pellucid.compat.finder import install, uninstall
from pellucid.compat.real_captum import captum_itself

__all__ = ["captum_itself", "install", "uninstall"]
