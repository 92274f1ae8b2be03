"""Write versions.json anew: after a stage's version was raised, or a change that alters nothing it makes."""

from __future__ import annotations

import json
from importlib import import_module

from mfast_edge.stages import STAGES
from tests.stages.test_versions import HERE, fingerprint

if __name__ == "__main__":
    known = {
        name: {"version": import_module(STAGES[name]).STAGE.version, "sources": fingerprint(name)} for name in STAGES
    }
    (HERE / "versions.json").write_text(json.dumps(known, indent=1) + "\n")
