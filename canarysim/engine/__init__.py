"""Many requests at once, with numpy: the only part of canarysim that imports it."""
