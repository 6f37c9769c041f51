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
    "rage-weighted": ("RAGE, default + new prefixes spread", "#009E73", ""),
    "rage-default": ("RAGE, default", "#0072B2", ""),
}
WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 74, 18, 64, 92


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
            f'<text x="{LEFT}" y="26" class="title">{escape(title)}</text>',
            f'<text x="{LEFT}" y="46" class="label">{escape(y_label)}</text>',
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - BOTTOM + 38}" class="label"'
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
                f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="grid"/>'
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="tick" text-anchor="end">'
                f"{text_of(tick)}</text>"
            )
        base = HEIGHT - BOTTOM
        self.parts.append(
            f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}" class="axis"/>'
        )
        for tick in x_ticks:
            x = self.x(tick)
            self.parts.append(
                f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 5}" class="axis"/>'
                f'<text x="{x:.1f}" y="{base + 19}" class="tick" text-anchor="middle">'
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

    def legend(self, policies):
        for i, policy in enumerate(policies):
            label, colour, dashes = POLICIES[policy]
            x = LEFT + (i % 3) * 214
            y = HEIGHT - 30 + (i // 3) * 18
            self.parts.append(
                f'<line x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}" stroke="{colour}"'
                f' stroke-width="2" stroke-dasharray="{dashes}"/>'
                f'<text x="{x + 32}" y="{y}" class="tick">{escape(label)}</text>'
            )

    def save(self, name):
        style = (
            "text{font-family:sans-serif;fill:#222}.title{font-size:16px;font-weight:bold}"
            ".label{font-size:12px;fill:#555}.tick{font-size:11px}"
            ".grid{stroke:#ddd;stroke-width:1}.axis{stroke:#444;stroke-width:1}"
        )
        FIGURES.mkdir(exist_ok=True)
        path = FIGURES / name
        body = "\n".join(self.parts)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' width="{WIDTH}" height="{HEIGHT}">\n<style>{style}</style>\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
        )
        print(path)


def plot(reports, experiment, field, name, title, y_label, log=False):
    policies = [name for name in POLICIES if name in reports[0]["experiments"][experiment]]
    lines = {policy: means(reports, experiment, policy, field) for policy in policies}
    values = [value for points in lines.values() for _, value in points]
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
    for policy, points in lines.items():
        _, colour, dashes = POLICIES[policy]
        axes.line(points, colour, dashes)
    axes.legend(policies)
    axes.save(name)


def main(paths):
    if not paths:
        raise SystemExit(__doc__)
    reports = [json.loads(Path(path).read_text()) for path in paths]
    published = "8 servers, 150 groups of prompts"
    plot(reports, "published", "output_tokens_per_second", "routing_throughput.svg",
         f"Output tokens a second: {published}", "output tokens per second, of a whole stage")
    plot(reports, "published", "ttft_p90", "routing_ttft.svg",
         f"Time to first token, p90: {published}", "seconds, logarithmic", log=True)
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


if __name__ == "__main__":
    main(sys.argv[1:])
