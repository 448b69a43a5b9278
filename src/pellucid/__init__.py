"""pellucid shows why a PyTorch model predicts what it predicts.

* [pellucid.attr][]: every attribution method under the names, arguments and numbers of Captum 0.9.
* [pellucid.methods][]: the same methods as frozen dataclasses over the engine, with standard errors.
"""

from pellucid import attr, methods

__all__ = ["__version__", "attr", "methods"]

__version__ = "0.1.0"
