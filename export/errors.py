"""What can go wrong with graphs and files, as a tree:

ExportError             one sentence: the node or file, what was found, what would be right
├── Unreadable          a file that is not the graph or the rules it should be
└── RuntimeMissing      this machine cannot run that kind of file
"""


class ExportError(ValueError):
    """A graph that cannot become what was asked for."""


class Unreadable(ExportError):
    """A file that cannot be read as what it should be."""


class RuntimeMissing(ExportError):
    """The runtime, or the hardware that it needs, is not on this machine."""
