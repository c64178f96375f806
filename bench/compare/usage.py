"""What a server uses: processor time of all its threads and children, bytes that reach its disk."""

import os

_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(group):
    """Of all processes of the group, and of children of theirs that have ended. The kernel's sums are exact; they are
    reported in hundredths of a second."""
    total = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[2]) == group:
            total += sum(int(field) for field in fields[11:15])  # utime, stime, and those of ended children
    return total / _TICKS


def disk_bytes_written(directory):
    """Bytes that the block device of the directory has written since the machine was started; None where the file system
    has no device of its own."""
    device = os.stat(directory).st_dev
    try:
        with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat", encoding="ascii") as file:
            return int(file.read().split()[6]) * 512
    except OSError:
        return None
