"""Random commands that know the grammar: few keys, values and numbers at the edges, and now and then a mistake.

No reply may depend on when exactly a command runs: expiries lie far ahead or behind, and relative ones are hardly ever
the same twice, so that GT and LT never compare two that are within the moments by which the servers are apart. DBSIZE
is left out, since both may count what has expired for a while.
"""

import time

from casefile import Step
from wire import encode

KEYS = [b"a", b"b", b"c", b"d", b"key:1", b"key:2", b"", b"\x00\xff bin"]
INTEGERS = [b"0", b"1", b"-1", b"2", b"7", b"8", b"10", b"-10", b"63", b"64", b"100", b"-100", b"9223372036854775807",
            b"-9223372036854775808", b"9223372036854775808", b"-9223372036854775809", b"4611686018427387904",
            b"18446744073709551616", b"2147483647", b"2147483648", b"-2147483649", b"4294967296"]
NO_INTEGERS = [b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"1.0", b"0x10", b"1e3", b"abc", b"--1", b"\x00", b"9" * 30]
FLOATS = [b"0", b"0.1", b"-0.1", b"1.5", b"3.0e3", b"1e17", b"-1e-5", b"1e-18", b"0.000000000000000001", b"1e308",
          b"1e4932", b"1e5000", b"inf", b"-inf", b"+inf", b"nan", b"infinity", b"123456789.987654321", b".5", b"5.",
          b"1e", b"1.5abc", b" 1.5", b"1.5 ", b"0x1p3", b"9007199254740993", b"3.14159265358979323846", b"-0.0", b""]
VALUES = [b"", b"hello", b"hello world", b"0", b"10", b"-5", b"3.5", b"\x00\x01\xff", b"\xff\xff\xff", b"a\r\nb", b"x" * 100,
          b"abcabcabc", b"9223372036854775807", b"9223372036854775806", b"-9223372036854775808", b"foobar", b"\x80" * 9]
PATTERNS = [b"*", b"?", b"a*", b"[ab]", b"[^a]", b"[a-c]", b"[c-a]", b"key:*", b"key:?", b"*:*", b"\\a", b"[a", b"[", b"",
            b"**", b"*a", b"[\\a]", b"a\\", b"k*y*1", b"[^]", b"[]", b"[a-]", b"?" * 5, b"*?*?*"]
EXACT, NEAR_S, NEAR_MS = ("exact",), ("near", 2), ("near", 2000)
CONNECTIONS = (1, 1, 1, 2, 3)


