"""Run the demo and record its last screen: ``python docs/make_demo_picture.py`` writes docs/demo.svg."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from binance_socket.cli.demo import CHAPTERS, TITLE, perform
from binance_socket.cli.demo_live import LiveView
from binance_socket.sandbox import Sandbox

PICTURE = Path(__file__).with_name("demo.svg")
WIDTH, HEIGHT = 112, 34


def main() -> int:
    # Nothing is shown while it runs, and the last screen is printed once, on a console that records.
    screen = Console(file=io.StringIO(), force_terminal=True, width=WIDTH, height=HEIGHT)
    with Sandbox() as sandbox, LiveView(TITLE, CHAPTERS, screen) as view:
        code = perform(sandbox, view)
    recorder = Console(record=True, file=io.StringIO(), force_terminal=True, width=WIDTH, height=HEIGHT)
    recorder.print(view.render())
    if code == 0:
        svg = recorder.export_svg(title="python -m binance_socket demo", theme=MONOKAI, unique_id="demo")
        # A picture should not fetch fonts from elsewhere.
        svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
        PICTURE.write_text(svg, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
