"""The two servers under test: each in a fresh directory, in the same durability mode, and never running at the same time.

Both stay alive for as long as their data is wanted, since filling them takes longer than measuring. The one whose turn it
is not is stopped (SIGSTOP), so that nothing of it runs: no cron, no sync, no compaction.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "compat"))
from redis_program import redis_program  # noqa: E402

FSYNC = {"always": ("always", "always"), "second": ("interval", "everysec"), "never": ("never", "no")}
KEY = "key:%012d"  # as redis-benchmark -r makes them: 16 bytes


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    name = ""

    def program(self):
        """The executable, if it is not the first word of command()."""
        return None

    def __init__(self, directory, fsync):
        self.directory = os.path.join(directory, self.name)
        self.fsync = fsync
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        self.process = None
        self.port = 0

    def command(self):
        raise NotImplementedError

    def start(self, key=None):
        """Starts it and returns the seconds until it has answered: to PING, or to GET of `key` with a value."""
        self.port = free_port()
        with open(os.path.join(self.directory, "log"), "ab") as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(
                self.command(), executable=self.program(), cwd=self.directory, stdout=log, stderr=log,
                start_new_session=True)  # so that pause() reaches its children
        request = resp(b"GET", key.encode()) if key else resp(b"PING")
        while time.monotonic() - begin < 300:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at start, see {self.directory}/log")
            if self._answers(request):
                return time.monotonic() - begin
            time.sleep(0.002)
        raise RuntimeError(f"{self.name} does not answer")

    def _answers(self, request):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=300) as connection:
                connection.sendall(request)
                reply = connection.recv(64)
        except OSError:
            return False
        if reply.startswith(b"$-1"):
            raise RuntimeError(f"{self.name} has lost a key")
        return reply.startswith((b"+", b"$"))  # not -LOADING

    def ask(self, *words, timeout=600):
        """One command over a connection of its own; the reply's bytes, of which the first line is whole."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(resp(*(word.encode() for word in words)))
            reply = b""
            while b"\r\n" not in reply:
                piece = connection.recv(65536)
                if not piece:
                    raise RuntimeError(f"{self.name} has closed the connection")
                reply += piece
        if reply.startswith(b"-"):
            raise RuntimeError(f"{self.name} answers {reply!r} to {words}")
        return reply

    def pause(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def fill(self, keys, value_bytes):
        """Keys 0 to keys-1, each with a value of so many bytes."""
        value = b"x" * value_bytes
        tail = b"\r\n$%d\r\n%s\r\n" % (value_bytes, value)
        batch = max(1, min(5000, (4 << 20) // (value_bytes + 60)))
        with socket.create_connection(("127.0.0.1", self.port), timeout=600) as connection:
            waiting = 0
            for first in range(0, keys, batch):
                last = min(first + batch, keys)
                connection.sendall(
                    b"".join(b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d%s" % (i, tail) for i in range(first, last))
                )
                waiting += 5 * (last - first)  # each answer is +OK\r\n
                waiting = self._take(connection, waiting, 5 * batch)
            self._take(connection, waiting, 0)
        size = int(self.ask("DBSIZE")[1:].split(b"\r\n")[0])
        if size != keys:
            raise RuntimeError(f"{self.name} has {size} keys after {keys} were written")

    def _take(self, connection, waiting, allowed):
        while waiting > allowed:
            answer = connection.recv(min(waiting, 1 << 20))
            if not answer or b"-" in answer:
                raise RuntimeError(f"{self.name} has refused a write: {answer[:100]!r}")
            waiting -= len(answer)
        return waiting

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGCONT)
        os.kill(self.process.pid, how)
        self.process.wait(timeout=300)
        self.process = None

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def anonymous_bytes(self):
        """Resident memory that is the process's own, apart from pages of files."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no RssAnon in /proc")


class Minikv(Server):
    name = "minikv"
    binaries = ""
    flags = ()

    def command(self):
        return [
            os.path.join(self.binaries, "minikvd"), "--data-dir", os.path.join(self.directory, "data"),
            "--bind", "127.0.0.1", "--port", str(self.port), "--fsync", FSYNC[self.fsync][0], *self.flags,
        ]

    def settle(self):
        """Nothing is to be done in the background that filling has left."""
        self.ask("COMPACT")


class Redis(Server):
    name = "redis"
    rewrites = False  # its log, of its own accord: without it a measurement is in its favour

    def program(self):
        return redis_program()

    @classmethod
    def version(cls):
        """As 7.0.15; None if it is not installed."""
        try:
            words = subprocess.run(["redis-server", "--version"], executable=redis_program(), check=True,
                                   capture_output=True, text=True).stdout.split()
        except (OSError, RuntimeError, subprocess.CalledProcessError):
            return None
        return next((word[2:] for word in words if word.startswith("v=")), None)

    def command(self):
        words = [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory, "--save", "",
            "--appendonly", "yes", "--appendfsync", FSYNC[self.fsync][1], "--aof-use-rdb-preamble", "yes",
        ]
        return words if self.rewrites else [*words, "--auto-aof-rewrite-percentage", "0"]

    def settle(self):
        self.ask("BGREWRITEAOF")
        while True:
            time.sleep(0.1)
            state = self._persistence()
            if b"aof_rewrite_in_progress:0" in state and b"aof_rewrite_scheduled:0" in state:
                return

    def _persistence(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(resp(b"INFO", b"persistence"))
            reply = b""
            while b"aof_delayed_fsync" not in reply:
                reply += connection.recv(65536)
        return reply


class Constant(Server):
    """Not a store: bench/limits/constant_server.cpp."""

    name = "constant"
    binaries = ""

    def start(self, key=None):
        port_file = os.path.join(self.directory, "port")
        self.process = subprocess.Popen(
            [os.path.join(self.binaries, "constant_server"), port_file], start_new_session=True)
        for _ in range(1000):
            time.sleep(0.01)
            if os.path.exists(port_file):
                with open(port_file, encoding="ascii") as file:
                    text = file.read()
                if text.endswith("\n"):
                    self.port = int(text)
                    return
        raise RuntimeError("constant_server does not start")


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
