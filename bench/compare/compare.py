#!/usr/bin/python3 -B
"""minikv beside redis-server: the same load, the same durability, by turns on the same machine.

    compare.py --bin build/release/bin                       all cells, and everything else
    compare.py --bin build/release/bin --cells targets       only the cells that have a target
    compare.py --bin build/release/bin throughput mixed      only these of the experiments

Writes compare.json, compare.md and compare.svg into --results. docs/PERFORMANCE.md says how to read them.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

import experiments
import machine
import report
from servers import Constant, Minikv

EXPERIMENTS = {
    "throughput": experiments.throughput,
    "mixed": experiments.mixed,
    "memory": experiments.memory_and_restart,
    "compacting": experiments.compacting,
    "limits": experiments.limits,
}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    options = read_arguments()
    Minikv.binaries = options.bin
    Minikv.flags = options.flag
    Constant.binaries = options.bench_bin
    begin = time.monotonic()
    options.directory = tempfile.mkdtemp(prefix="minikv-compare-", dir=options.directory)
    rows = []
    try:
        for name in options.experiments or EXPERIMENTS:
            rows += [row.figures() for row in EXPERIMENTS[name](options, say)]
    finally:
        shutil.rmtree(options.directory, ignore_errors=True)
    result = {
        "machine": machine.describe(options), "command": "./dev bench compare " + " ".join(options.given),
        "took_s": round(time.monotonic() - begin), "rounds": options.rounds, "seconds": options.seconds, "rows": rows,
    }
    os.makedirs(options.results, exist_ok=True)
    with open(os.path.join(options.results, "compare.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    report.write(options.results, result)
    say(f"written: {options.results}/compare.json, compare.md and compare.svg")
    return 0


def read_arguments():
    parser = argparse.ArgumentParser(description="Compares minikv with redis-server.")
    parser.add_argument("--bin", required=True, type=os.path.abspath, help="the directory of minikvd")
    parser.add_argument("--bench-bin", type=os.path.abspath, help="the directory of constant_server, for limits")
    parser.add_argument("--results", default="bench/results", type=os.path.abspath, help="where the results go")
    parser.add_argument("--directory", type=os.path.abspath, default=None, help="where the data goes: the disk that is measured [/tmp]")
    parser.add_argument("--cells", choices=("all", "targets"), default="all", help="of throughput")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each server in each round of a cell")
    parser.add_argument("--keys", type=int, default=1_000_000, help="that are there before")
    parser.add_argument("--many-keys", type=int, default=5_000_000, help="of memory and restart")
    parser.add_argument("--rest", type=float, default=3, help="seconds in which memory comes to rest before it is read")
    parser.add_argument("--flag", action="append", default=[], help="a flag for minikvd, as --flag=--io-threads=2")
    parser.add_argument("experiments", nargs="*", help=" ".join(EXPERIMENTS))
    options = parser.parse_args()
    for name in options.experiments:
        if name not in EXPERIMENTS:
            parser.error(f"there is no experiment {name}; there are {', '.join(EXPERIMENTS)}")
    if options.bench_bin is None:
        if "limits" in options.experiments:
            parser.error("limits needs --bench-bin")
        options.experiments = options.experiments or [name for name in EXPERIMENTS if name != "limits"]
    options.given = given()
    return options


def given():
    """What ./dev bench compare was called with."""
    words, rest = [], iter(sys.argv[1:])
    for word in rest:
        if word in ("--bin", "--bench-bin", "--directory", "--results"):
            next(rest)
        else:
            words.append(word)
    return words


def say(words):
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
