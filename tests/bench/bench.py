"""`scripts/bench`: drives gdbvm and Debian's QEMU in turn with the same client and compares; see --help."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import statistics
import sys
import tempfile

import report
from bare import Bare
from chart import chart
from rows import ROWS
from scaling import SERIES
from sides import ByGdb, Cannot, sides

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"
FLOORS = HERE / "floors.json"
RESULTS, CHART = HERE / "results.json", HERE / "chart.svg"
README = HERE.parent.parent / "README.md"


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.partition(": ")[2])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="what to measure; all rows without")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="a round measures each side once [5]")
    parser.add_argument("--gdbvm", default=str(BUILD / "bin/gdbvm"), metavar="PROGRAM", help="[build/bin/gdbvm]")
    parser.add_argument("--guests", type=pathlib.Path, default=BUILD / "guests", metavar="FOLDER", help="[build/guests]")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument("--svg", metavar="FILE", help="draw the ratios there")
    parser.add_argument("--scaling", action="store_true", help="measure also how cost grows with numbers, if all rows are")
    parser.add_argument("--publish", action="store_true",
                        help="all rows and scaling, for the tree: README's table, tests/bench/{results.json,chart.svg,floors.json}")
    parser.add_argument("--check", nargs="?", const=FLOORS, metavar="FILE", type=pathlib.Path,
                        help="fail where a ratio is below the one that FILE records [tests/bench/floors.json]")
    options = parser.parse_args()
    unknown = set(options.rows) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; --list names them")
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    if options.publish and (options.rows or options.check):
        parser.error("--publish measures all rows, and makes the floors that --check reads")
    if options.publish:
        options.scaling, options.json, options.svg = True, options.json or RESULTS, options.svg or CHART
    return options


class Measured:
    """A side's numbers of one row, or why there are none."""

    def __init__(self):
        self.values, self.cannot = [], None

    def take(self, measure):
        if self.cannot is not None:
            return
        try:
            self.values.append(measure())
        except Cannot as why:
            self.values, self.cannot = [], str(why)
        except (OSError, EOFError) as error:
            self.values, self.cannot = [], f"the connection failed: {error}"

    @property
    def median(self):
        return statistics.median(self.values) if self.values else None

    def as_json(self):
        if self.cannot is not None:
            return {"cannot": self.cannot}
        said = {"median": self.median, "min": min(self.values), "max": max(self.values), "rounds": self.values}
        shares = [value.gdb_share for value in self.values if isinstance(value, ByGdb)]
        return said | ({"gdb_share": statistics.median(shares)} if shares else {})


def measure_row(row, compared, bare, rounds):
    """{side's name: Measured}: A B A B …, so that what the host does meanwhile strikes both."""
    found = {side.name: Measured() for side in compared}
    if row.bare:
        found[bare.name] = Measured()
    for _ in range(rounds):
        for side in compared:
            missing = side.missing()
            if missing is None:
                found[side.name].take(lambda side=side: row.measure(side))
            else:
                found[side.name].cannot = missing
        if row.bare:
            found[bare.name].take(lambda: bare.measure(row.bare))
    return found


def ratios(row, found):
    """How many times better we are than each of the others."""
    ours = found["gdbvm"].median
    result = {}
    for name, other in found.items():
        if name == "gdbvm" or ours is None or other.median is None:
            continue
        result[name] = ours / other.median if row.more_is_better else other.median / ours
    return result


def tell(row, found, against):
    print(f"\n{row.name}: {row.what}")
    for name, side in found.items():
        if side.cannot is not None:
            print(f"  {'the peer ' if name == 'qemu' else ''}{name} cannot: {side.cannot}")
            continue
        spread = f"{report.number(min(side.values))} … {report.number(max(side.values))}"
        print(f"  {name:6}{report.number(side.median):>10} {row.unit}  [{spread}]{compared_with(name, row, against)}")
    sys.stdout.flush()


def compared_with(name, row, against):
    if name not in against:
        return ""
    if name == Bare.name:
        goal = f" (goal {100 * row.goal_of_bare:.0f} %)" if row.goal_of_bare else ""
        return f"  gdbvm reaches {100 * against[name]:.0f} % of it{goal}"
    goal = f" (goal {row.goal:g})" if row.goal else ""
    return f"  gdbvm is {report.number(against[name])} times better{goal}"


