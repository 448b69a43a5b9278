"""Captum's package of this name is not here yet: its import says so, and what to use meanwhile."""

from pellucid.errors import absent

raise absent("influence")
