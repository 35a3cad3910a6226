"""What the tests of faults share: a guest that has the fault, an exporter beside it, and
the times that faults.py allows; and what it costs the other guests: nothing.

The times are the exporter's: from what libvirt told it, or from when the test had brought
the fault about, to the record of what it made of it (timeline.py). They are told by its
schedule: so much later a call of another guest was due, and had come back. A machine that
is late makes these late as well.
"""

import contextlib
import json
import os
import re
import shutil
import time

import pytest

from conftest import healthy
from faults import FAULTS, Bound
from lab.image import ROOT
from lab.pace import LATE, PACE, stretched
from lab.process import wait_for
from timeline import observed

OTHERS = ("old", "new")
FRESH_S = 4  # between two answers of another guest, which is asked every second
HANGS_S = 1.5  # a call; its timeout is 2 s
NAME = "fault"
PANIC = "<panic model='isa'/>"
GUEST_INFO = {"return": {"version": "9.9.9", "supported_commands": [
    {"name": name, "enabled": True, "success-response": True} for name in
    ("guest-info", "guest-get-time", "guest-get-osinfo", "guest-fsfreeze-status",
     "guest-get-vcpus", "guest-get-fsinfo", "guest-network-get-interfaces")]}}


def successes(metrics, domain, collector="clock"):
    return metrics.value("qga_collector_last_success_timestamp_seconds", domain=domain,
                         collector=collector) or 0


def failures(metrics, domain):
    return {labels["reason"]: value for labels, value in
            metrics.find("qga_agent_failures_total", domain=domain)}


