"""The table of the README, between two marks, from what bench.py measured."""

BEGIN, END = "<!-- scripts/bench --publish writes from here -->", "<!-- to here -->"


def number(value):
    """Three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cell(side, unit):
    return "cannot" if "cannot" in side else f"{number(side['median'])} {unit}"


def _verdict(row):
    """(ratio to the peer, goal, part of the limit, whether a goal is missed)"""
    peer, bare = (row["ratios"].get(name) for name in ("qemu", "bare"))
    goals = [f"{row['goal']:g} ×"] if row["goal"] else []
    goals += [f"{100 * row['goal_of_bare']:.0f} % of bare"] if row["goal_of_bare"] else []
    missed = (row["goal"] and peer is not None and peer < row["goal"]) or (
        row["goal_of_bare"] and bare is not None and bare < row["goal_of_bare"]
    )
    share = row["sides"]["gdbvm"].get("gdb_share")
    limits = [f"{100 * bare:.0f} %"] if bare is not None else []
    limits += [f"gdb {100 * share:.0f} %"] if share is not None else []
    return (
        f"{number(peer)} ×" if peer is not None else "",
        ", ".join(goals) + (" missed" if missed else ""),
        ", ".join(limits),
        missed,
    )


def table(said):
    """Markdown."""
    host = said["host"]
    lines = [
        f"Measured on {host['date']}: {host['cpu']}, {host['cpus']} CPUs, Linux {host['kernel']}, load {host['load']:.1f} before,",
        f"{said['rounds']} rounds by turns. Medians; × says how many times better gdbvm is than Debian's QEMU; the last column, how much it",
        "reaches of what bare KVM ioctls do with the same guest, and `gdb`, how much of its time gdb itself computes: no server is faster.",
        "",
        "| row | what | gdbvm | QEMU | better | goal | of the limit |",
        "|---|---|---|---|---|---|---|",
    ]
    limits = []
    cannot = []
    for name, row in said["rows"].items():
        ratio, goal, part, missed = _verdict(row)
        ours, peer = (_cell(row["sides"][side], row["unit"]) for side in ("gdbvm", "qemu"))
        lines.append(f"| {name} | {row['what']} | {ours} | {peer} | {ratio} | {goal} | {part} |")
        if missed:
            limits.append(f"{name}: {row['why']}")
        if "cannot" in row["sides"]["qemu"]:
            cannot.append(f"{name}: {row['sides']['qemu']['cannot']}")
    if limits:
        lines += ["", "What keeps a row from its goal here:", *(f"- {one}." for one in limits)]
    if cannot:
        lines += ["", "What QEMU cannot here:", *(f"- {one}." for one in cannot)]
    lines += ["", "![ratios, and how cost grows](tests/bench/chart.svg)"]
    return "\n".join(lines)


def put_into(path, said):
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"bench: {path} has no marks for the table")
    path.write_text(f"{before}{BEGIN}\n{table(said)}\n{END}{after}", encoding="utf-8")
