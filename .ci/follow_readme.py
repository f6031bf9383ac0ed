"""Follow the README from a fresh clone in a fresh virtual environment. Standard library only."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def command_of(readme: Path, mark: str) -> str:
    """Return the shell command of the block that *mark* announces."""
    block = re.search(rf"<!-- newcomer: {mark} -->\s*```\w*\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    if block is None:
        sys.exit(f"{readme.name} has no block that is marked 'newcomer: {mark}'")
    return block[1].strip()


def follow(repository: str, mark: str, python: str) -> int:
    """Run the command, and return its exit code."""
    with tempfile.TemporaryDirectory() as home:
        clone, venv = Path(home, "clone"), Path(home, "venv")
        subprocess.run(["git", "clone", "-q", repository, str(clone)], check=True)
        subprocess.run([python, "-m", "venv", str(venv)], check=True)
        command = command_of(clone / "README.md", mark)
        print(f"{mark}: {command}", flush=True)
        environment = {**os.environ, "HOME": home, "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        run = ["bash", "-euo", "pipefail", "-c", command]
        return subprocess.run(run, cwd=clone, env=environment, stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository")
    parser.add_argument("--only", choices=["run", "test"])
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    marks = [given.only] if given.only else ["run", "test"]
    sys.exit(any(follow(given.repository, mark, given.python) for mark in marks))
