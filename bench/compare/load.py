"""Load by redis-benchmark, for as long as is wanted, and what it says about it."""

import csv
import re
import subprocess

_LEAST = 2000  # requests of the first, short run, which measures the rate


def benchmark(server, command, connections, pipeline, value_bytes, keys, requests):
    return [
        "redis-benchmark", "-h", "127.0.0.1", "-p", str(server.port), "-t", command, "-c", str(connections),
        "-P", str(pipeline), "-d", str(value_bytes), "-r", str(keys), "-n", str(requests), "--precision", "3",
    ]


def run(server, requests, **load):
    """Requests a second, p50 and p99 in milliseconds."""
    output = subprocess.run(
        benchmark(server, requests=requests, **load) + ["--csv"], check=True, capture_output=True, text=True
    ).stdout
    row = list(csv.DictReader(output.splitlines()))[-1]
    return {"rate": float(row["rps"]), "p50": float(row["p50_latency_ms"]), "p99": float(row["p99_latency_ms"])}


def requests_for(server, seconds, **load):
    """How many requests take about so many seconds."""
    least = max(_LEAST, 20 * load["connections"] * load["pipeline"])
    guess = run(server, least, **load)["rate"]
    return max(least, int(seconds * guess))


class Continuous:
    """A load that goes on until it is stopped, and its rate meanwhile."""

    def __init__(self, server, **load):
        command = benchmark(server, requests=1_000_000_000, **load)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.kill()
        self.process.wait()


def run_with_tail(server, requests, **load):
    """As run(), and p99.9, which redis-benchmark says only to people."""
    output = subprocess.run(
        benchmark(server, requests=requests, **load), check=True, capture_output=True, text=True
    ).stdout
    rate = re.search(r"throughput summary: ([\d.]+) requests per second", output)
    summary = re.search(r"avg +min +p50 +p95 +p99 +max\s+([\d. ]+)", output)[1].split()
    tail = re.search(r"^99\.902% <= ([\d.]+) milliseconds", output, re.MULTILINE)
    return {
        "rate": float(rate[1]), "p50": float(summary[2]), "p99": float(summary[4]),
        "p999": float(tail[1]) if tail else float(summary[5]),
    }
