"""One SVG of the ratios: a bar a row, on a logarithmic axis; right of the middle gdbvm is better, a tick is the goal."""
import math
from xml.sax.saxutils import escape

LEFT, PLOT, RIGHT, LINE, TOP = 150, 480, 190, 24, 56
LOW, HIGH = 0.1, 1000.0
BETTER, WORSE, GREY = "#2a7a4b", "#b5482f", "#777"


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


def chart(rows):
    width, height = LEFT + PLOT + RIGHT, TOP + LINE * len(rows) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(12, 20, "How many times better gdbvm is than QEMU, on the same host, guest and client; tick: goal"),
        *_axis(height),
    ]
    for index, (name, row) in enumerate(rows.items()):
        parts += _bar(name, row, TOP + LINE * index)
    return "\n".join([*parts, "</svg>"]) + "\n"
