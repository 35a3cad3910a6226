"""What happened when, by the exporter's own clock: its log at --log.level=debug.

It logs what libvirt tells it (an event of a domain), each call that has ended, with what
was asked, when that was due and how long it took, and each change of a guest's state.
"""

import contextlib
import datetime
import os
import re

from lab.process import wait_for
from lab.programs import Exporter

_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
_SPAN = re.compile(r"([\d.]+)(ns|us|ms|s|m|h)")
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
# What the series of conftest's healthy() are asked by.
CARD_COMMANDS = ("guest-get-time", "guest-network-get-interfaces", "guest-get-fsinfo",
                 "guest-get-vcpus", "guest-get-osinfo")
_CALL = "a call has ended"
_STATES = ("the guest agent's state", "the guest agent is in trouble")


def seconds(span):
    """Of a duration as it is logged: 1m30s, -2.5ms."""
    found = sum(float(number) * _UNITS_S[unit] for number, unit in _SPAN.findall(span))
    return -found if span.startswith("-") else found


class Record:
    """One line: when (CLOCK_REALTIME), what, and of which guest."""

    def __init__(self, line):
        self.fields = {key: value.strip('"') for key, value in _FIELD.findall(line)}
        self.time = datetime.datetime.fromisoformat(self.fields["time"]).timestamp()
        self.what = self.fields["msg"]
        self.domain = self.fields.get("domain")
        self.is_call = self.what == _CALL
        self.event = self.fields.get("event") if self.what == "libvirt tells of a domain" else None
        self.state = self.fields["state"] if self.what in _STATES else None
        if self.is_call:
            self.command = self.fields["command"]
            self.outcome = self.fields["outcome"]
            self.took = seconds(self.fields["took"])
            self.answered = self.time - seconds(self.fields["waited"])
            self.sent = self.answered - self.took
            self.due = self.sent - seconds(self.fields["late"])

    def __repr__(self):
        return " ".join(f"{key}={value}" for key, value in self.fields.items())

    def answers(self, domain, command="guest-get-time"):
        """Whether it is a call of that command, and was answered well."""
        return (self.is_call and self.domain == domain and self.command == command
                and self.outcome == "none")


class Timeline:
    """The records of one exporter; a place in them is an index."""

    def __init__(self, path):
        self._path = path
        self._bytes = os.path.getsize(path) if os.path.exists(path) else 0
        self._records = []

    @property
    def records(self):
        """All that is there by now."""
        with open(self._path, "rb") as file:
            file.seek(self._bytes)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self._bytes += len(text)
        self._records += [Record(line) for line in text.decode("utf-8").splitlines()
                          if line.startswith("time=")]
        return self._records

    def here(self):
        """The place where the next record will be."""
        return len(self.records)

    def find(self, wanted, start=0):
        """The place of the first that is wanted, or None."""
        records = self.records
        return next((place for place in range(start, len(records)) if wanted(records[place])),
                    None)

    def wait(self, wanted, what, start=0, timeout_s=60):
        """Until there is one; returns its place."""
        def found():
            place = self.find(wanted, start)
            return None if place is None else (place,)
        return wait_for(found, what, timeout_s)[0]

    def wait_for_state(self, domain, state, start):
        """The place where the guest's state became that."""
        return self.wait(lambda record: record.domain == domain and record.state == state,
                         f"{domain} is {state}", start)

    def wait_for_rounds(self, domain, count):
        """Until the guest has answered what it is asked every second so many times more."""
        start = self.here()
        wait_for(lambda: sum(record.answers(domain) for record in self.records[start:]) >= count,
                 f"{count} more rounds of {domain}", 60 + 10 * count)

    def calls(self, domain, start=0, end=None):
        """Those to the guest that have ended between two places."""
        return [record for record in self.records[start:end]
                if record.is_call and record.domain == domain]

    def answered_all(self, domain, start):
        """The place where the guest has answered each of the cards' commands, and is
        responsive, or None."""
        missing = set(CARD_COMMANDS)
        state = next((record.state for record in reversed(self.records[:start])
                      if record.domain == domain and record.state), None)
        for place in range(start, len(self.records)):
            record = self.records[place]
            if record.domain != domain:
                continue
            state = record.state or state
            missing -= {command for command in missing if record.answers(domain, command)}
            if not missing and state == "responsive":
                return place
        return None


@contextlib.contextmanager
def observed(lab, config, name="observed", **options):
    """An exporter with its timeline."""
    timeline = Timeline(os.path.join(lab.directory, f"{name}.log"))
    with Exporter(lab, f"--config.file={config}", "--log.level=debug", name=name,
                  **options) as running:
        running.timeline = timeline
        yield running
