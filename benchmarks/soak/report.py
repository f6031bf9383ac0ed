"""The report of a soak, as a table."""

from __future__ import annotations

from collections.abc import Callable

from .course import Report

__all__ = ["print_report"]


def print_report(report: Report, write: Callable[[str], object] = print) -> None:
    """Write what was found; where that is not sound, the plan as well, from which it can be played again."""
    plan, total = report.plan, report.total
    write(
        f"seed {plan.seed}: {report.published:,} events, {len(plan.steps):,} steps in {report.seconds:.0f} s "
        f"({report.published / max(report.seconds, 1e-9):,.0f} events a second, "
        f"{report.published / max(report.publishing, 1e-9):,.0f} while publishing)"
    )
    write(f"\n{'what happened':<42} {'times':>10} {'whole after':>12}")
    for kind, count in sorted(report.steps.items()):
        write(f"{kind:<42} {count:>10,} {report.took[kind] / count:>9,.0f} ms")
    for outcome, count in sorted(report.rotations.items()):
        write(f"{'rotations asked for: ' + outcome:<42} {count:>10,}")
    for error, count in sorted(report.errors.items()):
        write(f"{'reported: ' + error:<42} {count:>10,}")
    names = list(report.verdicts)
    verdicts = [*report.verdicts.values(), total]
    write(f"\n{'subscription':<42} " + " ".join(f"{name:>11}" for name in (*names, "all")))
    for title, field in (
        ("published", "published"),
        ("delivered live", "live"),
        ("missed, within a gap", "missed"),
        ("recovered trades", "recovered_trades"),
        ("recovered orders, lists and balances", "recovered_others"),
        ("gaps", "gaps"),
        ("of these recovered", "whole_gaps"),
        ("possible duplicates, marked", "possible_duplicates"),
    ):
        write(f"{title:<42} " + " ".join(f"{getattr(verdict, field):>11,}" for verdict in verdicts))
    faults = ("lost without a gap", "duplicated", "out of order")
    for fault in (*faults, *sorted(set(total.faults) - set(faults))):
        write(f"{fault:<42} " + " ".join(f"{verdict.faults[fault]:>11,}" for verdict in verdicts))
    if report.samples:
        held = f"{'MiB':>8} {'blocks':>10} {'orders':>8}"
        write(f"\n{'after events':>14} {held} {'threads':>8} {'pooled':>8} {'descriptors':>12}")
        step = max(1, len(report.samples) // 12)
        for sample in (*report.samples[:-1:step], report.samples[-1]):
            held = f"{sample.resident / 2**20:>8.1f} {sample.blocks:>10,} {sample.remembered:>8,}"
            write(f"{sample.events:>14,} {held} {sample.threads:>8} {sample.pooled:>8} {sample.descriptors:>12}")
        blocks = f"{report.more_blocks:+,.0f} blocks beside those of the orders that are remembered"
        write(f"growth over the second half: {report.growth / 2**20:+.1f} MiB, {blocks}")
    for line in (*report.failures, *total.complaints):
        write(line)
    if report.sound:
        write("\nsound")
    else:
        write("\nNOT SOUND. The plan, for --replay:")
        for line in plan.lines():
            write(line)
