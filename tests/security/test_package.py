"""What the package does not do, and what it depends on."""

from __future__ import annotations

import ast
import builtins
import configparser
import re
from pathlib import Path

import pytest

import binance_socket
from binance_socket._wire import decoder
from binance_socket._wire.events import decode_event
from binance_socket.models import BalanceUpdate

PACKAGE = Path(binance_socket.__file__).parent
SETUP = Path(__file__).parents[2] / "setup.cfg"

# Functions that run text or bytes as a program, and modules that do, or that fetch something.
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
MODULES = {
    *("pickle", "shelve", "marshal", "dill", "cloudpickle", "code", "codeop", "runpy", "imp", "pty", "ctypes"),
    *(
        "subprocess",
        "urllib.request",
        "ftplib",
        "webbrowser",
        "http.client",
        "telnetlib",
        "smtplib",
        "httpx",
        "aiohttp",
    ),
}
ATTRIBUTES = {("os", name) for name in ("system", "popen", "execv", "execve", "execvp", "spawnv", "startfile")}
# The decoders are compiled from the models' declarations. The sandbox may run in a process of its own.
ALLOWED = {
    ("_wire/decoder.py", "exec"),
    ("_wire/decoder.py", "compile"),
    ("sandbox/process.py", "subprocess"),
}


def findings(source: str, place: str) -> set[tuple[str, str]]:
    """Return what of it a module uses."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            found.add((place, node.func.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in ATTRIBUTES or (node.value.id == "builtins" and node.attr in CALLS):
                found.add((place, node.attr))
        elif isinstance(node, ast.Import):
            found |= {(place, alias.name) for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
            found |= {(place, name) for name in names & MODULES}
        elif isinstance(node, ast.keyword) and node.arg == "shell":
            found.add((place, "shell"))
    return found


def test_no_program_is_made_of_data():
    """No eval, exec, pickle, shell or download; but the two places that are named above."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        found |= findings(path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix())
    assert found == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "eval(x)",
        "import pickle",
        "from pickle import loads",
        "from urllib import request",
        "import subprocess",
        "run(x, shell=True)",
        "import os; os.system(x)",
        "builtins.exec(x)",
    ],
)
def test_it_would_be_noticed(line):
    """In every form."""
    assert findings(line, "x.py")


def test_no_data_reaches_the_compiler(monkeypatch):
    """A decoder is compiled from its model, before there is a payload; whatever that holds, nothing is compiled."""
    sources = []
    write = decoder._ModelWriter.write
    monkeypatch.setattr(decoder._ModelWriter, "write", lambda self: sources.append(write(self)) or sources[-1])
    decode = decoder.make_decoder(BalanceUpdate)
    [source] = sources
    evil = "__import__('os')._exit(7)"
    compiled = []
    payload = {"e": "balanceUpdate", "E": 1, "a": evil, "d": "1", "T": 1, evil: evil, "'": '"', "\n": "\n"}
    with monkeypatch.context() as patch:
        for name in ("compile", "exec", "eval"):
            patch.setattr(builtins, name, lambda *args, **kwargs: compiled.append(args))
        event, unknown = decode(payload), decode_event({"e": evil, evil: 1})
    assert compiled == []
    assert (event.asset, event.extra[evil], unknown.name) == (evil, evil, evil)
    assert evil not in source
    # Nothing but names, keys of declarations, and control flow.
    assert {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}.isdisjoint(CALLS)


def test_dependencies_are_bounded():
    """Each has a first version that it is known to work with, and one that it is not."""
    setup = configparser.ConfigParser()
    setup.read(SETUP, "utf-8")
    required = setup["options"]["install_requires"].split()
    assert required
    for requirement in required:
        assert re.fullmatch(r"[A-Za-z0-9_-]+>=[0-9.]+,<[0-9.]+", requirement), requirement
    for extra in ("sandbox", "cli", "pandas"):
        for requirement in setup["options.extras_require"][extra].split():
            assert re.fullmatch(r"[A-Za-z0-9_-]+>=[0-9.]+,<[0-9.]+", requirement), requirement


def test_the_python_that_deadlocks_is_left_out():
    """CPython 3.13.6 cannot have two threads on one TLS socket."""
    setup = configparser.ConfigParser()
    setup.read(SETUP, "utf-8")
    assert [part.strip() for part in setup["options"]["python_requires"].split(",")] == [">=3.10", "!=3.13.6"]


def test_installed_versions_are_within_bounds():
    """What these tests run with is what the package asks for."""
    import importlib.metadata

    from packaging.requirements import Requirement

    setup = configparser.ConfigParser()
    setup.read(SETUP, "utf-8")
    for text in setup["options"]["install_requires"].split():
        requirement = Requirement(text)
        assert requirement.specifier.contains(importlib.metadata.version(requirement.name)), text
