"""How Sphinx builds these pages: ``python -m sphinx -W --keep-going -b html docs docs/_build``."""

from __future__ import annotations

from typing import Any

import attrs
from sphinx.application import Sphinx

import binance_socket
from binance_socket.spot_api import Account, ExchangeData, Trading
from binance_socket.spot_api.endpoint import Endpoint

project = "binance_socket"
author = "the authors of binance_socket"
version = release = binance_socket.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"binance_socket {release}"
html_copy_source = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "undoc-members": True}

# Every name that a page refers to must exist. The standard library's are not looked up: the build needs no network.
nitpicky = True
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(abc|asyncio|collections|concurrent|contextlib|datetime|decimal|enum|os|pathlib|queue|sys|threading|types|typing)(\..*)?",
    ),
    ("py:class", r"(Any|Callable|Decimal|Executor|Future|Iterable|Mapping|Path|Protocol|Self|Sequence|TracebackType)"),
    (
        "py:class",
        r"(ClassVar|Generic|Literal|NoReturn|PathLike|SupportsIndex|date|datetime|timedelta|typing_extensions\..*)",
    ),
    ("py:class", r"(F|P|R|T|[a-z_.]*\.(F|P|R|T))"),
    ("py:mod", r"multiprocessing"),
    # What parameters take: their docstrings say it.
    ("py:class", r"(Amount|Moment)"),
    # Ours, and not meant for anybody else.
    ("py:class", r"binance_socket\.([a-z_.]+\.)?_.*"),
    (
        "py:class",
        r"binance_socket\.(events\.Dispatcher|spot_api\.caller\.(Caller|Surroundings)|sandbox\.faults\.HasUid)",
    ),
]

# An API method is declared by its signature, and is neither a function nor what the declaration returns: show it as
# what callers see, a method that returns a response.
for room in {base for cls in (Account, ExchangeData, Trading) for base in cls.__mro__ if base is not object}:
    for name, member in list(vars(room).items()):
        if isinstance(member, Endpoint):
            declaration = member.declaration
            declaration.__annotations__["return"] = f"Response[{declaration.__annotations__['return']}]"
            setattr(room, name, declaration)


def show_default(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Say what an option's default is: the constructors that attrs writes are not shown."""
    owner, _, field_name = name.rpartition(".")
    cls = {f"binance_socket.{cls.__name__}": cls for cls in (binance_socket.ClientOptions, binance_socket.Environment)}
    field = getattr(attrs.fields(cls[owner]), field_name, None) if what == "attribute" and owner in cls else None
    if field is not None and field.default is not attrs.NOTHING:
        lines += ["", f"Default: ``{getattr(field.default, 'name', field.default)}``"]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", show_default)