class Watched:
    """An exporter beside a guest with a fault: takes the times, and looks after the others.

    others   guests whose calls tell the time; without any the clock does, and the limit is
             stretched as the lab's waits are"""

    def __init__(self, exporter, fault, name=NAME, others=OTHERS):
        self.exporter = exporter
        self.timeline = exporter.timeline
        self.fault = FAULTS[fault]
        self.name = name
        self.others = others
        self.before = self.start = self.began = None
        self.begins()

    # When it begins and ends: before the test does what brings it about.

    def begins(self):
        self.before = failures(self.exporter.metrics(), self.name)
        self.ends()

    def ends(self):
        self.start = self.timeline.here()
        self.began = None

    def now(self):
        """It has just begun, or ended, and libvirt tells of it by no event."""
        self.began = time.time()

    def let_in(self, start=0):
        """It has begun before the exporter: when that is let in by libvirt."""
        self.start = self.timeline.wait(lambda record: record.what == "connected to libvirt",
                                        "the connection", start)
        self.began = self.timeline.records[self.start].time
        self.before = {}

    def event(self, event=None, start=None):
        """The first that libvirt has told of the guest since: when; returns its place."""
        place = self.timeline.wait(
            lambda record: record.domain == self.name and record.event
            and event in (None, record.event), f"an event of {self.name}: {event or 'any'}",
            self.start if start is None else start)
        self.began = self.timeline.records[place].time
        return place

    # What the exporter makes of it.

    def state(self, state):
        """For `shown` of is_noticed() and is_over()."""
        return lambda: self.timeline.find(
            lambda record: record.domain == self.name and record.state == state, self.start)

    def call(self, outcome, command=None):
        return lambda: self.timeline.find(
            lambda record: record.is_call and record.domain == self.name
            and record.outcome == outcome and command in (None, record.command), self.start)

    def leaves(self):
        return self.timeline.find(
            lambda record: record.what == "the domain has stopped"
            and record.domain == self.name, self.start)

    def well(self):
        return self.timeline.answered_all(self.name, self.start)

    def is_noticed(self, condition=None, shown=None):
        """Returns the metrics that show it; what follows happens after its record."""
        condition = condition or (
            lambda metrics: metrics.state(self.name) == self.fault.state
            and (not self.fault.reason or self.fault.reason in self.new_reasons(metrics)))
        metrics = self._within(self.fault.notice, condition,
                               shown or self.state(self.fault.state), "noticed",
                               self.fault.reason == "timeout")
        if self.fault.reason:
            assert self.fault.reason in self.new_reasons(metrics), failures(metrics, self.name)
        return metrics

    def is_over(self, condition=None, shown=None):
        condition = condition or (lambda metrics: healthy(metrics, self.name))
        return self._within(self.fault.recover, condition, shown or self.well, "over", False)

    def is_followed(self, act, event, condition, shown, seconds):
        """What the test does to the guest: from the first such event of libvirt's, or from when
        it was done if the exporter hears of that later."""
        self.ends()
        act()
        self.now()
        place = self.timeline.find(
            lambda record: record.domain == self.name and record.event == event, self.start)
        if place is not None:
            self.began = min(self.began, self.timeline.records[place].time)
        return self._within(Bound("", seconds), condition, shown, "followed", False)

    def is_met(self, seconds):
        """The guest is well, and is asked so soon after what was noted last."""
        return self._within(
            Bound("", seconds), lambda metrics: metrics.value("qga_up", domain=self.name) == 1,
            lambda: self.timeline.find(lambda record: record.answers(self.name), self.start),
            "met", False)

    def new_reasons(self, metrics):
        """The reasons counted since it began."""
        return {reason for reason, count in failures(metrics, self.name).items()
                if count > self.before.get(reason, 0)}

    def _within(self, bound, condition, shown, what, by_timeouts):
        limit_s = 60 + 2 * bound.seconds
        what = f"{self.name} {what}"
        metrics = self.exporter.wait_for(condition, what, limit_s)
        (place,) = wait_for(lambda: [] if shown() is None else [shown()],
                            f"{what}, by the log", limit_s)
        if self.began is None:
            self.event(bound.event)
        if not by_timeouts and PACE.stretch() > LATE:
            self.began = self._came_through(place)
        elapsed_s = self._elapsed(place)
        limit_s = bound.seconds if self.others else stretched(bound.seconds)
        print(f"{what}: {elapsed_s:.2f} s (at most {limit_s:g})")
        assert elapsed_s <= limit_s, "\n".join(
            str(record) for record in self.timeline.records[self.start:place + 1]
            if record.domain == self.name)
        self.others_are_fresh(place)
        self.start, self.began = place + 1, None
        return metrics

    def _came_through(self, place):
        """When the guest, that a late machine made too slow for a timeout, was asked again;
        or when its agent was there at last."""
        self.began = max([self.began, *(
            record.time for record in self.timeline.records[:place + 1]
            if record.domain == self.name and record.event == "agent_connected")])
        calls = [record for record in self.timeline.records[:place + 1] if record.is_call
                 and record.domain == self.name and record.sent >= self.began]
        late = [number for number, call in enumerate(calls[:-1]) if call.outcome == "timeout"]
        return calls[late[-1] + 1].sent if late else self.began

    def _elapsed(self, place):
        """Without the guest's own time for answers: one that has just booted is slow."""
        records = self.timeline.records[:place + 1]
        answers_s = sum(record.took for record in records if record.is_call
                        and record.domain == self.name and record.sent >= self.began
                        and record.outcome == "none")
        reached = max((record.due for record in records
                       if record.is_call and record.domain in self.others), default=self.began)
        return (reached if self.others else records[-1].time) - self.began - answers_s

    def others_are_fresh(self, end):
        """The others went on answering until then."""
        records = self.timeline.records
        for other in self.others:
            times = [record.time for record in records[:end] if record.answers(other)]
            times = [*times, records[end].time]
            since = max((time_s for time_s in times if time_s <= records[self.start].time),
                        default=times[0])
            times = [time_s for time_s in times if time_s >= since]
            age_s = max(later - sooner for sooner, later in zip(times, [*times[1:], times[-1]]))
            assert age_s <= stretched(FRESH_S), f"{other} was {age_s:.1f} s old"
        self.others_wait_for_nothing()

    def others_wait_for_nothing(self):
        """However late the machine is: they are asked while a call of it hangs, and nothing
        that was due long after theirs is sent sooner."""
        calls = [record for record in self.timeline.records[self.start:] if record.is_call]
        hang = [call for call in calls if call.domain == self.name
                and call.outcome in ("timeout", "busy") and call.took > HANGS_S]
        for other in self.others:
            asked = self.timeline.calls(other)
            for call in hang:
                assert any(call.sent < one.sent < call.sent + call.took for one in asked), \
                    f"{other} has waited for {call}"
            late = [one for one in calls
                    if one.domain == other and one.sent > one.due + FRESH_S]
            for one in late:
                sooner = [call for call in calls
                          if call.sent < one.sent and call.due > one.due + FRESH_S]
                assert not sooner, f"{one} has waited for {sooner}"


