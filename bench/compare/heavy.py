#!/usr/bin/python3 -B
"""What others feel beside one heavy request: the time of a GET and of a synced SET while one client repeats it.

    heavy.py --bin build/release/bin                    all of them, minikv
    heavy.py --bin build/release/bin --redis            and redis-server, by turns
    heavy.py --bin build/release/bin "MGET" "DEL"       those whose names contain one of these

Two processes ask every 2 ms, one a GET of a random key, the other a SET that is synced. A time counts from the moment at
which the request was due, so whoever is held up for a second has five hundred slow requests, not one. The heavy client
is a process of its own that takes replies as they come. Writes heavy.md into --results.
"""

import argparse
import collections
import math
import multiprocessing
import os
import random
import select
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time

import compare
import machine
from servers import KEY, Minikv, Redis, resp

PERIOD = 0.002  # s between the requests of a prober
NIL = b"$-1\r\n"
LARGE = 20  # values of --large bytes


class Client:
    """A connection that takes replies of any length without looking into them: behind each request it sends an ECHO, and
    what comes last says that all is there."""

    mark = b"$16\r\n" + b"the end of reply" + b"\r\n"
    question = b"*2\r\n$4\r\nECHO\r\n" + mark

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = memoryview(bytearray(1 << 20))

    def ask(self, request):
        self.socket.sendall(request + self.question)
        head = tail = b""
        while not tail.endswith(self.mark):
            count = self.socket.recv_into(self.buffer)
            if count == 0:
                raise RuntimeError(f"the server has closed the connection after {head.splitlines()[:1]}")
            head = head or self.buffer[:min(count, 200)].tobytes()
            tail = (tail + self.buffer[max(0, count - 64):count].tobytes())[-64:]
        if head.startswith(b"-"):
            raise RuntimeError(head.split(b"\r\n")[0].decode(errors="replace"))


