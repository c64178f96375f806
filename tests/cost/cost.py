#!/usr/bin/python3 -B
"""What a request costs the server: system calls (strace) and instructions (callgrind), which no other program on the machine
can change. Each is counted for a few requests and for many more; the difference is what the requests cost.

    cost.py --bin build/release/bin             fails if something costs more than limits.json allows
    cost.py --bin build/release/bin --print     says what it costs, as limits.json has it
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS, VALUE = 1000, b"v" * 100


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def key(i):
    return b"key:%012d" % (i * 7919 % KEYS)


def get(i):
    return resp(b"GET", key(i)), b"$%d\r\n%s\r\n" % (len(VALUE), VALUE)


def set_(i):
    return resp(b"SET", key(i), VALUE), b"+OK\r\n"


def exists_in_text(i):
    return b"exists %s\r\n" % key(i), b"+INT 1\r\n"


# name: (request, how many are sent at once, requests of the short run and of the long one)
LOADS = {
    "get": (get, 1, 500, 2500),
    "get, 16 at once": (get, 16, 1600, 8000),
    "exists, in text": (exists_in_text, 1, 500, 2500),
    "set": (set_, 1, 500, 2500),
    "set, 16 at once": (set_, 16, 1600, 8000),
}


def count(tool, binaries, load, requests):
    """All that the server needs for its start, `requests` requests, and its end."""
    make, at_once, _, _ = LOADS[load]
    directory = tempfile.mkdtemp(prefix="minikv-cost-")
    port_file, report = os.path.join(directory, "port"), os.path.join(directory, "report")
    server = subprocess.Popen(
        [*tool(report), os.path.join(binaries, "minikvd"), "--port", "0", "--port-file", port_file, "--data-dir",
         os.path.join(directory, "data"), "--fsync", "never", "--segment-size", "1MiB", "--compaction-threshold", "100000",
         "--log-level", "error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    try:
        with socket.create_connection(("127.0.0.1", port_of(server, port_file))) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(KEYS):  # that are there, and that the reads find in memory
                talk(connection, *set_(i))
                talk(connection, *get(i))
            for first in range(0, requests, at_once):
                pairs = [make(i) for i in range(first, first + at_once)]
                talk(connection, b"".join(pair[0] for pair in pairs), b"".join(pair[1] for pair in pairs))
        subprocess.run(["kill", "-TERM", str(child_of(server.pid))], check=True)
        errors = server.communicate(timeout=120)[1].decode()
        if os.path.exists(report):
            with open(report, encoding="ascii", errors="replace") as file:
                errors += file.read()
        return errors
    finally:
        if server.poll() is None:
            os.kill(child_of(server.pid), signal.SIGKILL)
            server.wait()
        shutil.rmtree(directory, ignore_errors=True)


def child_of(pid):
    """strace has the server as a child; valgrind is the server."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    return int(children[0]) if children else pid


def port_of(server, port_file):
    for _ in range(1200):
        if os.path.exists(port_file):
            with open(port_file, encoding="ascii") as file:
                text = file.read()
            if text.endswith("\n"):
                return int(text)
        if server.poll() is not None:
            sys.exit("cost.py: minikvd did not start: " + server.communicate()[1].decode())
        time.sleep(0.05)
    sys.exit("cost.py: minikvd did not start in a minute")


def talk(connection, request, expected):
    connection.sendall(request)
    got = b""
    while len(got) < len(expected):
        piece = connection.recv(65536)
        if not piece:
            break
        got += piece
    if got != expected:
        sys.exit(f"cost.py: {request[:60]!r} was answered with {got[:60]!r}, not with {expected[:60]!r}")


def strace(report):
    return ["strace", "--follow-forks", "--summary-only", "--output", report]


def callgrind(_):
    return ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def system_calls(output):
    """The line of totals: time, seconds, microseconds a call, calls, perhaps errors, and the word itself."""
    return int(re.search(r"^\s*100\.00\s+[\d.]+\s+(?:\d+\s+)?(\d+)\s+(?:\d+\s+)?total$", output, re.MULTILINE)[1])


def instructions(output):
    return int(re.search(r"Collected : (\d+)", output)[1])


def measure(binaries):
    costs = {}
    for what, tool, read in (("system calls", strace, system_calls), ("instructions", callgrind, instructions)):
        costs[what] = {}
        for load, (_, _, few, many) in LOADS.items():
            difference = read(count(tool, binaries, load, many)) - read(count(tool, binaries, load, few))
            costs[what][load] = difference / (many - few)
    return costs


def main():
    parser = argparse.ArgumentParser(description="What a request costs the server.")
    parser.add_argument("--bin", required=True, help="the directory of minikvd")
    parser.add_argument("--print", action="store_true", help="only say it")
    options = parser.parse_args()
    costs = measure(options.bin)
    if options.print:
        print(json.dumps(costs, indent=1))
        return 0
    with open(os.path.join(HERE, "limits.json"), encoding="utf-8") as file:
        limits = json.load(file)
    dear = False
    for what, of_loads in costs.items():
        for load, cost in of_loads.items():
            limit = limits[what][load]
            dear = dear or cost > limit
            print(f"{what} a request, {load}: {cost:.2f}, may be {limit}{'  <== too many' if cost > limit else ''}")
    return 1 if dear else 0


if __name__ == "__main__":
    sys.exit(main())
