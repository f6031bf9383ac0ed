"""Hold what a run reported against what was promised. Standard library only."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

PURE = ("errors.py", "models/", "_wire/", "_session/")
WHOLE = 92.0


def coverage(report: str) -> list[str]:
    """The pure floors are covered to the last branch, the whole to 92 %."""
    data = json.loads(Path(report).read_text(encoding="utf-8"))
    problems = []
    whole = data["totals"]["percent_covered"]
    print(f"coverage: {whole:.1f} % of the whole")
    if whole < WHOLE:
        problems.append(f"coverage of the whole is {whole:.1f} %, not {WHOLE} %")
    for path, file in sorted(data["files"].items()):
        inside = path.replace("\\", "/").partition("binance_socket/")[2]
        if inside.startswith(PURE) and file["summary"]["percent_covered"] < 100:
            missing = file["missing_lines"] or file["missing_branches"]
            problems.append(f"{inside} is covered to {file['summary']['percent_covered']:.1f} %, missing {missing}")
    return problems


def conformance(written: str, junit: str) -> list[str]:
    """As many conformance tests ran as are written, and none was skipped."""
    count = sum("::" in line for line in Path(written).read_text(encoding="utf-8").splitlines())
    cases = ET.parse(junit).getroot().findall(".//testcase")
    ran = [case for case in cases if case.find("skipped") is None]
    print(f"conformance: {len(ran)} of {count} tests ran")
    return [] if count and len(ran) == count else [f"{count} conformance tests are written, {len(ran)} ran"]


if __name__ == "__main__":
    found = {"coverage": coverage, "conformance": conformance}[sys.argv[1]](*sys.argv[2:])
    for problem in found:
        print(problem, file=sys.stderr)
    sys.exit(bool(found))
