"""The results for people: tables (compare.md) and a chart (compare.svg)."""

import math
import os
import textwrap

# (name, the test that finds its row, the target figure, and whether that is a minimum or a maximum)
def targets():
    def cell(command, fsync, pipeline, connections=50):
        return dict(experiment="throughput", command=command, fsync=fsync, pipeline=pipeline, connections=connections,
                    value_bytes=100)

    def readers(figure):
        return dict(experiment="readers beside 40 writers", figure=figure)

    return [
        ("GET", cell("GET", "second", 1), 1.1, "least"),
        ("GET, pipeline 16", cell("GET", "second", 16), 1.4, "least"),
        ("GET, pipeline 64", cell("GET", "second", 64), 1.5, "least"),
        ("SET, every write synced", cell("SET", "always", 1), 1.1, "least"),
        ("SET, every write synced, pipeline 16", cell("SET", "always", 16), 1.9, "least"),
        ("SET, synced every second", cell("SET", "second", 1), 1.0, "least"),
        ("SET, synced every second, pipeline 16", cell("SET", "second", 16), 1.6, "least"),
        ("GET, one connection", cell("GET", "second", 1, 1), 1.0, "least"),
        ("SET, synced every second, one connection", cell("SET", "second", 1, 1), 0.85, "least"),
        ("SET, every write synced, one connection", cell("SET", "always", 1, 1), 0.95, "least"),
        ("4 readers beside 40 synced writers: rate", readers("rate"), 6, "least"),
        ("the same: p50", readers("p50"), 0.12, "most"),
        ("the same: p99", readers("p99"), 0.35, "most"),
        ("the writers beside them: rate", dict(experiment="writers beside 4 readers"), 1.15, "least"),
        ("memory, 5 M keys, 100 B values", dict(experiment="memory", value_bytes=100), 0.40, "most"),
        ("memory, 5 M keys, 1 KiB values", dict(experiment="memory", value_bytes=1024), 0.08, "most"),
        ("restart, clean, 100 B", dict(experiment="restart, clean", value_bytes=100), 0.20, "most"),
        ("restart, clean, 1 KiB", dict(experiment="restart, clean", value_bytes=1024), 0.20, "most"),
        ("restart after kill -9, 100 B", dict(experiment="restart, after kill -9", value_bytes=100), 0.30, "most"),
        ("restart after kill -9, 1 KiB", dict(experiment="restart, after kill -9", value_bytes=1024), 0.30, "most"),
        ("GET beside an Asio server that answers a constant", dict(experiment="GET beside a constant"), 0.95, "least"),
        ("synced groups a second beside bare fdatasync", dict(experiment="synced groups beside fdatasync"), 0.9, "least"),
        ("p99 of synced SET beside a compaction, against itself",
         dict(experiment="beside compaction", server="minikv", fsync="always", figure="p99"), 2, "most"),
        ("p99 of SET synced every second beside a compaction, against itself",
         dict(experiment="beside compaction", server="minikv", fsync="second", figure="p99"), 2, "most"),
    ]


def judged(result):
    """(name, row, target, kind, met) of every target whose row was measured."""
    found = []
    for name, wanted, target, kind in targets():
        for row in result["rows"]:
            if all(row.get(field) == value for field, value in wanted.items()):
                met = row["ratio"] >= target if kind == "least" else row["ratio"] <= target
                found.append((name, row, target, kind, met))
                break
    return found


def write(directory, result):
    with open(os.path.join(directory, "compare.md"), "w", encoding="utf-8") as file:
        file.write(markdown(result))
    with open(os.path.join(directory, "compare.svg"), "w", encoding="utf-8") as file:
        file.write(chart(result))


# ---- tables ----

OTHERS = {"GET beside a constant": "a constant", "synced groups beside fdatasync": "fdatasync"}  # rivals other than Redis


def in_lines(paragraph):
    return textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)