class Generator:
    """Rounds of commands; `skip` are names in capitals of commands that must not appear."""

    def __init__(self, chance, skip=()):
        self.chance = chance
        self.now_s = int(time.time())
        self.commands = [entry for entry in self.table() if entry[1] not in skip]
        self.weights = [entry[0] for entry in self.commands]
        self.edges_used = 0
        self.in_multi = {}

    def round(self, count):
        """Steps on a few connections, with about so many commands, some of them sent together."""
        steps, made = [], 0
        while made < count:
            connection = self.chance.choice(CONNECTIONS)
            size = self.chance.choice((1, 1, 1, 5, 20))
            commands, checks = zip(*(self.command(connection) for _ in range(size)))
            data = b"".join(encode(command) for command in commands)
            steps.append(Step("random", connection, data, size, checks=list(checks), commands=list(commands)))
            made += size
        return steps

    def command(self, connection):
        while True:
            _, name, build, check = self.chance.choices(self.commands, self.weights)[0]
            if self.in_multi.get(connection):
                if self.chance.random() < 0.2:
                    name, build, check = "EXEC", list, EXACT
                elif check != EXACT:
                    continue  # EXEC's reply is compared byte for byte
            elif name == "EXEC" and self.chance.random() < 0.8:
                continue
            break
        if name in ("MULTI", "EXEC", "DISCARD"):
            self.in_multi[connection] = name == "MULTI"
            return [name.encode()], EXACT
        args = [name.encode(), *build()]
        if self.chance.random() < 0.06:
            args, check = self.spoiled(args), ("type",) if check != EXACT else EXACT
        return args, check

    def spoiled(self, args):
        """The same with a mistake, or in another case."""
        args, at = list(args), self.chance.randrange(1, len(args) + 1)
        kind = self.chance.randrange(5)
        if kind == 0:
            return args[:at]
        if kind == 1:
            return args[:at] + [self.chance.choice(KEYS + NO_INTEGERS + [b"NX", b"EX", b"GET"])] + args[at:]
        if kind == 2:
            return [args[0].lower(), *args[1:]]
        if kind == 3 and at < len(args):
            return args[:at] + [self.chance.choice(NO_INTEGERS)] + args[at + 1 :]
        return args + args[-1:]

    # ---- what commands are made of ----

    def key(self):
        return self.chance.choices(KEYS, (6, 6, 4, 3, 2, 2, 1, 1))[0]

    def keys(self):
        return [self.key() for _ in range(self.chance.choice((1, 1, 2, 3, 5)))]

    def value(self):
        return self.chance.choice(VALUES if self.chance.random() < 0.7 else INTEGERS + FLOATS + NO_INTEGERS)

    def integer(self):
        if self.chance.random() < 0.4:
            return b"%d" % self.chance.randint(-130, 130)
        return self.chance.choice(INTEGERS if self.chance.random() < 0.85 else NO_INTEGERS)

    def small(self):
        """An offset: never one that makes a large value."""
        return b"%d" % self.chance.choice((-1, 0, 1, 7, 8, 9, self.chance.randrange(300)))

    def huge(self):
        """An offset that no value has room for, or none at all."""
        return self.chance.choice((b"4294967296", b"9223372036854775807", b"-1", b"536870912", b"1000000000000", b"x", b""))

    def float_number(self):
        if self.chance.random() < 0.5:
            return b"%.*g" % (self.chance.randrange(1, 18), self.chance.uniform(-1000, 1000))
        return self.chance.choice(FLOATS)

    def expiry_in(self, unit):
        """A number of seconds (unit 1) or milliseconds (unit 1000) from now, or one that is an error."""
        if self.chance.random() < 0.75:
            return b"%d" % (self.chance.randint(5_000, 5_000_000_000) * unit)
        edge = self.chance.choice((b"0", b"-1", b"-1000", b"9223372036854775807", b"-9223372036854775808",
                                   b"9223372036854775", b"9223372036854776", b"-9223372036854776", b"1.5", b"abc", b""))
        if unit == 1000 and edge in (b"9223372036854775", b"9223372036854776"):
            # As milliseconds these are no errors: a minute less each time.
            self.edges_used += 1
            return b"%d" % (int(edge) - 60_000 * self.edges_used)
        return edge

    def expiry_at(self, unit):
        if self.chance.random() < 0.75:
            return b"%d" % ((self.now_s + self.chance.randint(5_000, 5_000_000_000)) * unit)
        return self.chance.choice((b"0", b"-1", b"1", b"1000", b"9223372036854775807", b"-9223372036854775808",
                                   b"9223372036854775", b"9223372036854776", b"9223372036854775308", b"x"))

    def expiry_option(self):
        name, number = self.chance.choice(((b"EX", self.expiry_in(1)), (b"PX", self.expiry_in(1000)),
                                           (b"EXAT", self.expiry_at(1)), (b"PXAT", self.expiry_at(1000))))
        return [name, number]

    def some(self, likely, *choices):
        """Now and then one of the choices, seldom several."""
        out = []
        while self.chance.random() < likely:
            choice = self.chance.choice(choices)
            out += choice() if callable(choice) else [choice]
            likely *= 0.6
        return [self.chance.choice((word, word, word.lower())) for word in out]

    def pairs(self):
        return [part for key in self.keys() for part in (key, self.value())]

    def range_of_bits(self):
        if self.chance.random() < 0.3:
            return []
        return [self.integer(), self.integer(), *self.some(0.5, b"BYTE", b"BIT")]

    def set_options(self):
        return self.some(0.6, b"NX", b"XX", b"GET", b"KEEPTTL", self.expiry_option)

    def scan(self):
        options = self.some(0.5, lambda: [b"MATCH", self.chance.choice(PATTERNS)], lambda: [b"TYPE", b"string"],
                            lambda: [b"TYPE", b"list"])
        return [b"0", b"COUNT", self.chance.choice((b"1000", b"100000", b"1000", b"0", b"-1", b"x")), *options]

    def table(self):
        """(how often, name, the arguments, how the reply is compared)"""
        key, value, integer, some = self.key, self.value, self.integer, self.some
        conditions = lambda: some(0.4, b"NX", b"XX", b"GT", b"LT")
        entries = [(12, "SET", lambda: [key(), value(), *self.set_options()]), (8, "GET", lambda: [key()]),
                   (3, "GETDEL", lambda: [key()]), (3, "GETSET", lambda: [key(), value()]),
                   (4, "GETEX", lambda: [key(), *some(0.7, b"PERSIST", self.expiry_option, self.expiry_option)]),
                   (2, "SETNX", lambda: [key(), value()]), (3, "SETEX", lambda: [key(), self.expiry_in(1), value()]),
                   (3, "PSETEX", lambda: [key(), self.expiry_in(1000), value()]), (4, "MGET", self.keys),
                   (3, "MSET", self.pairs), (3, "MSETNX", self.pairs), (4, "APPEND", lambda: [key(), value()]),
                   (2, "STRLEN", lambda: [key()]), (4, "GETRANGE", lambda: [key(), integer(), integer()]),
                   (1, "SUBSTR", lambda: [key(), integer(), integer()]),
                   (3, "SETRANGE", lambda: [key(), self.chance.choice((self.small, self.small, self.huge))(), value()]),
                   (3, "INCR", lambda: [key()]), (3, "DECR", lambda: [key()]), (4, "INCRBY", lambda: [key(), integer()]),
                   (4, "DECRBY", lambda: [key(), integer()]), (6, "INCRBYFLOAT", lambda: [key(), self.float_number()]),
                   (4, "LCS", lambda: [key(), key(), *some(0.6, b"LEN", b"IDX", b"IDX", b"WITHMATCHLEN",
                                                           lambda: [b"MINMATCHLEN", integer()])]),
                   (5, "SETBIT", lambda: [key(), self.chance.choice((self.small, self.small, self.small, self.huge))(),
                                          self.chance.choice((b"0", b"1", b"1", b"2", b"x"))]),
                   (4, "GETBIT", lambda: [key(), self.chance.choice((self.small, integer))()]),
                   (4, "BITCOUNT", lambda: [key(), *self.range_of_bits()]),
                   (5, "BITPOS", lambda: [key(), self.chance.choice((b"0", b"1", b"1", b"2")), *([integer()]
                                          if self.chance.random() < 0.3 else self.range_of_bits())]),
                   (3, "DEL", self.keys), (2, "UNLINK", self.keys), (3, "EXISTS", self.keys), (2, "TYPE", lambda: [key()]),
                   (2, "TOUCH", self.keys), (3, "RENAME", lambda: [key(), key()]), (3, "RENAMENX", lambda: [key(), key()]),
                   (3, "COPY", lambda: [key(), key(), *some(0.5, b"REPLACE", lambda: [b"DB", b"0"])]),
                   (3, "KEYS", lambda: [self.chance.choice(PATTERNS)], ("sorted",)), (3, "SCAN", self.scan, ("sorted",)),
                   (4, "EXPIRE", lambda: [key(), self.expiry_in(1), *conditions()]),
                   (3, "PEXPIRE", lambda: [key(), self.expiry_in(1000), *conditions()]),
                   (3, "EXPIREAT", lambda: [key(), self.expiry_at(1), *conditions()]),
                   (3, "PEXPIREAT", lambda: [key(), self.expiry_at(1000), *conditions()]),
                   (3, "TTL", lambda: [key()], NEAR_S), (3, "PTTL", lambda: [key()], NEAR_MS),
                   (2, "EXPIRETIME", lambda: [key()], NEAR_S), (2, "PEXPIRETIME", lambda: [key()], NEAR_MS),
                   (3, "PERSIST", lambda: [key()]), (3, "MULTI", list), (2, "EXEC", list), (1, "DISCARD", list),
                   (3, "WATCH", self.keys), (1, "UNWATCH", list), (1, "PING", lambda: [value()] if self.chance.random() < 0.5 else []),
                   (1, "ECHO", lambda: [value()]), (0.3, "FLUSHALL", list), (0.3, "FLUSHDB", lambda: some(0.5, b"SYNC")),
                   (1, "NOSUCHCOMMAND", self.keys), (0.5, "SELECT", lambda: [b"0"])]
        return [entry if len(entry) == 4 else (*entry, EXACT) for entry in entries]
