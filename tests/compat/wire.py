"""RESP on the wire: commands as bytes; replies as the bytes they came in and as what they say."""

import socket
import time
from dataclasses import dataclass

LINE_TYPES = b"+-:,#(_"
BULK_TYPES = b"$!="
AGGREGATE_TYPES = {b"*"[0]: 1, b"~"[0]: 1, b">"[0]: 1, b"%"[0]: 2}


def encode(args):
    """A command as RESP clients send it."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


@dataclass(frozen=True)
class Reply:
    """One reply. `value` is the text of a line or a bulk string, a list for an aggregate (a map's keys and values in
    turn), None for a null. A connection that has ended, or says nothing in time, gives a reply of kind "closed" or
    "silent"."""

    raw: bytes
    kind: str
    value: object = None

    @property
    def is_end(self):
        return self.kind in ("closed", "silent")


class Connection:
    """A client's connection; `address` is a port of this machine or the path of a socket."""

    def __init__(self, address, timeout_s=60):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout_s)
        self.socket.connect(address if isinstance(address, str) else ("127.0.0.1", address))
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.end = None

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # what the server said before it closed can still be read

    def ask(self, *args):
        self.send(encode([arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]))
        return self.read_reply()

    def close(self):
        self.socket.close()

    def read_reply(self):
        while True:
            parsed = parse(self.buffer, 0)
            if parsed:
                reply, end = parsed
                del self.buffer[:end]
                return reply
            if not self._fill():
                return Reply(bytes(self.buffer), self.end)

    def read_replies(self, count):
        """Like read_reply() so many times, but in time that is linear in the bytes; ends early at an end."""
        replies, start = [], 0
        while len(replies) < count:
            parsed = parse(self.buffer, start)
            if parsed:
                replies.append(parsed[0])
                start = parsed[1]
                continue
            del self.buffer[:start]
            start = 0
            if not self._fill():
                replies.append(Reply(bytes(self.buffer), self.end))
                return replies
        del self.buffer[:start]
        return replies

    def read_to_end(self):
        """All that comes until the server closes."""
        while self._fill():
            pass
        return Reply(bytes(self.buffer), self.end)

    def _fill(self):
        """Waits for more bytes; false if there will be none."""
        try:
            chunk = self.socket.recv(1 << 20)
        except TimeoutError:
            self.end = "silent"
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self.end = "closed"
            return False
        self.buffer += chunk
        return True


def parse(data, start):
    """(reply, where it ends), or None while it is not complete."""
    eol = data.find(b"\r\n", start)
    if eol < 0:
        return None
    kind, line, end = data[start], bytes(data[start + 1 : eol]), eol + 2
    if kind in LINE_TYPES:
        return Reply(bytes(data[start:end]), chr(kind), None if kind == b"_"[0] else line), end
    if kind in BULK_TYPES:
        length = int(line)
        if length < 0:
            return Reply(bytes(data[start:end]), chr(kind)), end
        if len(data) < end + length + 2:
            return None
        return Reply(bytes(data[start : end + length + 2]), chr(kind), bytes(data[end : end + length])), end + length + 2
    if kind in AGGREGATE_TYPES:
        count = int(line)
        if count < 0:
            return Reply(bytes(data[start:end]), chr(kind)), end
        items = []
        for _ in range(count * AGGREGATE_TYPES[kind]):
            parsed = parse(data, end)
            if not parsed:
                return None
            items.append(parsed[0])
            end = parsed[1]
        return Reply(bytes(data[start:end]), chr(kind), items), end
    raise ValueError(f"not RESP: {data[start:start + 80]!r}")


def wait_for(condition, what, limit_s=30):
    """What `condition()` returns as soon as it is true; polls, for what no event tells of."""
    deadline = time.monotonic() + limit_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit_s} s in vain: {what}")
        time.sleep(0.005)
