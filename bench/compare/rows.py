"""What an experiment returns: figures of each round for both servers, or for one beside itself."""

import statistics


class Row:
    """One thing measured for both: what it is, and a figure of each round for either server."""

    def __init__(self, experiment, unit, **cell):
        self.experiment, self.unit, self.cell = experiment, unit, cell
        self.minikv, self.redis = [], []

    def figures(self):
        ratios = sorted(a / b for a, b in zip(self.minikv, self.redis))
        ours, theirs = statistics.median(self.minikv), statistics.median(self.redis)
        return {
            "experiment": self.experiment, **self.cell, "unit": self.unit, "minikv": ours, "redis": theirs,
            "ratio": ours / theirs, "ratio_low": ratios[0], "ratio_high": ratios[-1],
            "minikv_rounds": self.minikv, "redis_rounds": self.redis,
        }


class Beside:
    """A server beside its own compaction, against itself without."""

    def __init__(self, server, mode, figure, unit, quiet, beside):
        ratios = sorted(b / q for q, b in zip(quiet, beside))
        self.row = {
            "experiment": "beside compaction", "server": server, "fsync": mode, "figure": figure, "unit": unit,
            "quiet": statistics.median(quiet), "beside": statistics.median(beside),
            "ratio": statistics.median(beside) / statistics.median(quiet), "ratio_low": ratios[0],
            "ratio_high": ratios[-1], "quiet_rounds": quiet, "beside_rounds": beside,
        }

    def figures(self):
        return self.row

    def line(self):
        row = self.row
        return (f"{row['server']}, SET fsync {row['fsync']}, {row['figure']}: {row['quiet']:.3f} without and "
                f"{row['beside']:.3f} {row['unit']} beside a compaction: {row['ratio']:.2f} "
                f"({row['ratio_low']:.2f} to {row['ratio_high']:.2f})")


def one_line(row):
    figures = row.figures()
    cell = ", ".join(f"{name} {value}" for name, value in row.cell.items())
    return (f"{row.experiment}: {cell}: minikv {figures['minikv']:.6g}, redis {figures['redis']:.6g} {row.unit}: "
            f"{figures['ratio']:.2f} ({figures['ratio_low']:.2f} to {figures['ratio_high']:.2f})")