def host():
    cpu = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if "model name" in line), "")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"cpu": cpu, "cpus": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()[0], "date": date}


def below_floors(path, results):
    """One sentence for each ratio that has fallen below what the file records, of the rows that were measured."""
    said = []
    floors = json.loads(path.read_text(encoding="utf-8"))
    for row, others in floors.items():
        for other, least in others.items() if row in results else ():
            ratio = results[row]["ratios"].get(other)
            if results[row]["sides"]["gdbvm"].get("cannot"):
                said.append(f"{row}: gdbvm cannot: {results[row]['sides']['gdbvm']['cannot']}")
            elif ratio is None:
                said.append(f"{row}: not compared with {other}: {results[row]['sides'][other].get('cannot')}")
            elif ratio < least:
                said.append(f"{row}: {report.number(ratio)} times {other}, below the {least:g} that {path.name} records")
    return said


def floors_of(results):
    """The least that --check takes: a part of what was measured, for hosts are not always alike."""
    part = 0.6
    floors = {}
    for name, row in results.items():
        watched = {other: float(f"{part * ratio:.2g}") for other, ratio in row["ratios"].items()
                   if other != Bare.name or row["goal_of_bare"]}
        if watched:
            floors[name] = watched
    lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in floors.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def measure_growth(compared, rounds):
    """{series: {side: [[number, median] or [number, null, why]]}}"""
    result = {}
    for series in SERIES:
        print(f"\n{series.name}, by {series.counted} [{series.unit}]")
        lines = {side.name: [] for side in compared}
        for many in series.numbers:
            found = {side.name: Measured() for side in compared}
            for _ in range(rounds):
                for side in compared:
                    found[side.name].take(lambda side=side: series.measure(side, many))
            for name, measured in found.items():
                lines[name].append([many, measured.median] + ([measured.cannot] if measured.cannot else []))
        for name, points in lines.items():
            said = (f"{many}: {report.number(median) if median is not None else why[0]}" for many, median, *why in points)
            print(f"  {name:6}" + "   ".join(said))
        sys.stdout.flush()
        result[series.name] = {"counted": series.counted, "unit": series.unit, "sides": lines}
    return result


def unusable(options, ours):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not usable here"
    if ours.missing():
        return f"{ours.missing()}: build it, or say --gdbvm PROGRAM"
    for guest in ("bench64", "smp64"):
        if not (options.guests / guest).exists():
            return f"{options.guests / guest} is not there: build the target `guests`, or say --guests FOLDER"
    if options.check and not options.check.exists():
        return f"{options.check} is not there"
    return None


def main():
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number_of_signal, lambda which, _: sys.exit(128 + which))  # by way of every `finally`
    options = arguments()
    chosen = [row for row in ROWS if not options.rows or row.name in options.rows]
    if options.list:
        for row in chosen:
            print(f"{row.name:17}{row.what} [{row.unit}]")
        return 0
    ours, peer = sides(options.gdbvm, options.guests)
    if why := unusable(options, ours):
        print(f"bench: {why}", file=sys.stderr)
        return 2
    if peer.missing():
        print(f"bench: {peer.missing()}, nothing is compared: scripts/setup --bench installs it", file=sys.stderr)
    where, results = host(), {}
    with tempfile.TemporaryDirectory(prefix="gdbvm-bench-") as folder:
        for row in chosen:
            found = measure_row(row, (ours, peer), Bare(folder, options.guests), options.rounds)
            against = ratios(row, found)
            tell(row, found, against)
            results[row.name] = {
                "what": row.what, "unit": row.unit, "more_is_better": row.more_is_better, "goal": row.goal,
                "goal_of_bare": row.goal_of_bare, "why": row.why,
                "ratios": against, "sides": {name: side.as_json() for name, side in found.items()},
            }
    present = [side for side in (ours, peer) if side.missing() is None]
    growth = measure_growth(present, min(options.rounds, 3)) if options.scaling else {}
    said = {"host": where, "rounds": options.rounds, "rows": results, "growth": growth}
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.svg:
        pathlib.Path(options.svg).write_text(chart(results, growth), encoding="utf-8")
    if options.publish:
        FLOORS.write_text(floors_of(results), encoding="utf-8")
        report.put_into(README, said)
    fallen = below_floors(options.check, results) if options.check else []
    for sentence in fallen:
        print(f"bench: FAILED: {sentence}", file=sys.stderr)
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
