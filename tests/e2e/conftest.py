"""What the end-to-end tests share: one libvirtd and its guests for the whole run.

Where the lab cannot be (no root, no namespaces, missing packages, no network for those that
it keeps) the tests are skipped and say why; with CI=true that is a failure.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import types

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
from lab.error import NotHereError
from lab.lab import Lab
from lab.process import program
from lab.programs import EXPORTER, SEPARATION, Exporter
from upkeep import UPKEEP, notes_of

IS_CI = os.environ.get("CI") == "true"
CLOCK_OFFSET_S = 90
# What looks at the process that was started, or at all that it says.
in_one_process = pytest.mark.skipif(bool(SEPARATION), reason="the exporter is several processes")
PROGRAMS = ("unshare", "nsenter", "setpriv", "libvirtd", "virtlogd", "virsh", "mke2fs",
            "qemu-system-x86_64", "busybox", "cpio", "depmod", "prometheus", "promtool",
            "prometheus-alertmanager")

# The longest files, and then those that mostly wait: at the end, when other work has ended,
# those are left that keep the cores busy.
FIRST = tuple(f"test_{name}.py" for name in (
    "hostile_agents", "everything", "hostile", "faults_clients", "patience", "clock", "sockets",
    "proxmox", "harmless", "web_attack", "balloon", "faults_daemon", "socket_visits", "separation",
    "standstill"))

# Everything at a pace that a test can wait for, and that two cores can emulate.
QUICK_CONFIG = """
profile: full
collectors:
  clock:      {interval: 1s, timeout: 2s}
  agent:      {interval: 2s, timeout: 2s}
  os:         {interval: 2s, timeout: 2s}
  vcpu:       {interval: 2s, timeout: 2s}
  network:    {interval: 2s, timeout: 2s}
  filesystem: {interval: 2s, timeout: 2s}
health: {failures_before_backoff: 2, backoff: 1s, backoff_max: 2s, starting: 2s}
"""
# After the first pass only an event makes it ask, within the limit of any wait.
HOURLY_CONFIG = (re.sub(r"interval: \ds", "interval: 1h", QUICK_CONFIG)
                 .replace("backoff: 1s, backoff_max: 2s", "backoff: 1h, backoff_max: 1h")
                 .replace("failures_before_backoff: 2", "failures_before_backoff: 1"))


def pytest_sessionstart():
    def end(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)  # so that what runs is ended and removed


def _why_not():
    if os.geteuid() != 0:
        return "they need root, for a libvirtd of their own"
    if not os.access(EXPORTER, os.X_OK):
        return f"{EXPORTER} is missing: run make"
    try:
        for name in PROGRAMS:
            program(name)
    except NotHereError as error:
        return str(error)
    namespaces = [program("unshare"), "--mount", "--propagation", "private", "--pid", "--fork"]
    if subprocess.run([*namespaces, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return "mounts and namespaces are not allowed here (a container without CAP_SYS_ADMIN?)"
    return None


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST
               else len(FIRST))


def _want_all():
    why = _why_not()
    if why is not None:
        raise NotHereError(why)


@pytest.fixture(scope="session", autouse=True)
def _here():
    """Before any other.  Where all tests must run, those that need less have what they need."""
    if not IS_CI:
        _want_all()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    """After the last fixture of a file; outside of all that others do about it, so that it
    may fail."""
    outcome = yield
    if nextitem is None or nextitem.path != item.path:
        UPKEEP.put_right(item.path, outcome.excinfo is not None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if call.excinfo is not None and isinstance(call.excinfo.value, NotHereError):
        _leave_out(report, item, f"end-to-end tests: {call.excinfo.value}")
    UPKEEP.judge(item, call, report)


def _leave_out(report, item, why):
    """A sentence is enough: what is not here is no bug, and where it is met tells nothing."""
    if IS_CI:
        report.longrepr = why
    else:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), None, f"Skipped: {why}")


def pytest_terminal_summary(terminalreporter):
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])
               if isinstance(report.longrepr, tuple)}
    for reason in sorted(reasons):
        terminalreporter.write_line(f"NOT RUN: {reason}")
    for note in notes_of(terminalreporter):
        terminalreporter.write_line(f"LAB: {note}")


@pytest.fixture(scope="session")
def lab():
    """Four guests: each agent generation, one without an agent, one without a channel."""
    _want_all()
    with Lab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as running:
        for guest in (
            running.guest("old", agent="7.2", vcpus=2,
                          mounts=("/var/lib/kubelet/pods/example",)),
            running.guest("new", agent="10.0"),
            running.guest("silent", agent="none"),
            running.guest("bare", channel=False, disk=False, network=False, control=False,
                          system=False),
        ):
            guest.start()
        for name in ("old", "new"):
            running.guests[name].wait_for_agent().wait_for_control()
        running.guests["new"].set_clock(CLOCK_OFFSET_S)
        UPKEEP.keep(running, {"old": 0, "new": CLOCK_OFFSET_S})
        yield running
        UPKEEP.forget()


@pytest.fixture(scope="session")
def old(lab):
    return lab.guests["old"]


@pytest.fixture(scope="session")
def new(lab):
    return lab.guests["new"]


@pytest.fixture(scope="module")
def place():
    """Where the lab would be, for agents without one: a folder, with a short path."""
    folder = tempfile.mkdtemp(prefix="qga-lab-")
    yield types.SimpleNamespace(directory=folder, uri="")
    shutil.rmtree(folder, ignore_errors=True)


def write_config(lab, text, name="qga-exporter.yml"):
    path = os.path.join(lab.directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.fixture(scope="module")
def quick_config(lab):
    return write_config(lab, QUICK_CONFIG)


@pytest.fixture(scope="module")
def exporter(lab, quick_config):
    """One for the module, at the quick pace, with all four guests seen."""
    with Exporter(lab, f"--config.file={quick_config}") as running:
        running.wait_for(lambda metrics: all(healthy(metrics, name) for name in ("old", "new")),
                         "the series of both guests with an agent")
        yield running


# One series of each of the five card collectors.
CARD_SERIES = ("qga_clock_offset_seconds", "qga_network_info", "qga_filesystem_size_bytes",
               "qga_cpu_online", "qga_os_info")


def healthy(metrics, domain):
    """Whether the guest answers and all five card collectors have something to say."""
    return (metrics.value("qga_up", domain=domain) == 1
            and metrics.state(domain) == "responsive"
            and all(metrics.find(name, domain=domain) for name in CARD_SERIES))
