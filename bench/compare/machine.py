"""What the figures were measured on."""

import datetime
import os
import platform
import re
import subprocess

from servers import redis_program


def describe(options):
    return {
        "date": datetime.date.today().isoformat(), "processor": processor(), "processors": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(), "file_system": file_system(options.directory),
        "redis": first_line("redis-server", "--version", executable=redis_program()),
        "minikv": first_line(os.path.join(options.bin, "minikvd"), "--version"),
        "commit": first_line("git", "-C", os.path.dirname(os.path.abspath(__file__)), "rev-parse", "--short", "HEAD"),
    }


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    return found[1] if found else platform.machine()


def file_system(path):
    path = os.path.dirname(os.path.realpath(path))
    best = ("", "unknown")
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, where, kind = line.split()[:3]
            if (path + "/").startswith(where.rstrip("/") + "/") and len(where) > len(best[0]):
                best = (where, kind)
    return best[1]


def first_line(*command, executable=None):
    try:
        return subprocess.run(command, executable=executable, check=True, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"
