"""What a run's times are called: the device's own, or a proxy's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Json = Mapping[str, Any]


def word(proxy: bool) -> str:
    """`ms`, or `proxy ms` for a time that stands in for the device's."""
    return "proxy ms" if proxy else "ms"


def ms(final: Json, runtime: str) -> str:
    """The word for a runtime: a proxy's where it is not timed here as on the device."""
    return word(final["proxy"] and runtime not in final.get("own", ()))


def mixed(final: Json, runtimes: Iterable[str]) -> str:
    """The same over several runtimes: which of them are no proxies stands behind it."""
    asked = list(dict.fromkeys(runtimes))
    own = [one for one in asked if ms(final, one) == "ms"]
    if len(own) in (0, len(asked)):
        return word(not own)
    return f"proxy ms (in {', '.join(own)} its own)"


def stood(final: Json) -> str:
    """The sentence about times that are a proxy's; empty where none is."""
    if not final["proxy"]:
        return ""
    own = ", ".join(final.get("own", ()))
    return f"every time but those in {own} is a proxy" if own else "every time here is a proxy"


def score(final: Json) -> str:
    """The composite score, or why there is none."""
    if final["score"] is None:
        return "no score: the float network's time is a proxy and the engine's its own"
    edges = "[{:.3f}, {:.3f}] ".format(*final["score_interval"]) if "score_interval" in final else ""
    return f"score {final['score']:.3f} {edges}(the float network 1.0, lower is better)"