@pytest.fixture(scope="module", name="exporter")
def exporter_fixture(lab, quick_config):
    """As conftest's, and its log tells everything."""
    with observed(lab, quick_config) as running:
        running.wait_for(lambda metrics: all(healthy(metrics, name) for name in OTHERS),
                         "the series of both guests with an agent")
        yield running


def destroy(lab, name):
    """Also one that does not run."""
    if name in lab.virsh("list", "--name").split():
        lab.guests[name].stop()


@pytest.fixture(scope="module", name="fault_domain")
def fault_domain_fixture(lab, exporter):
    """The one that everything happens to."""
    with recorded_disk(lab) as files:
        guest = lab.guest(NAME, agent="10.0", devices=PANIC, on_crash="preserve",
                          disk_files=files)
        try:
            guest.start().wait_for_agent().wait_for_control()
            exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest answers")
            yield guest
        finally:
            destroy(lab, NAME)


@pytest.fixture(name="guest")
def guest_fixture(fault_domain, exporter):
    """The same, and well again after the test."""
    yield fault_domain
    try:
        exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest after the test")
    except AssertionError:  # the test has failed: the next one begins anew
        begin_anew(fault_domain, exporter)


@contextlib.contextmanager
def recorded_disk(lab):
    """What a recorder answers: COMMAND.json."""
    folder = os.path.join(lab.directory, "recorded")
    os.makedirs(folder, exist_ok=True)
    for command, fixture in (("guest-get-osinfo", "os"), ("guest-get-vcpus", "vcpu"),
                             ("guest-get-fsinfo", "filesystem"),
                             ("guest-network-get-interfaces", "network")):
        shutil.copy(os.path.join(ROOT, f"tests/fixtures/{fixture}/qga-10.0.json"),
                    os.path.join(folder, f"{command}.json"))
    with open(os.path.join(folder, "guest-info.json"), "w", encoding="ascii") as file:
        json.dump(GUEST_INFO, file)
    for case in ("not-json", "null-return"):
        shutil.copy(os.path.join(ROOT, f"tests/fixtures/hostile/{case}.json"), folder)
    yield folder


def begin_anew(guest, exporter):
    destroy(guest.lab, NAME)
    exporter.wait_for(lambda metrics: NAME not in metrics.domains(), "the guest is off")
    start = exporter.timeline.here()
    guest.start()
    returns(exporter, start)
    guest.wait_for_control()
    exporter.wait_for(lambda metrics: healthy(metrics, NAME), "the guest anew")


def returns(exporter, start, name=NAME):
    """When the agent is back, as libvirt sees it; 300 s: a boot may need another attempt."""
    return exporter.timeline.wait(
        lambda record: record.domain == name and record.event == "agent_connected",
        "the agent's port is open", start, 300)


def as_impostor(guest, exporter, *arguments):
    """Returns when the agent is gone and the impostor there."""
    start = exporter.timeline.here()
    guest.run("agent impostor " + " ".join(arguments))
    gone = exporter.timeline.wait_for_state(guest.name, "disconnected", start)
    returns(exporter, gone, guest.name)


def release(guest, exporter):
    start = exporter.timeline.here()
    guest.run("agent release")
    gone = exporter.timeline.wait_for_state(guest.name, "disconnected", start)
    returns(exporter, gone, guest.name)


def restart(guest, exporter, options=""):
    """The agent, with such options; not at once, of which QEMU would not tell."""
    start = exporter.timeline.here()
    guest.run(f"agent options {options}; agent hold")
    gone = exporter.timeline.wait_for_state(guest.name, "disconnected", start)
    guest.run("agent release")
    returns(exporter, gone, guest.name)


def commands(guest):
    """What the impostor was asked, in order."""
    return re.findall(r'"execute": *"([^"]*)"', guest.run("cat /run/agent/asked"))
