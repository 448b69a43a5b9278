"""What breaks a rule of the house, as it was when the rule came: these lists may only shrink, until they are empty."""

REPEATED_NAMES: set[str] = set()

PUBLIC_MEMBERS: dict[str, int] = {}

PARAMETERS: dict[str, int] = {}

DECISION_POINTS: dict[str, int] = {}

NAMES_THAT_SAY_NOTHING: set[str] = set()

CIRCLES: set[str] = set()

FRAMES: dict[str, int] = {}
