"""The results of sustained.py for people."""

import json
import os
import statistics

from report import in_lines

# (key, heading, format, whether more is better)
COLUMNS = [
    ("rate", "requests/s", "{:,.0f}", True),
    ("cpu_us", "processor time a request, us", "{:.2f}", False),
    ("saturated_p99", "p99, saturated, ms", "{:.2f}", False),
    ("p50", "p50, ms", "{:.2f}", False),
    ("p99", "p99, ms", "{:.2f}", False),
    ("p999", "p99.9, ms", "{:.2f}", False),
    ("written", "bytes written a byte of values", "{:.2f}", False),
]
OF_TARGET = {"rate": "rate", "cpu": "cpu_us", "p99": "p99"}
OLD = ("redis 7.0",)  # shown, and no target is beside it


def median(cell, server, key):
    figures = [one[key] for one in cell["rounds"][server] if key in one]
    return statistics.median(figures) if figures else None


def best_rival(cell, key, more_is_better):
    rivals = [name for name in cell["rounds"] if name != "minikv" and name not in OLD]
    if not rivals:
        rivals = [name for name in cell["rounds"] if name != "minikv"]
    figures = [figure for figure in (median(cell, name, key) for name in rivals) if figure is not None]
    if not figures:
        return None
    return max(figures) if more_is_better else min(figures)


def ratio(cell, key, more_is_better):
    ours, theirs = median(cell, "minikv", key), best_rival(cell, key, more_is_better)
    return None if ours is None or not theirs else ours / theirs


def judged(cell):
    """(name, ratio, limit, met) of each target of the cell."""
    found = []
    for name, key in OF_TARGET.items():
        limit = cell["target"].get(name)
        more_is_better = name == "rate"
        value = ratio(cell, key, more_is_better)
        if limit is not None and value is not None:
            found.append((name, value, limit, value >= limit if more_is_better else value <= limit))
    return found


def one_line(cell):
    words = [f"{name} {value:.2f} (target {limit:g}{'' if met else ', missed'})" for name, value, limit, met in judged(cell)]
    return f"{cell['fsync']}: {cell['name']}: {median(cell, 'minikv', 'rate'):,.0f}/s; to the better rival: {', '.join(words)}"


def write(directory, result):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "sustained.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    with open(os.path.join(directory, "sustained.md"), "w", encoding="utf-8") as file:
        file.write(markdown(result))


def markdown(result):
    where = result["machine"]
    lines = [
        "# Sustained load", "",
        in_lines(f"`{result['command'].strip()}`, {where['date']}, commit {where['commit']}: {where['processors']} processors "
                 f"({where['processor']}), {where['memory_gib']} GiB, Linux {where['kernel']}, {where['file_system']}; "
                 f"{', '.join(result['servers'])}; {result['took_s']} s."), "",
        in_lines(f"{result['keys']:,} keys, overwritten twice before; {result['rounds']} rounds of {result['seconds']:g} s for "
                 "each server, by turns; medians. Rate, processor time (all threads and children) and bytes written are "
                 "those at saturation. p50, p99 and p99.9 are those at 70 % of what the slowest server answered, from when "
                 "each request was due; of the GETs, where there are both. Ratios are to the better of the newest rivals "
                 "in each column."), "",
        "| cell | " + " | ".join(f"{name}: ratio (target)" for name in OF_TARGET) + " |", "|---|---|---|---|",
    ]
    for cell in result["cells"]:
        found = {name: f"{value:.2f} ({limit:g}{'' if met else ', **missed**'})" for name, value, limit, met in judged(cell)}
        lines.append(f"| {cell['fsync']}: {cell['name']} | " + " | ".join(found.get(name, "") for name in OF_TARGET) + " |")
    lines += ["", *bare(result)]
    for cell in result["cells"]:
        lines += table(cell)
    return "\n".join(lines)


def bare(result):
    constant, files = result["bare"]["constant"], result["bare"]["files"]
    lines = ["## What the machine allows", "", "| | |", "|---|---:|",
             f"| a server that answers a constant, 50 connections | {constant['rate']:,.0f}/s, {constant['cpu_us']:.2f} us |"]
    for kind, rates in files.items():
        lines.append(f"| write of 216 bytes and fdatasync, {kind} file | {statistics.median(rates):,.0f}/s |")
    return [*lines, ""]


def table(cell):
    columns = [column for column in COLUMNS if median(cell, "minikv", column[0]) is not None]
    lines = [f"## {cell['fsync']}: {cell['name']}", "", f"p50, p99 and p99.9 at {cell['offered']:,.0f} requests a second.", "",
             "| | " + " | ".join(column[1] for column in columns) + " |", "|---|" + "---:|" * len(columns)]
    for server in cell["rounds"]:
        figures = (median(cell, server, column[0]) for column in columns)
        lines.append(f"| {server} | " + " | ".join(
            "" if figure is None else column[2].format(figure) for figure, column in zip(figures, columns)) + " |")
    ratios = (ratio(cell, key, more_is_better) for key, _, _, more_is_better in columns)
    lines.append("| ratio | " + " | ".join("" if one is None else f"{one:.2f}" for one in ratios) + " |")
    return [*lines, ""]
