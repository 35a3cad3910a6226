"""What watched.py takes off for a late machine, and what it does not: by logs that are told."""

import datetime
import types

import pytest

from faults import FAULTS
from lab.pace import PACE
from timeline import Timeline
from watched import NAME, Watched

FAULT = "never started"
ALLOWED_S = FAULTS[FAULT].notice.seconds
EPOCH_S = 1_800_000_000


class Story:
    """A log that is written line by line; seconds are since it began."""

    def __init__(self, path):
        self.path = path
        path.touch()
        self.timeline = Timeline(path)

    def tell(self, at_s, what, **fields):
        time = datetime.datetime.fromtimestamp(EPOCH_S + at_s, datetime.timezone.utc)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f'time={time.isoformat(timespec="milliseconds")} level=debug msg="{what}" '
                       + " ".join(f"{key}={value}" for key, value in fields.items()) + "\n")

    def call(self, domain, due_s, late_s=0.0, took_s=0.01, outcome="none"):
        self.tell(due_s + late_s + took_s, "a call has ended", domain=domain,
                  command="guest-get-time", outcome=outcome, took=f"{took_s}s", waited="0s",
                  late=f"{late_s}s")

    def others(self, *due_s, late_s=0.0):
        for due in due_s:
            for domain in ("old", "new"):
                self.call(domain, due, late_s)

    def event(self, at_s, event="agent_disconnected"):
        self.tell(at_s, "libvirt tells of a domain", domain=NAME, event=event)

    def state(self, at_s, state="disconnected"):
        self.tell(at_s, "the guest agent's state", domain=NAME, state=state)

    # What Watched asks of an exporter.

    def wait_for(self, condition, *_):
        assert condition(self.metrics())
        return self.metrics()

    @staticmethod
    def metrics():
        return types.SimpleNamespace(find=lambda *_, **__: [], state=lambda _: "disconnected")


@pytest.fixture(name="pace", autouse=True)
def _pace(monkeypatch):
    """So late is the machine."""
    def set_to(late):
        monkeypatch.setattr(PACE, "measured", [late])
    monkeypatch.setattr(PACE, "started", True)
    set_to(1.0)
    return set_to


@pytest.fixture(name="story")
def _story(tmp_path):
    """The others are asked; then the fault begins, at 0."""
    story = Story(tmp_path / "log")
    story.others(-2, -1)
    return story


@pytest.fixture(name="watched")
def _watched(story):
    watched = Watched(story, FAULT)
    story.event(0)
    return watched


def too_late(watched, why="^time="):
    """By its records, or because of the others."""
    with pytest.raises(AssertionError, match=why):
        watched.is_noticed()


def test_in_time(story, watched):
    story.others(0.1)
    story.state(0.5 * ALLOWED_S)
    watched.is_noticed()


def test_the_exporter_is_late(story, watched):
    story.others(0.1, 1.1, 2.1)
    story.state(2.5)
    too_late(watched)


def test_the_machine_is_late(story, watched):
    story.others(0.1, late_s=2.4)
    story.state(3)
    watched.is_noticed()


def test_both_are_late(story, watched):
    story.others(0.1, 1.1, 2.1, late_s=1.5)
    story.state(4)
    too_late(watched)


def test_a_busy_machine_excuses_no_exporter(story, watched, pace):
    pace(10.0)
    story.others(0.1, 1.1, 2.1)
    story.state(2.5)
    too_late(watched)


def test_the_guests_own_slowness(story, watched):
    """Its answers take their time; what it does not answer is the exporter's to give up."""
    story.others(0.1, 1.1)
    story.call(NAME, 0.2, took_s=1.5)
    story.others(2.1)
    story.state(2.2)
    watched.is_noticed()


@pytest.mark.parametrize("late, noticed", ((1.0, False), (3.0, True)))
def test_a_timeout_that_the_machine_made(story, watched, pace, late, noticed):
    """Only where it is late does it count from when the guest was asked again."""
    pace(late)
    story.others(0.1, 1.1)
    story.call(NAME, 0.1, took_s=2, outcome="timeout")
    story.others(2.1)
    story.call(NAME, 2.2)
    story.state(2.4)
    if noticed:
        watched.is_noticed()
    else:
        too_late(watched)


def test_without_others_the_clock_counts(story, pace):
    watched = Watched(story, FAULT, others=())
    story.event(0)
    story.state(2.5)
    pace(3.0)
    watched.is_noticed()
    watched = Watched(story, FAULT, others=())
    story.event(10)
    story.state(12.5)
    pace(1.0)
    too_late(watched)


@pytest.mark.parametrize("heard_s, done_s, shown_s, in_time", (
    (0, 0.1, 0.5, True), (3, 3.1, 3.2, True),  # what the test does may take its time
    (0, 2.6, 2.5, False), (2.4, 0, 2.5, False)))
def test_what_is_done_is_followed(story, monkeypatch, heard_s, done_s, shown_s, in_time):
    """By libvirt's event; one that the exporter hears of late is no excuse."""
    watched = Watched(story, FAULT)
    monkeypatch.setattr("watched.time.time", lambda: EPOCH_S + done_s)

    def act():
        story.others(*(second + 0.1 for second in range(int(shown_s) + 1)))
        story.event(heard_s)
        story.state(shown_s)

    def follow():
        watched.is_followed(act, "agent_disconnected", lambda _: True,
                            watched.state("disconnected"), 2)
    if in_time:
        follow()
    else:
        with pytest.raises(AssertionError, match="^time="):
            follow()


def test_another_guest_was_not_asked(story, watched):
    for due_s in (0.1, 1.1, 2.1, 3.1, 4.1, 5.1):
        story.call("old", due_s)
    story.event(5.2)
    story.state(5.3)
    watched.event(start=watched.timeline.here() - 2)
    too_late(watched, "new was .* s old")


def test_another_guest_has_waited_for_this_one(story, watched):
    story.others(0.1)
    story.call(NAME, 0.2, took_s=1.8, outcome="timeout")
    story.others(1.1, late_s=1)
    story.event(2.15)
    story.state(2.2)
    watched.event(start=watched.timeline.here() - 2)
    too_late(watched, "old has waited for")


def test_one_that_was_due_later_was_asked_sooner(story, watched, pace):
    """However late the machine is."""
    pace(3.0)
    story.call("old", 0.1, late_s=4.5)
    story.call(NAME, 4.3, late_s=0.1)
    story.event(4.5)
    story.state(4.7)
    watched.event(start=watched.timeline.here() - 2)
    too_late(watched, "late=4.5s has waited for")
