#!/usr/bin/python3 -B
"""Sustained load: minikv beside redis-server and valkey-server, each with its background work, by turns.

    sustained.py --bin build/release/bin --bench-bin build/bench/bin --rivals build/rivals    all cells
    sustained.py ... "always" "GET"                  only those whose names contain one of these

Every server is filled with the same keys and as many overwrites again and again, so that compaction or the rewriting of
its log is at work. A cell is measured twice: as many requests as are answered (rate, processor time a request of all
threads and children, bytes that reach the disk for each byte of values), and at 70 % of what the slowest server had
answered (p50, p99, p99.9, counted from when each request was due). Writes sustained.json and sustained.md.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import compare
import machine
import rivals
import sustained_report
import usage
from experiments import MOST_FILLED
from servers import Constant, Minikv

EQUAL_SHARE = 0.7  # of what the slowest server can do


class Cell:
    """One kind of load. `target` has limits of ratios to the better rival: rate, cpu, p99."""

    def __init__(self, name, fsync, target, connections=50, pipeline=1, sets=0.0, value_bytes=100, zipfian=False):
        self.name, self.fsync, self.target = name, fsync, target
        self.connections, self.pipeline, self.sets = connections, pipeline, sets
        self.value_bytes, self.zipfian = value_bytes, zipfian

    def data(self):
        return self.fsync, self.value_bytes

    def flags(self, keys, threads):
        flags = ["--connections", self.connections, "--pipeline", self.pipeline, "--sets", self.sets, "--value-bytes",
                 self.value_bytes, "--keys", keys, "--threads", min(threads, self.connections)]
        return [str(flag) for flag in flags] + (["--zipfian"] if self.zipfian else [])


def target(rate, cpu=None, p99=1.0):
    return {"rate": rate, "cpu": cpu, "p99": p99}


CELLS = [
    Cell("GET", "second", target(1.0, 1.0)),
    Cell("GET, pipeline 16", "second", target(1.6, 0.6, 0.8), pipeline=16),
    Cell("GET, pipeline 64", "second", target(2.0, 0.6, 0.8), pipeline=64),
    Cell("SET", "second", target(1.0, 0.95), sets=1),
    Cell("SET, pipeline 16", "second", target(1.4, 0.8), pipeline=16, sets=1),
    Cell("SET, pipeline 64", "second", target(1.4, 0.8), pipeline=64, sets=1),
    Cell("GET, 1 connection", "second", target(1.0, 1.0), connections=1),
    Cell("GET, 1 connection, pipeline 16", "second", target(1.3, 1.0), connections=1, pipeline=16),
    Cell("SET, 1 connection, pipeline 16", "second", target(1.1, 1.0), connections=1, pipeline=16, sets=1),
    Cell("50/50, zipfian", "second", target(1.0), sets=0.5, zipfian=True),
    Cell("SET", "always", target(1.1, 1.0, 0.8), sets=1),
    Cell("SET, 100 connections", "always", target(1.2, 1.0, 0.8), connections=100, sets=1),
    Cell("SET, 200 connections", "always", target(1.2, 1.0, 0.8), connections=200, sets=1),
    Cell("SET, pipeline 16", "always", target(1.5, 1.0, 0.8), pipeline=16, sets=1),
    Cell("SET, 1 connection", "always", target(1.05, 1.2), connections=1, sets=1),
    Cell("95/5, zipfian", "always", target(1.2, None, 0.5), sets=0.05, zipfian=True),
    Cell("95/5, zipfian, pipeline 16", "always", target(1.5, None, 0.5), pipeline=16, sets=0.05, zipfian=True),
    *(Cell(f"{command}, {name}{', pipeline 16' if pipeline > 1 else ''}", "second", target(1.0), pipeline=pipeline,
           sets=1 if command == "SET" else 0, value_bytes=size)
      for size, name in ((1024, "1 KiB"), (16384, "16 KiB")) for command in ("GET", "SET") for pipeline in (1, 16)),
]


def load(options, server, flags, seconds, rate=0.0):
    """The figures of the load generator, which fails if a request does."""
    command = [os.path.join(options.bench_bin, "load"), "--port", str(server.port), "--seconds", str(seconds),
               "--warm-up", "0", "--rate", str(rate), *flags]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def saturate(options, server, cell, keys):
    flags = cell.flags(keys, options.threads)
    load(options, server, flags, options.seconds / 10)
    cpu, disk = usage.processor_seconds(server.process.pid), usage.disk_bytes_written(options.directory)
    figures = load(options, server, flags, options.seconds)
    cpu = usage.processor_seconds(server.process.pid) - cpu
    written = figures["set"]["count"] * cell.value_bytes
    found = {"rate": figures["rate"], "cpu_us": cpu / figures["answered"] * 1e6, **tail(figures, "saturated_")}
    if written and disk is not None:
        found["written"] = (usage.disk_bytes_written(options.directory) - disk) / written
    return found


def at_equal_load(options, server, cell, keys, rate):
    return tail(load(options, server, cell.flags(keys, options.threads), options.seconds, rate))


def tail(figures, prefix=""):
    """Of the GETs where there are any: in a mixed load it is they that should not wait."""
    one = figures["get"] if figures["get"]["count"] else figures["set"]
    return {f"{prefix}{name}": one[f"{name}_ms"] for name in ("p50", "p99", "p999")}


class Servers:
    """All of them, filled alike; those that are not measured stand still, with their children."""

    def __init__(self, options, kinds, fsync, value_bytes):
        self.options, self.keys = options, min(options.keys, MOST_FILLED // value_bytes)
        self.all = [kind(options.directory, fsync) for kind in kinds]
        for server in self.all:
            compare.say(f"filling {server.name}: {self.keys} keys, values of {value_bytes} bytes, fsync {fsync}")
            server.start()
            server.fill(self.keys, value_bytes)
            flags = Cell("", fsync, {}, pipeline=64, sets=1, value_bytes=value_bytes).flags(self.keys, options.threads)
            overwritten = 0
            while overwritten < 2 * self.keys:
                overwritten += load(options, server, flags, min(1, options.seconds))["answered"]
            server.pause()

    def by_turns(self, number):
        turn = number % len(self.all)
        for server in self.all[turn:] + self.all[:turn]:
            server.resume()
            yield server
            server.pause()

    def remove(self):
        for server in self.all:
            server.remove()


def measure(options, servers, cell):
    figures = {server.name: [] for server in servers.all}
    for number in range(options.rounds):
        for server in servers.by_turns(number):
            figures[server.name].append(saturate(options, server, cell, servers.keys))
    rates = [statistics.median(one["rate"] for one in rounds) for rounds in figures.values()]
    offered = EQUAL_SHARE * min(rates)
    for number in range(options.rounds):
        for server in servers.by_turns(number):
            figures[server.name][number] |= at_equal_load(options, server, cell, servers.keys, offered)
    return {"name": cell.name, "fsync": cell.fsync, "target": cell.target, "offered": offered, "rounds": figures}


def run_cells(options, kinds):
    cells = [cell for cell in CELLS
             if not options.names or any(name in f"{cell.fsync} {cell.name}" for name in options.names)]
    rows = []
    for data in dict.fromkeys(cell.data() for cell in cells):
        servers = Servers(options, kinds, *data)
        try:
            for cell in cells:
                if cell.data() == data:
                    rows.append(measure(options, servers, cell))
                    compare.say(sustained_report.one_line(rows[-1]))
        finally:
            servers.remove()
    return rows


def bare_minimum(options):
    """What the machine allows: a server that answers a constant, and write with fdatasync to files of each kind."""
    constant = Constant(options.directory, "second")
    try:
        constant.start()
        cell = Cell("a constant", "second", {})
        found = saturate(options, constant, cell, options.keys)
    finally:
        constant.remove()
    output = subprocess.run([os.path.join(options.bench_bin, "sync_limit"), options.directory, "--files", str(options.rounds),
                             str(options.seconds / 10)], check=True, capture_output=True, text=True).stdout
    return {"constant": found, "files": json.loads(output)}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    options = read_arguments()
    Minikv.binaries, Minikv.flags, Constant.binaries = options.bin, options.flag, options.bench_bin
    kinds = [Minikv, *rivals.find(options.rivals)]
    compare.say("measured: " + ", ".join(kind.name for kind in kinds))
    begin = time.monotonic()
    options.directory = tempfile.mkdtemp(prefix="minikv-sustained-", dir=options.directory)
    try:
        bare = bare_minimum(options)
        rows = run_cells(options, kinds)
    finally:
        shutil.rmtree(options.directory, ignore_errors=True)
    result = {
        "machine": machine.describe(options), "command": "./dev bench sustained " + " ".join(options.given),
        "took_s": round(time.monotonic() - begin), "rounds": options.rounds, "seconds": options.seconds,
        "keys": options.keys, "servers": [kind.name for kind in kinds], "bare": bare, "cells": rows,
    }
    sustained_report.write(options.results, result)
    compare.say(f"written: {options.results}/sustained.json and sustained.md")
    return 0


def read_arguments():
    parser = argparse.ArgumentParser(description="Compares minikv with redis-server and valkey-server under sustained load.")
    parser.add_argument("--bin", required=True, type=os.path.abspath, help="the directory of minikvd")
    parser.add_argument("--bench-bin", required=True, type=os.path.abspath, help="the directory of load and the others")
    parser.add_argument("--rivals", type=os.path.abspath, help="a bare root of Debian 13 with redis-tools and valkey-tools")
    parser.add_argument("--results", default="bench/results", type=os.path.abspath, help="where the results go")
    parser.add_argument("--directory", type=os.path.abspath, default=None, help="where the data goes: the disk that is measured [/tmp]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60, help="of each server in each round of a cell, twice")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2, help="of the load generator")
    parser.add_argument("--flag", action="append", default=[], help="a flag for minikvd, as --flag=--io-threads=2")
    parser.add_argument("names", nargs="*", help="parts of names of cells, as: always, GET")
    options = parser.parse_args()
    options.given = compare.given()
    return options


if __name__ == "__main__":
    sys.exit(main())
