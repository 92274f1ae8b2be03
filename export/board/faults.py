"""What can go wrong on a board, as one tree. Travels: Python 3.6."""


class BoardError(ValueError):
    """One sentence: where, what was found, what would be right."""


class BundleError(BoardError):
    """A bundle that is not what its manifest says, or a manifest that is none."""


class EngineError(BoardError):
    """An engine that cannot be built, or is not for this device."""
