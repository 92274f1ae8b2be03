"""What a runtime will not do with a graph, as a record: readable without loading onnx."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the runtime refuses: where, which rule, who says so, what to do instead.

    `risk`: it is taken, and may go wrong.
    """

    node: str
    rule: str
    source: str
    instead: str
    risk: bool = False

    def told(self) -> dict[str, str]:
        """As JSON."""
        return {"node": self.node, "rule": self.rule, "source": self.source, "instead": self.instead}

    def line(self) -> str:
        """As a line of text."""
        return f"{self.node}: {self.rule}; instead: {self.instead} [{self.source}]"
