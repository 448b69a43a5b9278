"""Captum's place, taken by pellucid: `import captum` gives pellucid's objects under Captum's paths."""

import sys

from pellucid import compat

del sys.modules["captum"]  # this file: the import ends with what is there in its place
compat.install()
import captum  # noqa: E402, F401
