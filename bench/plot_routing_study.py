#!/usr/bin/env python3
"""Draws bench/figures/*.svg from what routing_study printed, with the standard library alone.

usage: plot_routing_study.py SEED1.json [SEED2.json ...]   (means over the files)
"""

import json
import math
import sys
from pathlib import Path
from xml.sax.saxutils import escape

FIGURES = Path(__file__).resolve().parent / "figures"
POLICIES = {  # Name: (label, colour, dashes). Colours that a colour-blind reader tells apart.
    "round-robin": ("round robin", "#D55E00", ""),
    "random": ("random", "#999999", "2 3"),
    "least-requests": ("least requests", "#CC79A7", "7 4"),
    "rage-optimized": ("RAGE, affinity filter + token load", "#56B4E9", "7 3 2 3"),
    "rage-default": ("RAGE, default", "#009E73", ""),
    "llm-d-default": ("llm-d's default, our scheduler", "#0072B2", ""),
}
# What llm-d measured on this hardware with this workload: rate: (tokens/s, TTFT p90 in s or None),
# from guides/optimized-baseline/benchmark-results/vllm-qwen3-32b-h100 of github.com/llm-d/llm-d.
MEASURED = {
    "Service, as llm-d measured it": {
        3: (1889, None), 10: (4944, None), 15: (6066, None), 20: (4555, 2.4), 22: (6239, 46.1),
        25: (6350, 0.9), 30: (6251, 4.9), 35: (6544, 46.2), 40: (6228, 37.9), 43: (6860, 61.9),
        46: (6526, 66.8), 49: (6956, 139.9), 52: (7049, 143.8), 55: (6402, 158.5),
        57: (6317, 153.3), 60: (6764, 154.1),
    },
    "llm-d, as it measured itself": {
        3: (1511, None), 10: (4597, None), 15: (8995, None), 20: (6656, 4.2), 22: (10809, 1.4),
        25: (10452, 0.2), 30: (10509, 0.2), 35: (12290, 0.2), 40: (14134, 0.3), 43: (13522, 0.2),
        46: (14050, 0.2), 49: (14941, 2.1), 52: (14542, 1.3), 55: (14607, 0.2), 57: (13451, 19.9),
        60: (13528, 0.9),
    },
}
MEASURED_COLOURS = {
    "Service, as llm-d measured it": "#E3A06F",
    "llm-d, as it measured itself": "#555555",
}
WIDTH, HEIGHT = 720, 460
LEFT, RIGHT, TOP, BOTTOM = 74, 18, 64, 134
TEXT = 'font-family="sans-serif"'
TITLE = f'{TEXT} font-size="16" font-weight="bold" fill="#222"'
LABEL = f'{TEXT} font-size="12" fill="#555"'
TICK = f'{TEXT} font-size="11" fill="#222"'
GRID = 'stroke="#dddddd" stroke-width="1"'
AXIS = 'stroke="#444444" stroke-width="1"'


def means(reports, experiment, policy, field):
    """[(rate, mean)] over the seeds."""
    runs = [report["experiments"][experiment][policy] for report in reports]
    return [
        (steps[0]["rate"], sum(step[field] for step in steps) / len(steps)) for steps in zip(*runs)
    ]


def nice_ticks(top, count=5):
    step = 10 ** math.floor(math.log10(top / count))
    step *= next(factor for factor in (1, 2, 5, 10) if top / (step * factor) <= count)
    return [step * i for i in range(int(top / step) + 1)]


def text_of(value):
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


class Axes:
    """A rectangle of a figure, its scales, and what has been drawn."""

    def __init__(self, title, x_label, y_label, x_top, y_range, log):
        self.x_top, self.log = x_top, log
        self.low, self.high = y_range
        self.parts = [
            f'<text x="{LEFT}" y="26" {TITLE}>{escape(title)}</text>',
            f'<text x="{LEFT}" y="46" {LABEL}>{escape(y_label)}</text>',
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - BOTTOM + 38}" {LABEL}'
            f' text-anchor="middle">{escape(x_label)}</text>',
        ]

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.x_top

    def y(self, value):
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def grid(self, x_ticks, y_ticks):
        for tick in y_ticks:
            y = self.y(tick)
            self.parts.append(
                f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" {GRID}/>'
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" {TICK} text-anchor="end">'
                f"{text_of(tick)}</text>"
            )
        base = HEIGHT - BOTTOM
        self.parts.append(
            f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}" {AXIS}/>'
        )
        for tick in x_ticks:
            x = self.x(tick)
            self.parts.append(
                f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 5}" {AXIS}/>'
                f'<text x="{x:.1f}" y="{base + 19}" {TICK} text-anchor="middle">'
                f"{text_of(tick)}</text>"
            )

    def line(self, points, colour, dashes):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"'
            f' stroke-dasharray="{dashes}" stroke-linejoin="round"/>'
        )
        for x, y in points:
            self.parts.append(
                f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="2.5" fill="{colour}"/>'
            )

    def crosses(self, points, colour):
        for x, y in points:
            px, py = self.x(x), self.y(y)
            self.parts.append(
                f'<path d="M{px - 4:.1f} {py - 4:.1f}l8 8m0 -8l-8 8" stroke="{colour}"'
                ' stroke-width="1.5" fill="none"/>'
            )

    def legend(self, entries):
        """Of (label, colour, dashes); no dashes at all (None): crosses."""
        for i, (label, colour, dashes) in enumerate(entries):
            x = LEFT + (i % 2) * 320
            y = HEIGHT - 76 + (i // 2) * 20
            if dashes is None:
                self.parts.append(
                    f'<path d="M{x + 9} {y - 8}l8 8m0 -8l-8 8" stroke="{colour}"'
                    ' stroke-width="1.5" fill="none"/>'
                )
            else:
                self.parts.append(
                    f'<line x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}" stroke="{colour}"'
                    f' stroke-width="2" stroke-dasharray="{dashes}"/>'
                )
            self.parts.append(f'<text x="{x + 32}" y="{y}" {TICK}>{escape(label)}</text>')

    def save(self, name):
        FIGURES.mkdir(exist_ok=True)
        path = FIGURES / name
        body = "\n".join(self.parts)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' width="{WIDTH}" height="{HEIGHT}">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
        )
        print(path)


