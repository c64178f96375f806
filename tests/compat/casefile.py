"""The case files: what is sent, and how the replies are to be compared.

    # a comment
    @case what this case is about      a new case: no keys, new connections
    SET "a key" 'it''s' "\\x00"*1000    a command, quoted as for redis-cli; "..."*N: so many times
    SET k v PXAT {nowms+5000}          {now+N} and {nowms+N}: the clock when the run began, in s or ms, plus N
    @conn 2                            what follows is sent on the second connection
    @resp2, @resp3                     this case runs in this version of the protocol only
    @pipeline [N] ... @end             the commands between, N times, in one write
    @raw "*1\\r\\n"                      bytes; replies are then read by
    @replies N                         N of them
    @closed                            all that comes until the server closes, which it must do
    @gone KEY                          waits until the key has expired on both

Before a command (or @replies), how its reply is compared, if not byte for byte:

    @sorted           arrays are in no order
    @type             only the type, and the first word of an error
    @near N           integers at most N apart, and none of them negative unless both are the same
    @at 0.1,2         only these elements of an array, and of the arrays in it
    @differs WHY      differs on purpose, and is an error here if it no longer does
"""

import re
import time
from dataclasses import dataclass, field

from wire import encode

ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
CLOCK = re.compile(rb"\{(now|nowms)([+-]\d+)\}")
CHECKS = ("sorted", "type", "near", "at", "differs")


class CaseError(Exception):
    pass


@dataclass
class Step:
    """Something that is sent on one connection, and so many replies that are read and compared."""

    what: str
    connection: int = 1
    data: bytes = b""
    replies: int = 1
    check: tuple = ("exact",)
    checks: list = None  # one for each reply, where they differ
    commands: list = field(default_factory=list)
    to_end: bool = False
    until_gone: bytes = None
    line: int = 0

    def singles(self):
        """A step for each of the commands."""
        for index, command in enumerate(self.commands):
            check = self.checks[index] if self.checks else self.check
            yield Step(self.what, self.connection, encode(command), check=check, commands=[command])


@dataclass
class Case:
    title: str
    path: str
    line: int
    protocols: tuple = (2, 3)
    steps: list = field(default_factory=list)

    def commands(self):
        return [command for step in self.steps for command in step.commands]


def split(line, started):
    """The arguments that a line stands for."""
    args, at = [], 0
    while True:
        while at < len(line) and line[at : at + 1].isspace():
            at += 1
        if at == len(line):
            return args
        if line[at : at + 1] in b"\"'":
            arg, at = read_quoted(line, at)
            repeat = re.compile(rb"\*(\d+)").match(line, at)
            if repeat:
                arg, at = arg * int(repeat[1]), repeat.end()
            if at < len(line) and not line[at : at + 1].isspace():
                raise CaseError("something follows a closing quote")
        else:
            end = re.compile(rb"\S+").match(line, at).end()
            arg, at = CLOCK.sub(lambda found: clock(found, started), line[at:end]), end
        args.append(arg)


def clock(found, started):
    now = int(started * 1000) if found[1] == b"nowms" else int(started)
    return b"%d" % (now + int(found[2]))


def read_quoted(line, at):
    quote, out = line[at : at + 1], bytearray()
    at += 1
    while at < len(line):
        byte = line[at : at + 1]
        if byte == quote:
            return bytes(out), at + 1
        if byte == b"\\" and quote == b'"':
            code = re.compile(rb"x([0-9a-fA-F]{2})").match(line, at + 1)
            if code:
                out.append(int(code[1], 16))
                at = code.end()
                continue
            byte = ESCAPES.get(line[at + 1 : at + 2], line[at + 1 : at + 2])
            at += 1
        elif byte == b"\\" and line[at + 1 : at + 2] == b"'":
            byte = b"'"
            at += 1
        out += byte
        at += 1
    raise CaseError("a quote is not closed")


class Reader:
    """Reads one case file."""

    def __init__(self, path):
        self.path = path
        self.started = time.time()
        self.cases = []
        self.connection = 1
        self.check = ("exact",)
        self.pipeline = None

    def read(self):
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    self.read_line(line.strip(), number)
                except (CaseError, ValueError) as error:
                    raise CaseError(f"{self.path}:{number}: {error}") from error
        if self.pipeline is not None:
            raise CaseError(f"{self.path}: a @pipeline without @end")
        return self.cases

    def read_line(self, line, number):
        if not line or line.startswith(b"#"):
            return
        if line.startswith(b"@"):
            word, _, rest = line[1:].partition(b" ")
            self.directive(word.decode(), rest.strip(), number)
            return
        args = split(line, self.started)
        if self.pipeline is not None:
            self.pipeline.data += encode(args)
            self.pipeline.commands.append(args)
        else:
            self.add(Step(line.decode("utf-8", "backslashreplace"), data=encode(args), commands=[args]), number)

    def add(self, step, number):
        if not self.cases:
            raise CaseError("a file begins with @case")
        step.connection, step.check, step.line = self.connection, self.check, number
        self.cases[-1].steps.append(step)
        self.check = ("exact",)

    def directive(self, word, rest, number):
        if word == "case":
            self.cases.append(Case(rest.decode(), self.path, number))
            self.connection = 1
        elif word == "conn":
            self.connection = int(rest)
        elif word in ("resp2", "resp3"):
            self.cases[-1].protocols = (int(word[-1]),)
        elif word == "pipeline":
            self.pipeline = Step(f"@pipeline {rest.decode()}", replies=int(rest or 1))
        elif word == "end":
            step, self.pipeline = self.pipeline, None
            times = step.replies
            step.data, step.replies = step.data * times, len(step.commands) * times
            self.add(step, number)
        elif word == "raw":
            data = b"".join(split(rest, self.started))
            self.add(Step("@raw " + rest.decode("utf-8", "backslashreplace"), data=data, replies=0), number)
        elif word == "replies":
            self.add(Step(f"@replies {rest.decode()}", replies=int(rest)), number)
        elif word == "closed":
            self.add(Step("@closed", replies=0, to_end=True), number)
        elif word == "gone":
            self.add(Step("@gone", replies=0, until_gone=split(rest, self.started)[0]), number)
        elif word in CHECKS:
            self.set_check(word, rest, number)
        else:
            raise CaseError(f"no such directive: @{word}")

    def set_check(self, word, rest, number):
        if word == "near":
            tolerance, _, command = rest.partition(b" ")
            self.check = (word, int(tolerance))
        elif word == "at":
            paths, _, command = rest.partition(b" ")
            self.check = (word, [[int(part) for part in path.split(".")] for path in paths.decode().split(",")])
        elif word == "differs":
            self.check, command = (word, rest.decode()), b""
        else:
            self.check, command = (word,), rest
        if command.strip():
            self.read_line(command.strip(), number)


def quoted(args):
    """A command as it stands in a case file."""
    return " ".join(quote(arg) for arg in args)


def quote(arg):
    if re.fullmatch(rb"[\x21\x24-\x26\x28-\x3f\x41-\x5b\x5d-\x7a\x7c\x7e]+", arg):
        return arg.decode()
    out = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}" for byte in arg)
    return f'"{out}"'
