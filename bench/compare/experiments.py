"""What is measured. Each experiment goes round after round, the two servers by turns in each, and returns rows."""

import itertools
import json
import os
import signal
import subprocess
import threading
import time

import load
from rows import Beside, Row, one_line
from servers import KEY, Constant, Minikv, Redis

VALUES = (16, 100, 1024, 16384)
PIPELINES = (1, 16, 64)
CONNECTIONS = (50, 1)
MODES = ("always", "second", "never")
MOST_FILLED = 2 << 30  # bytes of values: Redis holds them in memory, and both of them in the page cache


class Pair:
    """Both servers, filled with the same keys; whoever's turn it is not stands still."""

    def __init__(self, directory, fsync, keys, value_bytes, say):
        self.keys, self.value_bytes = keys, value_bytes
        self.servers = [Redis(directory, fsync), Minikv(directory, fsync)]
        for server in self.servers:
            say(f"filling {server.name}: {keys} keys, values of {value_bytes} bytes, fsync {fsync}")
            server.start()
            server.fill(keys, value_bytes)
            server.settle()
            server.pause()

    def by_turns(self, round_number):
        """Each server while it runs; who is first changes from round to round."""
        for server in self.servers if round_number % 2 == 0 else reversed(self.servers):
            server.resume()
            yield server
            server.pause()

    def settle(self):
        for server in self.by_turns(0):
            server.settle()

    def remove(self):
        for server in self.servers:
            server.remove()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def note(row, server, figure):
    (row.minikv if server.name == "minikv" else row.redis).append(figure)