def markdown(result):
    machine = result["machine"]
    lines = [
        "# minikv beside Redis", "",
        in_lines(f"`{result['command'].strip()}`, {machine['date']}, commit {machine['commit']}: "
                 f"{machine['processors']} processors ({machine['processor']}), {machine['memory_gib']} GiB, "
                 f"Linux {machine['kernel']}, {machine['file_system']}; {machine['redis']}."), "",
        in_lines(f"{result['rounds']} rounds, {result['seconds']} s for each server in each; medians, the ratio of the "
                 "medians, and in brackets the lowest and the highest ratio of one round."), "",
    ]
    rows = judged(result)
    if rows:
        lines += ["## Targets", "", "| | minikv | Redis | ratio | target | |", "|---|---:|---:|---|---|---|"]
        for name, row, target, kind, met in rows:
            ours, theirs = (row["beside"], row["quiet"]) if "beside" in row else (row["minikv"], row["redis"])
            whose = "itself, without" if "beside" in row else OTHERS.get(row["experiment"])
            theirs = number(theirs, row["unit"]) + (f" ({whose})" if whose else "")
            lines.append(f"| {name} | {number(ours, row['unit'])} | {theirs} | {ratio(row)} | at {kind} {target} | "
                         f"{'met' if met else 'missed'} |")
        lines.append("")
    cells = [row for row in result["rows"] if row["experiment"] == "throughput"]
    for command in ("GET", "SET"):
        for fsync in ("always", "second", "never"):
            lines += cell_table([row for row in cells if row["command"] == command and row["fsync"] == fsync], command,
                                fsync)
    machine_rows = ("GET beside a constant", "synced groups beside fdatasync")
    rest = [row for row in result["rows"] if row["experiment"] not in ("throughput", "beside compaction", *machine_rows)]
    if rest:
        lines += ["## Mixed load, memory, restart", "", "| | minikv | Redis | ratio |", "|---|---:|---:|---|"]
        for row in rest:
            details = [str(row["figure"])] if "figure" in row else []
            if "value_bytes" in row:
                details.append(f"{row['keys'] / 1e6:g} M keys, values of {row['value_bytes']} B")
            lines.append(f"| {row['experiment']}: {', '.join(details)} | {number(row['minikv'], row['unit'])} | "
                         f"{number(row['redis'], row['unit'])} | {ratio(row)} |")
        lines.append("")
    bounds = [row for row in result["rows"] if row["experiment"] in machine_rows]
    if bounds:
        lines += ["## Beside what the machine allows", "", "| | minikv | the bare minimum | ratio |", "|---|---:|---:|---|"]
        for row in bounds:
            lines.append(f"| {row['experiment']} | {number(row['minikv'], row['unit'])} | "
                         f"{number(row['redis'], row['unit'])} | {ratio(row)} |")
        lines.append("")
    own = [row for row in result["rows"] if row["experiment"] == "beside compaction"]
    if own:
        lines += ["## Beside a compaction (Redis: beside BGREWRITEAOF), each against itself", "",
                  "| | without | beside it | ratio |", "|---|---:|---:|---|"]
        for row in own:
            lines.append(f"| {row['server']}, SET, fsync {row['fsync']}: {row['figure']} | "
                         f"{number(row['quiet'], row['unit'])} | {number(row['beside'], row['unit'])} | {ratio(row)} |")
        lines.append("")
    return "\n".join(lines)


def cell_table(rows, command, fsync):
    if not rows:
        return []
    lines = [f"## {command}, fsync {fsync}", "", "| values | connections | pipeline | minikv | Redis | ratio |",
             "|---:|---:|---:|---:|---:|---|"]
    for row in rows:
        lines.append(f"| {row['value_bytes']} B | {row['connections']} | {row['pipeline']} | "
                     f"{number(row['minikv'], row['unit'])} | {number(row['redis'], row['unit'])} | {ratio(row)} |")
    return [*lines, ""]


def number(figure, unit):
    if unit == "bytes":
        return f"{figure / 2**20:,.0f} MiB"
    if unit in ("requests/s", "syncs/s"):
        return f"{figure:,.0f}/s"
    return f"{figure:.3f} {unit}"


def ratio(row):
    return f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"


# ---- chart ----

WIDTH, LEFT, RIGHT, LINE, TOP = 900, 370, 90, 24, 64
BETTER, WORSE = "#2a7f62", "#b5533c"


def chart(result):
    """A bar for each target: how many times better than Redis (than without, beside a compaction), on a scale of factors."""
    rows = judged(result)
    height = TOP + LINE * len(rows) + 40
    span = WIDTH - LEFT - RIGHT
    middle = LEFT + span * 0.25  # most bars go to the right

    def place(factor):
        reach = (WIDTH - RIGHT - middle) / math.log2(32)
        return min(max(middle + reach * math.log2(factor), LEFT), WIDTH - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="24" font-size="16" font-weight="bold">minikv beside Redis {version(result)}, '
        "side by side in one run</text>",
        f'<text x="16" y="44" fill="#555">times better than Redis (or than what is named); the mark is the target. '
        f"{result['machine']['processors']} cores, 50 connections and 100-byte values unless said, "
        f"{result['machine']['date']}</text>",
    ]
    for factor in (0.5, 1, 2, 4, 8, 16, 32):
        x = place(factor)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 30}" '
                     f'stroke="{"#444" if factor == 1 else "#ddd"}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle" fill="#555">{factor:g}×</text>')
    for i, (name, row, target, kind, _) in enumerate(rows):
        y = TOP + LINE * i
        better = row["ratio"] if kind == "least" else 1 / row["ratio"]
        wanted = target if kind == "least" else 1 / target
        begin, end = sorted((place(1), place(better)))
        parts.append(f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end">{name}</text>')
        parts.append(f'<rect x="{begin:.1f}" y="{y + 2}" width="{max(end - begin, 1):.1f}" height="{LINE - 10}" '
                     f'fill="{BETTER if better >= wanted else WORSE}"/>')
        parts.append(f'<line x1="{place(wanted):.1f}" y1="{y - 1}" x2="{place(wanted):.1f}" y2="{y + LINE - 5}" '
                     'stroke="black" stroke-width="2"/>')
        parts.append(f'<text x="{max(end, place(wanted)) + 6:.1f}" y="{y + 13}">{better:.2f}×</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def version(result):
    words = [word for word in result["machine"]["redis"].split() if word.startswith("v=")]
    return words[0][2:] if words else ""
