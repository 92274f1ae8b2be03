"""The data report: everything wrong with a data set, and what was done about it."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: the file (relative to the data set's folder), what is wrong, what was done."""

    path: str
    what: str
    done: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.done}"


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one data set, in the order in which they were made."""

    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def lines(self, most: int = 20) -> list[str]:
        """One line a finding for a terminal; beyond `most` the rest is counted, never just dropped."""
        shown = [str(finding) for finding in self.findings[:most]]
        more = len(self.findings) - len(shown)
        return shown + ([f"… and {more} more, all in the data report"] if more else [])

    def write(self, path: Path) -> None:
        """Write every finding to `path` as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(finding) for finding in self.findings], indent=1, ensure_ascii=False)
        save(path, text)


def save(path: Path, text: str) -> None:
    """Replace the file `path` with `text` in one step: a reader sees the old text or the new one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of text, in columns: the first to the left, the others to the right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(wide[0]), *(cell.rjust(size) for cell, size in zip(row[1:], wide[1:], strict=True))])
        for row in rows
    ]
