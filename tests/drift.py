#!/usr/bin/python3
"""`make drift`: clocks of real guests that are told to run fast or slow, for MINUTES (15):
what the exporter says of their drift against what the guests' own agents say, and its
offsets meanwhile.  A drift is published from ten minutes of samples on, too long for an
end-to-end test."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "e2e")]
# pylint: disable=wrong-import-position
from conftest import write_config
from lab.lab import Lab
from lab.programs import Exporter
from test_clock import CLOCKS, CONFIG, HELD_MIN, Guests, Record, run_at

MINUTES = float(os.environ.get("MINUTES", "15"))
SETTLED_S = 660  # from when on a drift is to be published
EVERY_S = 0.2


class Slope:
    """The truth of a drift, by two readings of the truth far apart."""

    def __init__(self, truth):
        self.truth = truth
        self.start = (time.time(), *truth.read())

    def read(self):
        """(ratio, how much that may be wrong)"""
        offset, error = self.truth.read()
        when, first, first_error = self.start
        span = time.time() - when
        return (offset - first) / span, (error + first_error) / span


def drift_of(metrics, name):
    return tuple(metrics.value(f"qga_clock_drift{part}_ratio", domain=name)
                 for part in ("", "_uncertainty"))


def observe(guests, exporter, records):
    """Whether each drift that was published held: {name: [bool]}"""
    slopes = {name: Slope(truth) for name, truth in guests.truths.items()}
    held = {name: [] for name in CLOCKS}
    start = time.monotonic()
    while time.monotonic() < start + MINUTES * 60:
        metrics = exporter.metrics()
        for name, record in records.items():
            record.add(metrics, name, guests.truths[name])
            drift, error = drift_of(metrics, name)
            if drift is not None:
                real, real_error = slopes[name].read()
                held[name].append(abs(drift - real) <= error + real_error)
        time.sleep(EVERY_S)
    for name in CLOCKS:
        real, real_error = slopes[name].read()
        drift, error = drift_of(exporter.metrics(), name)
        told = (f"{drift * 1e6:.2f} ± {error * 1e6:.2f} ppm" if drift is not None
                else "nothing")
        print(f"drift: {name}, told to gain {CLOCKS[name][2] * 1e6:+.0f} ppm: the truth is "
              f"{real * 1e6:.2f} ± {real_error * 1e6:.2f} ppm, published is {told}; "
              f"{sum(held[name])} of {len(held[name])} held", flush=True)
    return held


def main():
    with Lab() as lab:
        guests = Guests(lab)
        for name, (_, _, ratio) in CLOCKS.items():
            run_at(guests.guests[name], ratio)
        path = write_config(lab, CONFIG)
        with Exporter(lab, f"--config.file={path}") as exporter:
            records = {name: Record() for name in CLOCKS}
            held = observe(guests, exporter, records)
            steps = [exporter.metrics().value("qga_clock_steps_total", domain=name)
                     for name in CLOCKS]
    for name, record in records.items():
        print(f"drift: {name}: {record.summary()}")
    good = not any(steps) and all(record.held() >= HELD_MIN for record in records.values())
    if MINUTES * 60 > SETTLED_S:
        good &= all(answers and sum(answers) / len(answers) >= HELD_MIN
                    for answers in held.values())
    if not good:
        sys.exit(f"drift: the exporter is wrong about a clock (steps: {steps})")


if __name__ == "__main__":
    main()
