"""What a file or folder weighs."""

from pathlib import Path


def size(path: Path) -> float:
    """MB (10^6 bytes) of a file, or of all files in a folder; OSError where there is neither."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
    return path.stat().st_size / 1e6
