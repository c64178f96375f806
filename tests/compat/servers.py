"""The two servers that are compared, each in a temporary directory of its own and gone afterwards."""

import os
import shutil
import signal
import subprocess
import tempfile

from redis_program import redis_program
from wire import Connection, wait_for

# The largest value of both: minikv's default. What Redis derives from it (bit offsets, LCS) is then the same, too.
MAX_VALUE = 64 << 20
# The version that minikv is compared with: Debian 12's.
JUDGE = "7.0"
# The exit code that ctest takes for a skipped test.
SKIPPED = 77


class Server:
    """A running server. `address` is what wire.Connection takes."""

    name = ""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="minikv-compat-")
        self.log_path = os.path.join(self.directory, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.command(), executable=self.program(), cwd=self.directory,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.address = wait_for(self.ready, f"{self.name} starts")
        except BaseException:
            self.stop()
            raise

    def program(self):
        """The file that is run."""
        raise NotImplementedError

    def command(self):
        """What it is called with, its own name first."""
        raise NotImplementedError

    def ready(self):
        """The address once clients are served."""
        raise NotImplementedError

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def check_alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} has ended with {self.process.returncode}:\n{self.log()}")

    def connect(self):
        self.check_alive()
        return Connection(self.address)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Redis(Server):
    """redis-server as it is installed, without persistence. It listens on a socket in its own directory and on no
    port, so that it meets no other Redis and nobody else's port."""

    name = "redis"

    def program(self):
        return redis_program()

    def command(self):
        return ["redis-server", "-", "--port", "0", "--unixsocket", self.socket(), "--save", "", "--appendonly",
                "no", "--dir", self.directory, "--daemonize", "no", "--proto-max-bulk-len", str(MAX_VALUE),
                "--slowlog-log-slower-than", "-1"]

    def version(self):
        """As 7.0.15."""
        connection = self.connect()
        try:
            info = connection.ask("INFO", "server").raw.decode(errors="replace")
        finally:
            connection.close()
        return next(line.split(":", 1)[1] for line in info.splitlines() if line.startswith("redis_version:"))

    def is_another_version(self):
        """Whether it is not the one that the expectations are of; then says so, as the reason of a test that is skipped."""
        version = self.version()
        if version.startswith(JUDGE + "."):
            return False
        print(f"skipped: what is expected is that of Redis {JUDGE}, and this is {version}")
        return True

    def socket(self):
        return os.path.join(self.directory, "socket")

    def ready(self):
        self.check_alive()
        try:
            connection = Connection(self.socket())
        except OSError:
            return None
        answer = connection.ask("PING").raw
        connection.close()
        return self.socket() if answer == b"+PONG\r\n" else None


class Minikv(Server):
    """minikvd. It does not sync, which no reply shows."""

    name = "minikv"

    def __init__(self, bin_directory):
        self.bin_directory = bin_directory
        super().__init__()

    def program(self):
        return os.path.join(self.bin_directory, "minikvd")

    def command(self):
        return [self.program(), "--port", "0", "--port-file", self.port_file(),
                "--data-dir", os.path.join(self.directory, "data"), "--fsync", "never", "--max-value-bytes",
                str(MAX_VALUE)]

    def port_file(self):
        return os.path.join(self.directory, "port")

    def ready(self):
        self.check_alive()
        try:
            with open(self.port_file(), encoding="ascii") as file:
                return int(file.read())
        except FileNotFoundError:
            return None
