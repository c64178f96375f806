#!/usr/bin/python3 -B
"""Compares what minikv says about its commands with what redis-server says about the same ones.

    command_docs.py --bin build/release/bin

COMMAND DOCS: the group, and the arguments as redis-cli's `help` writes them and as they are structured (but for since when
there is an argument, and how Redis calls groups of them). COMMAND INFO: arity, where the keys are, and those flags that both know. What
differs on purpose is in DIFFERENT, with the reason, and is an error once it is the same. Commands that Redis does not have
are only looked at for being complete. Beside another version of Redis than Debian 12's nothing is compared: exit code 77.
"""

import argparse
import os
import sys

from servers import SKIPPED, Minikv, Redis

# What differs, by the command's name and the column.
DIFFERENT = {
    ("client|kill", "usage"): "there are no types of clients and no users to choose by",
    ("client|kill", "arguments"): "as its usage",
    ("command|list", "usage"): "there are no modules and no ACL categories",
    ("command|list", "arguments"): "as its usage",
    ("command|getkeys", "usage"): "Redis 7.0 leaves the arguments out",
    ("command|getkeys", "arguments"): "Redis 7.0 leaves the arguments out",
    ("command|getkeysandflags", "usage"): "Redis 7.0 leaves the arguments out",
    ("command|getkeysandflags", "arguments"): "Redis 7.0 leaves the arguments out",
    ("config|get", "arguments"): "Redis has a block of one argument",
    ("client|reply", "flags"): "Redis 7.0 takes it in a transaction, and breaks the stream of replies by it",
}

FLAGS = {"write", "readonly", "admin", "fast", "no_auth", "no_multi"}


def main():
    parser = argparse.ArgumentParser(description="Compares COMMAND DOCS and COMMAND INFO with those of redis-server.")
    parser.add_argument("--bin", required=True, type=os.path.abspath, help="the directory of minikvd")
    options = parser.parse_args()
    redis = minikv = None
    try:
        redis = Redis()
        if redis.is_another_version():
            return SKIPPED
        minikv = Minikv(options.bin)
        return compare(all_commands(redis), all_commands(minikv))
    finally:
        for server in (redis, minikv):
            if server:
                server.stop()


def all_commands(server):
    """Each command and subcommand by its name: what is compared of it, by column."""
    connection = server.connect()
    connection.ask("HELLO", "3")
    commands = {}
    for name, docs in mapping(connection.ask("COMMAND", "DOCS")).items():
        add_docs(commands, name, mapping(docs))
    for info in connection.ask("COMMAND").value:
        add_info(commands, info)
    connection.close()
    return commands


def mapping(reply):
    """A map, or an array that is one, as a dictionary."""
    items = reply.value
    return {items[i].value.decode(): items[i + 1] for i in range(0, len(items), 2)}


def add_docs(commands, name, docs):
    arguments = [read_argument(one) for one in docs["arguments"].value] if "arguments" in docs else []
    commands[name] = {"group": docs["group"].value.decode(), "usage": " ".join(map(written, arguments)),
                      "arguments": arguments, "summary": docs["summary"].value.decode()}
    if "subcommands" in docs:
        for subname, subdocs in mapping(docs["subcommands"]).items():
            add_docs(commands, subname, mapping(subdocs))


def add_info(commands, info):
    name, arity, flags, first, last, step, _, _, specs, subcommands = info.value
    known = {flag.value.decode() for flag in flags.value} & FLAGS
    commands[name.value.decode()].update(arity=int(arity.value), flags=sorted(known),
                                         keys=tuple(int(one.value) for one in (first, last, step)),
                                         specs=len(specs.value) > 0)
    for one in subcommands.value:
        add_info(commands, one)


def read_argument(reply):
    """What one says of itself, without since when it is there."""
    fields = mapping(reply)
    kind = fields["type"].value.decode()
    argument = {"type": kind, "token": text(fields, "token"), "flags": sorted(words(fields, "flags"))}
    if kind in ("oneof", "block"):
        argument["arguments"] = [read_argument(one) for one in fields["arguments"].value]
    else:
        argument["name"] = fields["name"].value.decode()
    return argument


def text(fields, name):
    return fields[name].value.decode() if name in fields else ""


def words(fields, name):
    return {one.value.decode() for one in fields[name].value} if name in fields else set()


def written(argument):
    """As redis-cli's help writes it."""
    kind, token, flags = argument["type"], argument["token"], argument["flags"]
    if kind == "pure-token":
        value = ""
    elif kind in ("oneof", "block"):
        value = ("|" if kind == "oneof" else " ").join(map(written, argument["arguments"]))
    else:
        value = argument["name"]
    out = f"{token} {value}".strip() if token else value
    if "multiple" in flags:
        out += f" [{token + ' ' if 'multiple_token' in flags else ''}{value} ...]"
    return f"[{out}]" if "optional" in flags else out


def compare(redis, minikv):
    failed = compared = 0
    for name, ours in sorted(minikv.items()):
        failed += not is_complete(name, ours)
        theirs = redis.get(name)
        if theirs is None:
            continue
        compared += 1
        for column in ("group", "usage", "arguments", "arity", "keys", "flags"):
            same = ours[column] == theirs[column]
            excused = (name, column) in DIFFERENT
            if same != excused:
                continue
            failed += 1
            if same:
                print(f"{name}: {column} no longer differs: take it out of DIFFERENT")
            else:
                print(f"{name}: {column} differs\n  redis:  {theirs[column]}\n  minikv: {ours[column]}")
    print(f"command docs: {compared} commands and subcommands of {len(minikv)} are Redis' too; {failed} differ; "
          f"{len(DIFFERENT)} columns differ on purpose")
    return 1 if failed or not compared else 0


def is_complete(name, ours):
    """A summary, a group, arity, and specifications of keys where there are keys."""
    complete = ours["summary"] and ours["group"] and ours["arity"] and ours["specs"] == (ours["keys"][0] > 0)
    if not complete:
        print(f"{name}: not complete: {ours}")
    return complete


if __name__ == "__main__":
    sys.exit(main())
