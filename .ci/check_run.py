"""Hold what a run reported against what was promised. Standard library only."""

import json
import sys
import xml.etree.ElementTree as ET
from collections import Counter
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
    """Every conformance test that is written ran, with as many cases, and none was skipped."""
    lines = Path(written).read_text(encoding="utf-8").splitlines()
    # Without parameters: those may have any characters, which the two files write in different ways.
    tests = Counter(line.partition("[")[0] for line in lines if "::" in line)
    cases = ET.parse(junit).getroot().findall(".//testcase")
    ran = Counter(_test_of(case) for case in cases if case.find("skipped") is None)
    found = {test: ran[test.replace("/", ".").replace(".py::", ".").replace("::", ".")] for test in tests}
    print(f"conformance: {sum(found.values())} of {sum(tests.values())} tests ran")
    if not tests:
        return ["no conformance test is written"]
    return [
        f"{test}: {tests[test]} cases are written, {found[test]} ran" for test in tests if found[test] != tests[test]
    ]


def _test_of(case: ET.Element) -> str:
    return f"{case.get('classname')}.{case.get('name', '').partition('[')[0]}"


if __name__ == "__main__":
    found = {"coverage": coverage, "conformance": conformance}[sys.argv[1]](*sys.argv[2:])
    for problem in found:
        print(problem, file=sys.stderr)
    sys.exit(bool(found))
