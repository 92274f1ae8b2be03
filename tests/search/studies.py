"""A space, objectives and settings that studies are tested with."""

from pathlib import Path

from search.space import parse
from search.study import Rejected, Settings

SPACE = parse(
    {
        "prune.keep": {"type": "float", "low": 0.2, "high": 1.0, "step": 0.05},
        "train.lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        "train.width": {"type": "int", "low": 1, "high": 64, "log": True},
        "train.schedule": {"type": "categorical", "choices": ["cosine", "flat", None]},
    }
)
TRIALS = 16  # the sampler draws blindly for 10 and learns from then on: both must resume


def objective(params, report):
    if params["train.width"] % 5 == 0:
        raise Rejected
    return [params["prune.keep"] + params["train.lr"], params["train.width"] / 64]


def single(params, report):
    return objective(params, report)[:1]


class StopError(Exception):
    """Stands for whatever breaks a search off."""


def stopping(after, body):
    """Return an objective that answers `after` times, then breaks off in the middle of a trial."""
    left = iter(range(after))

    def answer(params, report):
        if next(left, None) is None:
            raise StopError
        return body(params, report)

    return answer


def settings(folder, directions=("maximize", "minimize"), seed=0, name="search"):
    return Settings(name, directions, seed, Path(folder) / "search.log")
