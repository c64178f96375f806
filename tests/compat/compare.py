#!/usr/bin/python3 -B
"""Compares minikv with redis-server: the same commands to both, the replies byte for byte, in RESP2 and in RESP3.

    compare.py --bin build/release/bin                          all cases of cases/*.txt
    compare.py --bin build/release/bin --random 10              and 10 s of random commands
    compare.py --bin build/release/bin --random 60 --seed 7     the same random commands as another run with this seed
    compare.py --bin build/release/bin set expiry               the cases of files whose name has a word of these in it

Exits with 1 if a reply differs that should not. missing.txt names commands that minikv does not have yet: cases that
use them may differ, but a command that no longer makes any case differ must be taken out of it.

The cases and the differences on purpose are those of one version of Redis. Beside another one nothing is compared: the exit
code is then 77, which ctest takes for a skipped test.
"""

import argparse
import glob
import os
import random
import signal
import sys
import time

import casefile
from random_run import compare_random
from judge import run_script
from servers import SKIPPED, Minikv, Redis

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    options = read_arguments()
    cases = read_cases(options.words)
    missing = read_missing()
    redis = minikv = None
    try:
        redis = Redis()
        if redis.is_another_version():
            return SKIPPED
        minikv = Minikv(options.bin)
        outcome = CaseRun(missing, options.all)
        for case in cases:
            for protocol in case.protocols:
                outcome.judge(case, protocol, run_script(redis, minikv, protocol, case.steps))
        ok = outcome.report(complete=not options.words)
        if options.random:
            seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
            ok = compare_random(redis, minikv, options.random, seed, missing) and ok
    finally:
        for server in (redis, minikv):
            if server:
                server.stop()
    return 0 if ok else 1


def read_arguments():
    parser = argparse.ArgumentParser(description="Compares minikv's replies with those of redis-server.")
    parser.add_argument("--bin", required=True, type=os.path.abspath, help="the directory of minikvd")
    parser.add_argument("--random", type=float, default=0, metavar="SECONDS", help="then random commands, so long")
    parser.add_argument("--seed", type=int, help="of the random commands")
    parser.add_argument("--all", action="store_true", help="print also the differences that missing.txt excuses")
    parser.add_argument("words", nargs="*", help="only the case files that have one of these in their name")
    return parser.parse_args()


def read_cases(words):
    cases = []
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.txt"))):
        if not words or any(word in os.path.basename(path) for word in words):
            cases += casefile.Reader(path).read()
    return cases


def read_missing():
    """The beginnings of commands in missing.txt, each a tuple of its arguments in capitals."""
    with open(os.path.join(HERE, "missing.txt"), "rb") as file:
        lines = (casefile.split(line, 0) for line in file if not line.startswith(b"#"))
        return [capitals(words) for words in lines if words]


def capitals(words):
    return tuple(word.upper() for word in words)


class CaseRun:
    """What came of the cases."""

    def __init__(self, missing, show_excused):
        self.missing = missing
        self.show_excused = show_excused
        self.excused_by = {name: 0 for name in missing}  # how many cases differ that use it
        self.failed = self.excused = self.runs = self.commands = 0
        self.on_purpose = set()
        self.started = time.monotonic()

    def judge(self, case, protocol, differences):
        self.runs += 1
        self.commands += sum(max(step.replies, 1) for step in case.steps if step.data)
        self.on_purpose.update((case.path, step.line) for step in case.steps if step.check[0] == "differs")
        if not differences:
            return
        names = [name for name in self.missing if uses(case, name)]
        for name in names:
            self.excused_by[name] += 1
        self.excused += bool(names)
        self.failed += not names
        if not names or self.show_excused:
            for difference in differences:
                print_difference(case, protocol, difference, "missing" if names else "DIFFERS")

    def report(self, complete):
        """Whether all is as it should be; prints the sums."""
        found = [name for name in self.missing if complete and not self.excused_by[name]]
        for name in found:
            print(f"missing.txt names {casefile.quoted(name)}, but no case with it differs: take it out")
        took = time.monotonic() - self.started
        print(f"cases: {self.runs} run (in RESP2 and RESP3), {self.commands} replies compared in {took:.1f} s; "
              f"{self.failed} differ, {self.excused} are excused by missing.txt; "
              f"{len(self.on_purpose)} commands differ on purpose")
        return not self.failed and not found


def uses(case, name):
    """Whether the case has the command in it; a name may have more of it than the first word."""
    return any(capitals(command[: len(name)]) == name for command in case.commands())


def print_difference(case, protocol, difference, verdict):
    step = difference.step
    where = f"{os.path.basename(case.path)}:{getattr(step, 'line', case.line)}"
    what = getattr(step, "what", step)
    print(f"{verdict} {where} RESP{protocol} | {what[:200]} | redis: {difference.redis} | minikv: {difference.minikv}")


if __name__ == "__main__":
    sys.exit(main())