def probe(port, make, reply_bytes, keys, stopping, results):
    """Asks every PERIOD until told to stop, whether or not it has been answered, as many clients would; each reply has
    `reply_bytes`, or is NIL. The result: what was due when, and how long it took from then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Client(port).socket
    connection.setblocking(False)
    chance = random.Random(1)
    waiting, samples, got = collections.deque(), [], b""
    due = time.monotonic()
    unsent = b""
    while not stopping.is_set() or waiting:
        now = time.monotonic()
        if now >= due and not stopping.is_set():
            unsent += make(KEY % chance.randrange(keys))
            waiting.append(due)
            due += PERIOD
        if unsent:
            try:
                unsent = unsent[connection.send(unsent):]
            except BlockingIOError:
                pass  # the server is so far behind
        patience = 1 if stopping.is_set() else max(0, due - time.monotonic())
        if not select.select([connection], [], [], patience)[0]:
            continue
        data = connection.recv(1 << 16)
        if not data or data.startswith(b"-"):
            results.put(f"a prober was answered {data[:200]!r}")
            return
        now = time.monotonic()
        got += data
        while waiting and len(got) >= (length := len(NIL) if got.startswith(NIL) else reply_bytes):
            got = got[length:]
            samples.append((waiting[0], now - waiting.popleft()))
    results.put(samples)


def a_get(key):
    return resp(b"GET", key.encode())


def a_set(key):
    return resp(b"SET", b"probe:" + key.encode(), b"y" * 100)


def cases(options):
    """(name, what prepares it, the requests of which the last is timed) of each heavy request; FLUSHALL comes last."""
    keys, half = options.keys, options.keys // 2
    large = [b"large:%d" % number for number in range(LARGE)]
    absent = [b"absent:%d" % number for number in range(keys)]
    many = [b"m:%08d" % number for number in range(keys)]
    pairs = [word for key in many for word in (key, b"v" * 16)]
    # A request has a million words at most, so a batch of a million keys is a transaction of two.
    halves = resp(b"MSET", *pairs[:2 * half]) + resp(b"MSET", *pairs[2 * half:])
    thousand = [word for key in many[:1000] for word in (key, b"v" * 1000)]
    fill = [resp(b"MULTI") + halves + resp(b"EXEC")]
    value = b"z" * options.large
    ugly = b"*[" + b"b" * 2000 + b"]*c"
    return [
        ("nothing", [], []),
        (f"MGET of {LARGE} large values", [], [resp(b"MGET", *large)]),
        ("GET of a large value", [], [resp(b"GET", large[0])]),
        ("GETRANGE of a large value", [], [resp(b"GETRANGE", large[0], b"1", b"-2")]),
        ("BITCOUNT of a large value", [], [resp(b"BITCOUNT", large[0])]),
        ("BITPOS in a large value", [], [resp(b"BITPOS", b"zeros", b"1")]),
        ("LCS of values of 4000 B", [], [resp(b"LCS", b"left", b"right", b"LEN")]),
        (f"KEYS *, {keys} keys", [], [resp(b"KEYS", b"*")]),
        (f"KEYS with a pattern of {len(ugly)} bytes", [], [resp(b"KEYS", ugly)]),
        (f"SCAN 0 COUNT {keys}", [], [resp(b"SCAN", b"0", b"COUNT", b"%d" % keys)]),
        (f"MGET of {keys} absent keys", [], [resp(b"MGET", *absent)]),
        (f"MGET of {keys} keys", fill, [resp(b"MGET", *many)]),
        (f"EXISTS of {keys} absent keys", [], [resp(b"EXISTS", *absent)]),
        (f"EXISTS of {keys} keys", fill, [resp(b"EXISTS", *many)]),
        (f"WATCH of {keys} keys, and EXEC", fill, [
            resp(b"WATCH", *many) + resp(b"MULTI") + resp(b"GET", many[0]) + resp(b"EXEC")]),
        (f"EXEC of {keys // 10} GETs", fill, [
            resp(b"MULTI") + b"".join(resp(b"GET", key) for key in many[:keys // 10]) + resp(b"EXEC")]),
        (f"DEL of {keys} absent keys", [], [resp(b"DEL", *absent)]),
        ("SET of 1 MiB", [], [resp(b"SET", b"mib", b"z" * (1 << 20))]),
        ("MSET of 1000 keys, 1000 B each", [], [resp(b"MSET", *thousand)]),
        ("DEL of 1000 keys", [], [resp(b"MSET", *thousand), resp(b"DEL", *many[:1000])]),
        ("SET of a large value", [], [resp(b"SET", large[0], value)]),
        ("APPEND to a large value", [resp(b"SET", b"grown", value)], [resp(b"APPEND", b"grown", b"a")]),
        ("SETRANGE in a large value", [], [resp(b"SETRANGE", large[0], b"17", b"b")]),
        ("SETBIT in a large value", [], [resp(b"SETBIT", large[0], b"17", b"1")]),
        ("EXPIRE of a large value", [], [resp(b"EXPIRE", large[0], b"100000")]),
        ("COPY of a large value", [], [resp(b"COPY", large[0], b"copied", b"REPLACE")]),
        (f"MSET of {half} keys", [], [resp(b"MSET", *pairs[:2 * half])]),
        (f"EXEC of two MSETs of {half} keys", [], fill),
        (f"EXEC of two MSETs of {half} new keys", [resp(b"DEL", *many)], [resp(b"DEL", *many), *fill]),
        (f"MSETNX of {half} keys, one of which is there", fill, [resp(b"MSETNX", *pairs[:2 * half])]),
        (f"DEL of {keys} keys", fill, [resp(b"DEL", *many)]),
        (f"DELPREFIX of {keys} keys", fill, [resp(b"DELPREFIX", b"m:")]),
        (f"EXEC of {keys // 10} SETs", [], [
            resp(b"MULTI") + b"".join(resp(b"SET", key, b"v" * 16) for key in many[:keys // 10]) + resp(b"EXEC")]),
        (f"FLUSHALL, {keys} keys and more", fill, [resp(b"FLUSHALL")]),
    ]


class Heavy:
    """One server with its probers and its figures."""

    def __init__(self, make, options):
        self.options = options
        self.server = make(options.directory, "always")
        self.server.start()
        self.client = Client(self.server.port)
        self.fill()

    def fill(self):
        self.server.fill(self.options.keys, 100)
        value = b"z" * self.options.large
        for number in range(LARGE):
            self.client.ask(resp(b"SET", b"large:%d" % number, value))
        self.client.ask(resp(b"SETRANGE", b"zeros", str(self.options.large).encode(), b"1"))
        self.client.ask(resp(b"SET", b"left", bytes(random.Random(2).choices(b"abcd", k=4000))))
        self.client.ask(resp(b"SET", b"right", bytes(random.Random(3).choices(b"abcd", k=4000))))

    def measure(self, prepare, requests):
        """Milliseconds: p50, p99 and longest of GET and of SET, and how long the heavy request took, the median."""
        windows, took = [], []
        results = [multiprocessing.Queue() for _ in range(2)]
        stopping = multiprocessing.Event()
        probers = [
            multiprocessing.Process(target=probe, args=(self.server.port, *what, self.options.keys, stopping, result))
            for what, result in zip(((a_get, 108), (a_set, 5)), results)
        ]
        for request in prepare:
            self.client.ask(request)
        for prober in probers:
            prober.start()
        try:
            time.sleep(0.5)
            self.repeat(prepare, requests, windows, took)
        finally:
            stopping.set()
            samples = [result.get() for result in results]
            for prober in probers:
                prober.join()
        for of_one in samples:
            if isinstance(of_one, str):
                raise RuntimeError(of_one)
        figures = [statistics.median(took) * 1000]
        for of_one in samples:
            within = sorted(1000 * long for due, long in of_one if any(start <= due <= end for start, end in windows))
            figures += [within[len(within) // 2], within[int(len(within) * 0.99)], within[-1]] if within else [math.nan] * 3
        return figures

    def repeat(self, prepare, requests, windows, took):
        begin = time.monotonic()
        while time.monotonic() - begin < self.options.seconds or len(took) < self.options.least:
            start = time.monotonic()
            for request in requests[-1:]:
                self.client.ask(request)
            if not requests:
                time.sleep(self.options.seconds)
            took.append(time.monotonic() - start)
            # Requests that are due while the command runs, and a little after, because it may leave work behind.
            windows.append((start, time.monotonic() + 0.01))
            again = requests[:-1] or (prepare if requests and self.removes(requests[-1]) else [])
            for request in again:
                self.client.ask(request)
            # The row measures one request, not a disk that still writes many earlier ones.
            time.sleep(0.5 if again else min(0.05, max(0.005, took[-1])))

    @staticmethod
    def removes(request):
        return request.split(b"\r\n", 3)[2] in (b"DEL", b"DELPREFIX", b"FLUSHALL")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    options = read_arguments()
    Minikv.binaries, Minikv.flags = options.bin, options.flag
    options.directory = tempfile.mkdtemp(prefix="minikv-heavy-", dir=options.directory)
    about = machine.describe(options)
    lines = [
        "# Beside one heavy request", "",
        f"`./dev bench heavy {' '.join(options.given)}`, {about['date']}, commit {about['commit']}: {about['processors']} "
        f"processors ({about['processor']}), {about['memory_gib']} GiB, Linux {about['kernel']}, {about['file_system']}.", "",
        f"Others ask every {1000 * PERIOD:g} ms, SETs synced; ms from the moment a request was due. A large value has "
        f"{options.large} bytes.", "",
        "| | server | it takes | GET p50 | p99 | longest | SET p50 | p99 | longest |", "|---|---|" + "---:|" * 7,
    ]
    running = []
    try:
        wanted = [case for case in cases(options)
                  if not options.names or any(name.lower() in case[0].lower() for name in options.names)]
        for make in (Minikv, Redis) if options.redis else (Minikv,):
            running.append(Heavy(make, options))
            running[-1].server.pause()
        print("\n".join(lines), flush=True)
        for name, prepare, requests in wanted:
            for heavy in running:
                heavy.server.resume()
                time.sleep(0.5)
                try:
                    figures = " | ".join(f"{figure:.1f}" for figure in heavy.measure(prepare, requests))
                except RuntimeError as refused:
                    figures = str(refused) + " |" * 6
                    heavy.client = Client(heavy.server.port)
                lines.append(f"| {name} | {heavy.server.name} | {figures} |")
                print(lines[-1], flush=True)
                heavy.server.pause()
    finally:
        for heavy in running:
            heavy.server.remove()
        shutil.rmtree(options.directory, ignore_errors=True)
    os.makedirs(options.results, exist_ok=True)
    with open(os.path.join(options.results, "heavy.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return 0


def read_arguments():
    parser = argparse.ArgumentParser(description="Times others beside one heavy request.")
    parser.add_argument("--bin", required=True, type=os.path.abspath, help="the directory of minikvd")
    parser.add_argument("--redis", action="store_true", help="also redis-server, by turns")
    parser.add_argument("--results", default="bench/results", type=os.path.abspath, help="where heavy.md goes")
    parser.add_argument("--directory", type=os.path.abspath, default=None, help="where the data goes [/tmp]")
    parser.add_argument("--seconds", type=float, default=5, help="of each request")
    parser.add_argument("--least", type=int, default=3, help="times that each is repeated at least")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=60 << 20, help="bytes of a large value")
    parser.add_argument("--flag", action="append", default=[], help="a flag for minikvd, as --flag=--io-threads=2")
    parser.add_argument("names", nargs="*", help="parts of names; without them, all")
    options = parser.parse_args()
    options.given = compare.given()
    return options


if __name__ == "__main__":
    sys.exit(main())
