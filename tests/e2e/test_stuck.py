"""Domains whose QEMU does not answer libvirt: they stand in nobody's way.

libvirt 11 and newer do not tell the definition of such a domain, so that it is not known
whether the guest may be asked. Older ones tell it, and the guest is asked."""

import contextlib
import json
import os

import pytest

from conftest import QUICK_CONFIG, healthy, write_config
from lab.lab import Lab
from lab.process import wait_for
from lab.programs import run_exporter
from lab.qemu import is_occupied, stuck
from timeline import observed
from watched import Watched

WELL = "well"
VICTIM = "victim"  # its agent answers, as long as its QEMU runs
ALONE = "alone"    # its metadata say not to ask it
MANY = [f"many-{number}" for number in range(1, 9)]  # with the two above they are ten
OTHER = "other"
OURS = "https://github.com/qga-exporter/metadata/1"
NOT_TOLD = "the domain's definition is not known"
TOLD = "the domain's definition is known now"
LIBVIRT_WAITS_SINCE = 11
FOLLOWED_S = 2
RUNS = ("starting", "disconnected")  # OTHER; nobody is behind its channel
ONE_AND_TEN = pytest.mark.parametrize("names", [[VICTIM], [VICTIM, ALONE, *MANY]],
                                      ids=["one", "ten"])


def bare(lab, name):
    """A domain with a channel and nobody behind it."""
    return lab.guest(name, disk=False, network=False, control=False, system=False)


@pytest.fixture(scope="module", name="lab")
def _lab():
    with Lab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        answering = [lab.guest(name, agent="10.0", control=False)
                     for name in (WELL, VICTIM)]
        for guest in answering:
            guest.start()
        for name in (ALONE, *MANY):
            bare(lab, name).start()
        for guest in answering:
            guest.wait_for_agent()
        lab.virsh("metadata", ALONE, OURS, "--key", "test", "--set", '<exporter poll="no"/>',
                  "--live")
        yield lab


@pytest.fixture(scope="module", name="config")
def _config(lab):
    return write_config(lab, QUICK_CONFIG)


@pytest.fixture(scope="module", name="waits")
def _waits(lab):
    """Whether this libvirt waits for QEMU with a definition."""
    line = next(line for line in lab.virsh("version").splitlines() if "Using library" in line)
    return int(line.split()[-1].split(".")[0]) >= LIBVIRT_WAITS_SINCE


def is_of(name, what):
    return lambda record: record.domain == name and record.what.startswith(what)


def others_are_followed(lab, exporter):
    """A guest starts, is suspended and goes on, and stops; and the one that is well answers,
    whose calls tell the time."""
    other = lab.guests.get(OTHER) or bare(lab, OTHER)
    watched = Watched(exporter, "stuck", OTHER, others=(WELL,))

    def follows(act, event, *states):
        watched.is_followed(
            act, event, lambda metrics: metrics.state(OTHER) in states,
            watched.leaves if states == (None,) else lambda: exporter.timeline.find(
                lambda record: record.domain == OTHER and record.state in states, watched.start),
            FOLLOWED_S)

    try:
        follows(other.start, "started", *RUNS)
        follows(lambda: lab.virsh("suspend", OTHER), "changed", "paused")
        follows(lambda: lab.virsh("resume", OTHER), "changed", *RUNS)
    except BaseException:
        other.stop()
        raise
    follows(other.stop, "stopped", None)
    exporter.timeline.wait_for_rounds(WELL, 1)


def well_is_met(exporter, start=0):
    """At once when libvirt lets the exporter in, or again."""
    watched = Watched(exporter, "stuck", WELL, others=())
    watched.let_in(start)
    watched.is_met(FOLLOWED_S)


def is_shown(metrics, name, uuid):
    """With what is known of it without its definition."""
    return (metrics.state(name) == "unknown" and metrics.value("qga_up", domain=name) == 0
            and metrics.value("qga_domain_info", domain=name, uuid=uuid) == 1
            and metrics.value("qga_agent_calls_total", domain=name) == 0)


@ONE_AND_TEN
def test_at_the_start(lab, config, waits, names):
    """The exporter starts beside them: the others are seen at once, and they themselves as
    soon as their QEMUs answer."""
    with contextlib.ExitStack() as stack:
        release = stack.enter_context(contextlib.ExitStack())
        release.enter_context(stuck(lab, *names))
        exporter = stack.enter_context(observed(lab, config, f"start-{len(names)}"))
        watched = Watched(exporter, "stuck", VICTIM, others=(WELL,))
        well_is_met(exporter)
        watched.let_in()
        if waits:
            metrics = watched.is_noticed(
                lambda metrics: all(is_shown(metrics, name, lab.guests[name].uuid)
                                    for name in names),
                lambda: exporter.timeline.find(is_of(VICTIM, NOT_TOLD), watched.start))
            assert metrics.value("qga_exporter_source_up") == 1, exporter.process.log()
        others_are_followed(lab, exporter)
        assert all(is_occupied(lab, name) for name in names)
        if waits:
            assert all(is_shown(exporter.metrics(), name, lab.guests[name].uuid) for name in names)

        def are_back(metrics):
            return healthy(metrics, VICTIM) and all(
                metrics.state(name) == "disconnected" for name in names if name in MANY)

        watched.ends()
        release.close()
        watched.now()
        if waits:
            watched.is_over(are_back)
        exporter.wait_for(are_back, "all are as they were")  # a hung agent waits for its probe
        records = exporter.timeline.records
        assert not exporter.timeline.calls(ALONE), "it was to be left alone"
        for name in names:
            told = [record for record in records
                    if is_of(name, NOT_TOLD)(record) or is_of(name, TOLD)(record)]
            assert [record.what.startswith(TOLD) for record in told] == (
                [False, True] if waits else []), told
        assert exporter.metrics().state(ALONE) == "unknown"


