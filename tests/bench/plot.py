"""Small multiples as an SVG, of what must stay flat while a quantity grows by orders of magnitude."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT, GAP = 240, 150, 56
INK, PALE, LINE = "#444", "#ddd", "#1f6fb2"


@dataclass(frozen=True, slots=True)
class Panel:
    """One line of points; `values` are drawn from 0 up."""

    title: str
    values: Sequence[float]


def svg(across: Sequence[float], across_title: str, panels: Sequence[Panel]) -> str:
    """All panels beside each other, each over the same values across, which are on a logarithmic scale."""
    wide = len(panels) * (WIDTH + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {HEIGHT + 2 * GAP}"'
        f' font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{wide}" height="{HEIGHT + 2 * GAP}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        left = GAP + number * (WIDTH + GAP)
        parts.append(f'<g transform="translate({left},{GAP})">')
        parts += drawn(panel, across, across_title)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def drawn(panel: Panel, across: Sequence[float], across_title: str) -> list[str]:
    top = rounded_up(max(panel.values))
    low, high = math.log(min(across)), math.log(max(across))
    points = [
        ((math.log(x) - low) / max(high - low, 1e-9) * WIDTH, HEIGHT - value / top * HEIGHT)
        for x, value in zip(across, panel.values, strict=True)
    ]
    parts = [f'<text y="-14" font-weight="bold">{escape(panel.title)}</text>']
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - share * HEIGHT
        parts.append(f'<path d="M0 {y:.0f}H{WIDTH}" stroke="{PALE}"/>')
        parts.append(f'<text x="-6" y="{y + 4:.0f}" text-anchor="end">{share * top:g}</text>')
    parts += [
        f'<text x="{x:.1f}" y="{HEIGHT + 18}" text-anchor="middle">{value:g}</text>'
        for (x, _), value in zip(points, across, strict=True)
    ]
    parts.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT + 38}" text-anchor="middle">{escape(across_title)}</text>'
    )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{LINE}"/>' for x, y in points]
    return parts


def rounded_up(value: float) -> float:
    """The next number of the kind 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value))
