"""What can go wrong, as a tree:

MfastError              anything this project says itself: one sentence, no traceback
├── UserError           the user's mistake                           exit code 2
└── Unfinished          could not finish, and what to do about it    exit code 3
    ├── Busy            another process is at the very same work
    └── Diverged        the loss is no longer a number
"""


class MfastError(Exception):
    """One sentence: where, what was given, what would be right."""

    exit_code = 3


class UserError(MfastError):
    """The user's mistake; nothing was lost."""

    exit_code = 2


class Unfinished(MfastError):
    """The work could not be finished: disk, memory, a store that cannot be written."""


class Busy(Unfinished):
    """Another process is at the very same work; it can be waited for."""


class Diverged(Unfinished):
    """Training diverged: the loss is not a number any more."""
