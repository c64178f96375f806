"""Random commands: rounds of a few hundred on an empty store; a round that differs is cut down to what shows it."""

import random
import time

from casefile import quoted
from generator import Generator
from judge import run_script

COMMANDS_PER_ROUND = 300
SHRINK_LIMIT_S = 30


def compare_random(redis, minikv, seconds, seed, missing):
    """Whether nothing differs; prints the seed, and a short script if something does."""
    print(f"random: seed {seed}", flush=True)
    started, rounds, commands = time.monotonic(), 0, 0
    skip = {name[0].decode() for name in missing if len(name) == 1}
    while time.monotonic() < started + seconds:
        # Each round has a generator of its own, so that how fast the machine is changes only how many there are.
        steps = Generator(random.Random(f"{seed}/{rounds}"), skip).round(COMMANDS_PER_ROUND)
        protocol = 2 + rounds % 2
        rounds += 1
        commands += sum(step.replies for step in steps)
        if run_script(redis, minikv, protocol, steps):
            print_script(redis, minikv, protocol, steps)
            print(f"random: round {rounds} differs; the same again: --random {seconds:g} --seed {seed}")
            return False
    print(f"random: {commands} replies compared in {rounds} rounds, {time.monotonic() - started:.1f} s; 0 differ")
    return True


def print_script(redis, minikv, protocol, steps):
    steps, differences = shrink(redis, minikv, protocol, steps)
    print(f"DIFFERS: a script in RESP{protocol} that shows it:")
    print("@case random" + (" ; @resp3" if protocol == 3 else ""))
    connection = 1
    for step in steps:
        if step.connection != connection:
            connection = step.connection
            print(f"@conn {connection}")
        for command in step.commands:
            print(quoted(command)[:300])
    for difference in differences:
        what = getattr(difference.step, "commands", difference.step)
        shown = "; ".join(quoted(command) for command in what) if isinstance(what, list) else what
        print(f"  {shown[:300]}\n    redis:  {difference.redis}\n    minikv: {difference.minikv}")


def shrink(redis, minikv, protocol, steps):
    """Fewer steps that still differ: leaves out halves, then quarters, and so on, while that keeps a difference."""
    differences = run_script(redis, minikv, protocol, steps)
    singles = [one for step in steps for one in step.singles()]
    found = run_script(redis, minikv, protocol, singles)
    if found:  # else it takes a pipeline to show it
        steps, differences = singles, found
    deadline = time.monotonic() + SHRINK_LIMIT_S
    size = len(steps) // 2
    while size and time.monotonic() < deadline:
        start, smaller = 0, False
        while start < len(steps) and time.monotonic() < deadline:
            candidate = steps[:start] + steps[start + size :]
            found = run_script(redis, minikv, protocol, candidate)
            if found:
                steps, differences, smaller = candidate, found, True
            else:
                start += size
        size = size if smaller and size == 1 else size // 2
    return steps, differences