def throughput(options, say):
    """SET and GET in every cell asked for."""
    rows = []
    for mode, value_bytes in itertools.product(MODES, VALUES):
        cells = [cell for cell in cells_of(options) if cell[0] == mode and cell[1] == value_bytes]
        if not cells:
            continue
        keys = min(options.keys, MOST_FILLED // value_bytes)
        with Pair(options.directory, mode, keys, value_bytes, say) as pair:
            written = False
            for _, _, command, pipeline, connections in cells:
                if command == "GET" and written:
                    pair.settle()  # the GETs must not pay for work that the SETs left in the background
                written = command == "SET"
                row = Row("throughput", "requests/s", command=command, fsync=mode, pipeline=pipeline,
                          value_bytes=value_bytes, connections=connections, keys=keys)
                how = dict(command=command.lower(), connections=connections, pipeline=pipeline,
                           value_bytes=value_bytes, keys=keys)
                requests = 0
                for server in pair.by_turns(0):  # this warm-up makes the data of both resident
                    requests = max(requests, load.requests_for(server, options.seconds, **how))
                for number in range(options.rounds):
                    for server in pair.by_turns(number):
                        note(row, server, load.run(server, requests, **how)["rate"])
                rows.append(row)
                say(one_line(row))
    return rows


def cells_of(options):
    """(fsync, value bytes, command, pipeline, connections) of each cell."""
    if options.cells == "targets":
        return [
            *(("second", 100, "GET", pipeline, 50) for pipeline in PIPELINES),
            *((mode, 100, "SET", pipeline, 50) for mode in ("always", "second") for pipeline in (1, 16)),
            ("second", 100, "GET", 1, 1), ("second", 100, "SET", 1, 1), ("always", 100, "SET", 1, 1),
        ]
    return list(itertools.product(MODES, VALUES, ("SET", "GET"), PIPELINES, CONNECTIONS))


def mixed(options, say):
    """Four readers beside forty writers whose every write is synced."""
    names = ("rate", "p50", "p99", "p999")
    readers = {name: Row("readers beside 40 writers", "requests/s" if name == "rate" else "ms", figure=name)
               for name in names}
    writers = Row("writers beside 4 readers", "requests/s", figure="rate")
    keys = options.keys
    how = dict(pipeline=1, value_bytes=1024, keys=keys)
    write, read = dict(command="set", connections=40, **how), dict(command="get", connections=4, **how)
    with Pair(options.directory, "always", keys, 1024, say) as pair:
        requests = {server.name: {} for server in pair.servers}
        for server in pair.by_turns(0):
            requests[server.name]["write"] = load.requests_for(server, options.seconds, **write)
            background = load.Continuous(server, **write)
            requests[server.name]["read"] = load.requests_for(server, options.seconds, **read)
            background.stop()
        for number in range(options.rounds):
            for server in pair.by_turns(number):
                background = load.Continuous(server, **write)
                time.sleep(0.2)
                figures = load.run_with_tail(server, requests[server.name]["read"], **read)
                background.stop()
                for name in names:
                    note(readers[name], server, figures[name])
                background = load.Continuous(server, **read)
                time.sleep(0.2)
                note(writers, server, load.run(server, requests[server.name]["write"], **write)["rate"])
                background.stop()
    rows = [*readers.values(), writers]
    for row in rows:
        say(one_line(row))
    return rows


def memory_and_restart(options, say):
    """Resident memory that is the process's own, and how long until the first answer, clean and after kill -9."""
    rows = []
    for value_bytes in (100, 1024):
        cell = dict(keys=options.many_keys, value_bytes=value_bytes)
        memory = Row("memory", "bytes", **cell)
        clean = Row("restart, clean", "s", **cell)
        killed = Row("restart, after kill -9", "s", **cell)
        for make in (Redis, Minikv):
            server = make(options.directory, "second")
            try:
                say(f"filling {server.name}: {options.many_keys} keys, values of {value_bytes} bytes")
                server.start()
                server.fill(options.many_keys, value_bytes)
                server.settle()  # Redis: its log begins with a snapshot, which is the quicker one to load
                time.sleep(options.rest)
                last = KEY % (options.many_keys - 1)
                for number in range(options.rounds):
                    server.stop(signal.SIGTERM)
                    note(clean, server, server.start(last))
                    if number == 0:
                        time.sleep(options.rest)
                        note(memory, server, server.anonymous_bytes())
                    # After a crash, recovery has to read the writes of a moment.
                    load.run(server, 100_000, command="set", connections=50, pipeline=16, value_bytes=value_bytes,
                             keys=options.many_keys)
                    time.sleep(1.5)
                    server.stop(signal.SIGKILL)
                    note(killed, server, server.start(last))
            finally:
                server.remove()
        rows += [memory, clean, killed]
        for row in rows[-3:]:
            say(one_line(row))
    return rows


def compacting(options, say):
    """Writes while a compaction runs, and without. Here minikv is compared with itself, and Redis with itself."""
    rows = []
    for mode in ("always", "second"):
        with Pair(options.directory, mode, options.keys, 100, say) as pair:
            how = dict(command="set", connections=50, pipeline=1, value_bytes=100, keys=options.keys)
            figures = {server.name: {"quiet": [], "beside": []} for server in pair.servers}
            requests = {}
            for server in pair.by_turns(0):
                requests[server.name] = load.requests_for(server, options.seconds, **how)
            for number in range(options.rounds):
                for server in pair.by_turns(number):
                    figures[server.name]["quiet"].append(load.run(server, requests[server.name], **how))
                    with Rewriting(server):
                        figures[server.name]["beside"].append(load.run(server, requests[server.name], **how))
        for name, of_server in figures.items():
            for figure, unit in (("rate", "requests/s"), ("p99", "ms")):
                quiet = [one[figure] for one in of_server["quiet"]]
                beside = [one[figure] for one in of_server["beside"]]
                rows.append(Beside(name, mode, figure, unit, quiet, beside))
                say(rows[-1].line())
    return rows


def limits(options, say):
    """What the machine allows: an Asio server that answers a constant instead of Redis, and fdatasync without a store."""
    row = Row("GET beside a constant", "requests/s", pipeline=1, connections=50, value_bytes=100, keys=options.keys)
    minikv = Minikv(options.directory, "second")
    constant = Constant(options.directory, "second")
    how = dict(command="get", connections=50, pipeline=1, value_bytes=100, keys=options.keys)
    try:
        minikv.start()
        minikv.fill(options.keys, 100)
        minikv.settle()
        minikv.pause()
        constant.start()
        constant.pause()
        requests = 0
        for server in (minikv, constant):
            server.resume()
            requests = max(requests, load.requests_for(server, options.seconds, **how))
            server.pause()
        for number in range(options.rounds):
            for server in (minikv, constant) if number % 2 == 0 else (constant, minikv):
                server.resume()
                note(row, server, load.run(server, requests, **how)["rate"])
                server.pause()
    finally:
        minikv.remove()
        constant.remove()
    say(one_line(row).replace("redis", "a constant"))
    output = subprocess.run(
        [os.path.join(Constant.binaries, "sync_limit"), options.directory, str(options.rounds), str(2 * options.seconds)],
        check=True, capture_output=True, text=True,
    ).stdout
    figures = json.loads(output)
    syncs = Row("synced groups beside fdatasync", "syncs/s", value_bytes=100)
    syncs.minikv, syncs.redis = figures["synced_groups_a_second"], figures["bare_fdatasync_a_second"]
    say(one_line(syncs).replace("redis", "fdatasync alone"))
    return [row, syncs]


class Rewriting:
    """Keeps a server rewriting its files: COMPACT, or BGREWRITEAOF, one after the other."""

    def __init__(self, server):
        self.server, self.is_over, self.times, self.failure = server, threading.Event(), 0, None
        self.thread = threading.Thread(target=self._go_on)

    def _go_on(self):
        try:
            while not self.is_over.is_set():
                self.server.settle()
                self.times += 1
        except (OSError, RuntimeError) as failure:
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        time.sleep(0.1)

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        # Otherwise the measurement ran without the other load.
        if self.failure or self.times == 0:
            raise RuntimeError(f"{self.server.name} did not rewrite its files: {self.failure}")
