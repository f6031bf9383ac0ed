"""What type checkers accept, and what they must not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REJECTS = sorted((HERE / "rejects").glob("*.py"))


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def complaints(request):
    """Check everything at once, as that is faster, and return each file's complaints by its name."""
    pytest.importorskip("mypy")
    files = [str(path) for path in (HERE / "accepts.py", *REJECTS)]
    if request.param == "mypy":
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "setup.cfg"), *files]
    else:
        pyright = shutil.which("pyright", path=str(Path(sys.executable).parent)) or shutil.which("pyright")
        if pyright is None:
            pytest.skip("pyright is not installed")
        command = [pyright, "--pythonpath", sys.executable, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    found = {}
    for line in done.stdout.splitlines():
        if "error" in line and ".py:" in line:
            found.setdefault(Path(line.partition(":")[0].strip()).name, []).append(line)
    return found


def test_what_is_meant_is_accepted(complaints):
    """Blocking, submitted, requested, subscribed: with exactly these types."""
    assert complaints.get("accepts.py", []) == []


@pytest.mark.parametrize("path", REJECTS, ids=lambda path: path.stem)
def test_what_is_wrong_is_rejected(complaints, path):
    """Before the program runs."""
    assert complaints.get(path.name)
