"""One SVG: a bar a row for the ratios, on a logarithmic axis; right of the middle gdbvm is better, a tick is the goal.
Below it a panel for each cost that grows with a number, logarithmic both ways."""
import math
from xml.sax.saxutils import escape

LEFT, PLOT, RIGHT, LINE, TOP = 150, 480, 210, 24, 56
LOW, HIGH = 0.1, 1000.0
BETTER, WORSE, GREY = "#2a7a4b", "#b5482f", "#777"
COLOURS = {"gdbvm": BETTER, "qemu": WORSE}
PANEL_WIDTH, PANEL_HEIGHT = 330, 180


def _x(ratio):
    return LEFT + PLOT * math.log10(min(max(ratio, LOW), HIGH) / LOW) / math.log10(HIGH / LOW)


def _text(x, y, words, colour="#222", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'


def _axis(height):
    marks = []
    for exponent in range(round(math.log10(LOW)), round(math.log10(HIGH)) + 1):
        x = _x(10.0**exponent)
        colour = "#222" if exponent == 0 else "#ddd"
        marks.append(f'<line x1="{x:.0f}" y1="{TOP - 8}" x2="{x:.0f}" y2="{height - 12}" stroke="{colour}"/>')
        marks.append(_text(x, TOP - 14, f"{10.0**exponent:g}×", GREY, "middle"))
    return marks


def _bar(name, row, y):
    parts = [_text(LEFT - 8, y + 14, name, anchor="end")]
    ratio = row["ratios"].get("qemu")
    if ratio is None:
        who = "gdbvm" if "cannot" in row["sides"]["gdbvm"] else "qemu"
        return parts + [_text(_x(1) + 6, y + 14, f"{who} cannot" if "cannot" in row["sides"][who] else "", GREY)]
    left, right = sorted((_x(1), _x(ratio)))
    parts.append(
        f'<rect x="{left:.1f}" y="{y + 3}" width="{right - left:.1f}" height="{LINE - 8}" '
        f'fill="{BETTER if ratio >= 1 else WORSE}"/>'
    )
    if row["goal"]:
        goal = _x(row["goal"])
        parts.append(f'<line x1="{goal:.1f}" y1="{y}" x2="{goal:.1f}" y2="{y + LINE - 2}" stroke="#222" stroke-width="2"/>')
    ours, peer = (row["sides"][side]["median"] for side in ("gdbvm", "qemu"))
    return parts + [_text(LEFT + PLOT + 8, y + 14, f"{ours:.3g} to {peer:.3g} {row['unit']}", GREY)]


def _scale(values, low, high):
    """A function from a value to a place on a logarithmic axis."""
    first, last = math.log10(min(values)), math.log10(max(values))
    return lambda value: low + (high - low) * (math.log10(value) - first) / max(last - first, 1e-9)


def _panel(name, series, x, y):
    points = {side: [p for p in line if p[1] is not None] for side, line in series["sides"].items()}
    values = [value for line in points.values() for _, value, *_ in line]
    parts = [_text(x, y + 12, f"{name} [{series['unit']}], by {series['counted']}")]
    if not values:
        return parts
    numbers = [point[0] for line in series["sides"].values() for point in line]
    across = _scale(numbers, x + 45, x + PANEL_WIDTH - 40)
    up = _scale(values, y + PANEL_HEIGHT - 34, y + 34)
    for many in sorted(set(numbers)):
        parts.append(_text(across(many), y + PANEL_HEIGHT - 12, f"{many:g}", GREY, "middle"))
    for value in (min(values), max(values)):
        parts.append(_text(x + 38, up(value) + 4, f"{value:.3g}", GREY, "end"))
    for side, line in points.items():
        if not line:
            continue
        path = " ".join(f"{across(many):.1f},{up(value):.1f}" for many, value, *_ in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[side]}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(m):.1f}" cy="{up(v):.1f}" r="3" fill="{COLOURS[side]}"/>' for m, v, *_ in line]
        last = line[-1]
        parts.append(_text(across(last[0]) + 5, up(last[1]) - 5, side, COLOURS[side]))
    return parts


def chart(rows, growth):
    width, bars = LEFT + PLOT + RIGHT, TOP + LINE * len(rows) + 16
    height = bars + (len(growth) + 1) // 2 * PANEL_HEIGHT + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(12, 20, "How many times better gdbvm is than QEMU, on the same host, guest and client; tick: goal"),
        *_axis(bars),
    ]
    for index, (name, row) in enumerate(rows.items()):
        parts += _bar(name, row, TOP + LINE * index)
    for index, (name, series) in enumerate(growth.items()):
        parts += _panel(name, series, 60 + index % 2 * (PANEL_WIDTH + 60), bars + index // 2 * PANEL_HEIGHT)
    return "\n".join([*parts, "</svg>"]) + "\n"
