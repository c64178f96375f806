"""Sends the same to Redis and to minikv and says where their replies differ."""

from dataclasses import dataclass

from wire import wait_for

DIFFERENCES_PER_STEP = 3


@dataclass
class Difference:
    """Where the two did not agree. `fatal`: nothing more can be learned from this script."""

    step: object
    redis: str
    minikv: str
    fatal: bool = False


class Pair:
    """The same connections to both servers."""

    def __init__(self, redis, minikv, protocol):
        self.servers = (redis, minikv)
        self.protocol = protocol
        self.connections = {}

    def __enter__(self):
        for server in self.servers:
            connection = server.connect()
            connection.ask("FLUSHALL")
            connection.close()
        return self

    def __exit__(self, *_):
        for pair in self.connections.values():
            for connection in pair:
                connection.close()

    def connection(self, number):
        if number not in self.connections:
            self.connections[number] = [server.connect() for server in self.servers]
            if self.protocol == 3:
                for connection in self.connections[number]:
                    if connection.ask("HELLO", "3").kind != "%":
                        raise RuntimeError("HELLO 3 is refused")
        return self.connections[number]

    def run(self, step):
        """Yields each Difference that this step shows."""
        both = self.connection(step.connection)
        for connection in both:
            connection.send(step.data)
        if step.until_gone is not None:
            for connection in both:
                wait_for(lambda c=connection: c.ask("EXISTS", step.until_gone).raw == b":0\r\n", "a key expires")
        if step.to_end:
            replies = [[connection.read_to_end()] for connection in both]
        else:
            replies = [connection.read_replies(step.replies) for connection in both]
        yield from compare(step, *replies)

    def pending(self):
        """Differences in what came without having been waited for."""
        for number, both in self.connections.items():
            if both[0].buffer != both[1].buffer:
                yield Difference(f"left over on connection {number}", show(bytes(both[0].buffer)), show(bytes(both[1].buffer)))


def compare(step, redis, minikv):
    shown = 0
    for index, (one, other) in enumerate(zip(redis, minikv)):
        # An end that was not waited for, and one that was waited for in vain.
        fatal = "silent" in (one.kind, other.kind) or (not step.to_end and (one.is_end or other.is_end))
        same = agree(one, other, step.checks[index] if step.checks else step.check)
        if same and not fatal:
            continue
        yield Difference(step, describe(one, index, len(redis)), describe(other, index, len(minikv)), fatal)
        shown += 1
        if fatal or shown == DIFFERENCES_PER_STEP:
            return


def describe(reply, index, count):
    which = f"[{index}] " if count > 1 else ""
    end = f" ({reply.kind})" if reply.is_end else ""
    return which + show(reply.raw) + end


def show(raw):
    text = repr(raw)[2:-1]
    return text if len(text) <= 300 else f"{text[:300]}... ({len(raw)} bytes)"


def agree(one, other, check):
    kind = check[0]
    if kind == "differs":
        return one.raw != other.raw
    if kind == "sorted":
        return canonical(one) == canonical(other)
    if kind == "type":
        return shape(one) == shape(other)
    if kind == "near":
        return near(one, other, check[1])
    if kind == "at":
        return all(pick(one, path) == pick(other, path) for path in check[1])
    return one.kind == other.kind and one.raw == other.raw


def canonical(reply):
    """The same for replies that differ in the order of arrays only."""
    if isinstance(reply.value, list):
        return (reply.kind, sorted((canonical(item) for item in reply.value), key=repr))
    return reply.raw


def shape(reply):
    word = reply.value.split(b" ")[0] if reply.kind in "-!" else reply.value is None
    return (reply.kind, word)


def near(one, other, tolerance):
    if one.kind != ":" or other.kind != ":":
        return one.raw == other.raw
    a, b = int(one.value), int(other.value)
    return a == b or (min(a, b) >= 0 and abs(a - b) <= tolerance)


def pick(reply, path):
    for index in path:
        if not isinstance(reply.value, list) or index >= len(reply.value):
            return None
        reply = reply.value[index]
    return canonical(reply)


def run_script(redis, minikv, protocol, steps):
    """All differences that the steps show, run from an empty store on new connections."""
    found = []
    with Pair(redis, minikv, protocol) as pair:
        for step in steps:
            found += pair.run(step)
            if found and found[-1].fatal:
                return found
        found += pair.pending()
    for server in (redis, minikv):
        server.check_alive()
    return found
