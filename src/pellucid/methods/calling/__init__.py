"""How every method is called: the decorator, and what errors say."""
