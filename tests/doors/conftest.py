from pathlib import Path
import pytest
@pytest.fixture(scope="session")
def finished(): return Path("/tmp/fin")
