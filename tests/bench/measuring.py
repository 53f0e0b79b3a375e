"""What the measurements of this folder share: timing, the size of processes, and lines of tables."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil

MIB = 1024 * 1024


@dataclass(frozen=True)
class Times:
    """How long something took, in ms; and, where it ran in this process, the processor time of it, which neighbours do not
    lengthen (much)."""

    all_ms: list[float]
    all_cpu_ms: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        return statistics.median(self.all_ms)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.all_ms, n=20)[-1] if len(self.all_ms) > 1 else self.all_ms[0]

    @property
    def cpu(self) -> float:
        return statistics.median(self.all_cpu_ms)


def timed(work: Callable[[], object], rounds: int, *, warm: int = 1) -> Times:
    """`work`, so many times, after `warm` times that do not count."""
    for _ in range(warm):
        work()
    times, cpu = [], []
    for _ in range(rounds):
        started, cpu_started = time.perf_counter(), time.process_time()
        work()
        cpu.append((time.process_time() - cpu_started) * 1000)
        times.append((time.perf_counter() - started) * 1000)
    return Times(times, cpu)


def heading(title: str, columns: Sequence[str]) -> list[str]:
    return [
        "",
        f"{title} ({os.cpu_count()} processors, shared)",
        f"  {'':<34}" + "".join(f"{name:>12}" for name in columns),
    ]


def line(what: str, cells: Sequence[str | float | int]) -> str:
    shown = [
        cell if isinstance(cell, str) else f"{cell:,.1f}" if isinstance(cell, float) else f"{cell:,}" for cell in cells
    ]
    return f"  {what:<34}" + "".join(f"{cell:>12}" for cell in shown)


def compared(what: str, measured: Times, floor: Times) -> str:
    return line(what, [measured.p50, measured.p95, measured.cpu, floor.p50, f"{measured.p50 / floor.p50:.1f}×"])


def show(report: Sequence[str]) -> None:
    print("\n".join(report), flush=True)  # noqa: T201 - a bench prints


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_s(pid: int) -> float:
    """Processor time that a process and its children have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in family(pid))


def memory_mib(pid: int) -> tuple[float, float]:
    """A process with its children: resident (pages they share counted in each), and what is theirs alone."""
    infos = [process.memory_full_info() for process in family(pid)]
    return sum(info.rss for info in infos) / MIB, sum(info.uss for info in infos) / MIB
