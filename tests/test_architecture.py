"""Imports only go down, and the pure floors decide without threads, clocks and sockets. See docs/architecture.md."""

import ast
import shutil
from pathlib import Path

import binance_socket

PACKAGE = Path(binance_socket.__file__).parent

# From the ground up. A module may import its own floor and those below; rooms of one floor are listed together.
FLOORS = (
    ("errors", "gaps", "masking", "outcomes"),
    ("client_order_ids", "credentials", "options"),
    ("models",),
    ("_wire",),
    ("_session",),
    ("health",),
    ("_engine",),
    ("arrivals", "callbacks", "cancellation", "deliverer", "deliveries", "events", "spot_api"),
    ("client",),
    ("integrations", "sandbox", "testing", "cli", "__main__"),
)
LEVELS = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
PURE = frozenset({"errors", "gaps", "masking", "outcomes", "models", "_wire", "_session", "health"})
IMPURE = frozenset({"threading", "time", "socket", "queue", "websocket", "requests"})


def imports_of(path: Path, package: Path):
    """Yield what a module imports, with names absolute. Imports within functions count, too."""
    parts = ("binance_socket", *path.relative_to(package).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            # From a package's __init__, one dot is the package itself; from a module, its package. Both are parts[:-1].
            base = ".".join(parts[: len(parts) - node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                yield f"{module}.{alias.name}", node.lineno


def violations(package: Path) -> list[str]:
    """Return every import that goes up, or out of a pure floor."""
    found = []
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).with_suffix("").parts[0]
        if room == "__init__":
            continue  # the public names come from everywhere
        if room not in LEVELS:
            found.append(f"{room} is on no floor")
            continue
        for name, line in imports_of(path, package):
            top, *rest = name.split(".")
            target = rest[0] if top == "binance_socket" and rest and rest[0] in LEVELS else None
            where = f"{path.relative_to(package)}:{line} imports {name}"
            if (target is not None and LEVELS[target] > LEVELS[room]) or (room in PURE and top in IMPURE):
                found.append(where)
    return found


def test_imports_only_go_down():
    """The house stands."""
    assert violations(PACKAGE) == []


def test_a_forbidden_import_is_caught(tmp_path):
    """In every form that an import may have."""
    house = tmp_path / "binance_socket"
    shutil.copytree(PACKAGE, house, ignore=shutil.ignore_patterns("__pycache__"))
    planted = {
        "_session/session.py": "import threading",
        "_wire/codec.py": "def later():\n    from time import monotonic",
        "models/base.py": "from .._engine import clock",
        "models/__init__.py": "from ..client import BinanceSocketClient",
        "_engine/hub.py": "from binance_socket.events import DataEvent",
        "client.py": "from .sandbox import venue",
        "errors.py": "import binance_socket.models.enums",
    }
    assert violations(house) == []
    for place, line in planted.items():
        module = house / place
        module.write_text(f"{module.read_text('utf-8')}\n{line}\n", "utf-8")
    caught = {entry.partition(":")[0] for entry in violations(house)}
    assert caught == set(planted)
    assert len(violations(house)) == len(planted)