@ONE_AND_TEN
def test_while_it_runs(lab, config, names):
    """What was known of them is not forgotten, and not told anew."""
    with observed(lab, config, f"running-{len(names)}") as exporter:
        exporter.wait_for(lambda metrics: healthy(metrics, WELL) and healthy(metrics, VICTIM),
                          "both answer")
        watched = Watched(exporter, "stuck later", VICTIM, others=(WELL,))
        with stuck(lab, *names):
            watched.now()
            watched.is_noticed()
            others_are_followed(lab, exporter)
            exporter.reload()
            others_are_followed(lab, exporter)
            watched.ends()
        watched.now()
        watched.is_over()
        assert not exporter.timeline.calls(ALONE)


@ONE_AND_TEN
def test_once_and_doctor(lab, waits, names):
    """Neither waits for them, and both name them; with them many that have no agent."""
    with stuck(lab, *names):
        status, out, _ = run_exporter(lab, "--once", f"--libvirt.uri={lab.uri}")
        assert status == 1
        assert f'qga_up{{domain="{WELL}",source="libvirt"}} 1\n' in out
        assert f'qga_up{{domain="{VICTIM}",source="libvirt"}} 0\n' in out
        status, out, errors = run_exporter(lab, "doctor", f"--libvirt.uri={lab.uri}",
                                           "--format=json")
        assert all(is_occupied(lab, name) for name in names)
    assert status == 1
    rows = {row["domain"]: row for row in json.loads(out)["domains"]}
    assert rows[WELL]["well"]
    for name in names if waits else [VICTIM]:  # the others' agents are not asked
        (finding,) = rows[name]["findings"]
        assert finding["problem"] == ("no_definition" if waits else "no_answer")
        assert "its QEMU does not answer libvirt" in finding["text"]
        assert "domcontrol" in finding["remedies"][0]
        assert rows[name]["failed_step"] == (None if waits else "answer")
    assert NOT_TOLD not in errors  # that is for the log of a daemon


@ONE_AND_TEN
def test_the_end(lab, config, names):
    """SIGTERM ends it, whoever is stuck."""
    with stuck(lab, *names), observed(lab, config, f"end-{len(names)}") as exporter:
        exporter.wait_for(lambda metrics: healthy(metrics, WELL), "the one that is well", 20)
        assert exporter.process.stop() == 0
        assert all(is_occupied(lab, name) for name in names)
    wait_for(lambda: lab.virsh("domstate", VICTIM) == "running", "the guest runs on")


def are_announced(lab, metrics, names):
    """Those that libvirt still has, anew: a source is up when it has told all its guests.  What
    was known of them is known, and that none answers."""
    there = lab.virsh("list", "--name").split()
    return metrics.value("qga_exporter_source_up") == 1 and all(
        metrics.value("qga_domain_info", domain=name, uuid=lab.guests[name].uuid) == 1
        and metrics.state(name) in ("unknown", "disconnected", "unresponsive")
        for name in names if name in there)


@pytest.mark.parametrize("names", [MANY[:1], [VICTIM, ALONE, *MANY]], ids=["one", "ten"])
def test_a_daemon_that_restarts(lab, config, names):
    """Beside them. libvirt may give up the domains that it cannot reach then: the last test."""
    if MANY[0] not in lab.virsh("list", "--name").split():
        lab.guests[MANY[0]].start()
    with observed(lab, config, f"restart-{len(names)}") as exporter, stuck(lab, *names):
        exporter.wait_for(lambda metrics: healthy(metrics, WELL), "the one that is well", 20)
        lab.libvirtd.kill()
        exporter.wait_for(lambda metrics: metrics.value("qga_exporter_source_up") == 0,
                          "the source is down")
        place = exporter.timeline.here()
        lab.start_libvirtd()
        well_is_met(exporter, place)

        exporter.wait_for(lambda metrics: are_announced(lab, metrics, names),
                          "all that are left", 20)
        others_are_followed(lab, exporter)
        assert are_announced(lab, exporter.metrics(), names)
        assert not exporter.timeline.calls(ALONE)