def plot(reports, experiment, field, name, title, y_label, log=False, measured=None):
    """`measured`: which number of MEASURED belongs into the figure; None: none."""
    policies = [name for name in POLICIES if name in reports[0]["experiments"][experiment]]
    lines = {policy: means(reports, experiment, policy, field) for policy in policies}
    crosses = {
        label: [(rate, row[measured]) for rate, row in rows.items() if row[measured] is not None]
        for label, rows in (MEASURED if measured is not None else {}).items()
    }
    values = [value for points in (*lines.values(), *crosses.values()) for _, value in points]
    x_top = max(rate for points in lines.values() for rate, _ in points)
    if log:
        low = 10 ** math.floor(math.log10(max(min(values), 1e-3)))
        high = 10 ** math.ceil(math.log10(max(values)))
        y_ticks = [10.0**e for e in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    else:
        low, high = 0, max(values) * 1.06
        y_ticks = nice_ticks(high)
    axes = Axes(title, "requests per second", y_label, x_top * 1.02, (low, high), log)
    axes.grid(nice_ticks(x_top, 8), y_ticks)
    for label, points in crosses.items():
        axes.crosses(points, MEASURED_COLOURS[label])
    for policy, points in lines.items():
        axes.line(points, *POLICIES[policy][1:])
    axes.legend(
        [POLICIES[policy] for policy in policies]
        + [(label, MEASURED_COLOURS[label], None) for label in crosses]
    )
    axes.save(name)


def rows_of(reports, experiment, rates):
    """Markdown: one line a policy and rate."""
    columns = ("output_tokens_per_second", "late_tokens_per_second", "ttft_p50", "ttft_p90",
               "ttft_p99", "ntpot_p50", "cache_hit_rate")
    for policy in POLICIES:
        columns_of = {name: dict(means(reports, experiment, policy, name)) for name in columns}
        for rate in rates:
            values = [columns_of[name][rate] for name in columns]
            yield (
                f"| {experiment} | {policy} | {rate:g} | {values[0]:,.0f} | {values[1]:,.0f} |"
                f" {values[2]:.2f} | {values[3]:.2f} | {values[4]:.2f} | {values[5] * 1000:.0f} |"
                f" {values[6]:.2f} |"
            )


def main(paths):
    if not paths:
        raise SystemExit(__doc__)
    reports = [json.loads(Path(path).read_text()) for path in paths]
    published = "8 servers, 150 groups of prompts"
    plot(reports, "published", "output_tokens_per_second", "routing_throughput.svg",
         f"Output tokens a second: {published}", "output tokens per second, of a whole stage",
         measured=0)
    plot(reports, "published", "ttft_p90", "routing_ttft.svg",
         f"Time to first token, p90: {published}", "seconds, logarithmic", log=True, measured=1)
    plot(reports, "published", "cache_hit_rate", "routing_cache_hits.svg",
         f"Prompt tokens found in a cache: {published}", "share")
    plot(reports, "steady", "output_tokens_per_second", "routing_steady_throughput.svg",
         "Output tokens a second, each rate held for four minutes",
         "output tokens per second, of a whole stage")
    plot(reports, "steady", "ttft_p90", "routing_steady_ttft.svg",
         "Time to first token, p90, each rate held for four minutes", "seconds, logarithmic",
         log=True)
    plot(reports, "nothing-shared", "output_tokens_per_second", "routing_nothing_shared.svg",
         "Output tokens a second: no two prompts have anything in common",
         "output tokens per second, of a whole stage")
    for experiment, rates in (("published", (15, 30, 49, 60)), ("steady", (8, 12, 16, 20)),
                              ("groups-8", (60,)), ("groups-40", (60,)), ("groups-600", (60,)),
                              ("new-questions", (20, 60)), ("nothing-shared", (15, 20, 60))):
        print(*rows_of(reports, experiment, rates), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
