"""The memory of guests by their balloons: no agent is asked, and what a guest says is held
against its own /proc."""

import json
import os
import re
import signal
import time

import pytest

from conftest import write_config
from lab.lab import Lab
from lab.process import wait_for
from lab.programs import Exporter, run_exporter
from lab.qemu import go_on, is_occupied, qemu_pid

INTERVAL_S, MAX_AGE_S = 1, 8
CONFIG = f"sources: [{{libvirt: {{balloon: {{interval: {INTERVAL_S}s, max_age: {MAX_AGE_S}s}}}}}}]\n"
MIB = 1 << 20
FILL_MIB = 24
# What comes and goes in a guest that rests, and as long as it takes to read it.
SLACK_BYTES = 6 * MIB
WORDS = ("MemTotal_bytes", "MemFree_bytes", "MemAvailable_bytes", "caches_bytes",
         "swap_in_bytes_total", "swap_out_bytes_total", "pgmajfault_total", "pgfault_total")
SILENT = "qga_exporter_guests_without_balloon_statistics"
UPDATED = "qga_balloon_last_update_timestamp_seconds"
RESIDENT = "qga_domain_memory_resident_bytes"


@pytest.fixture(scope="module", name="lab")
def _lab():
    with Lab(keep_logs=os.environ.get("QGA_E2E_LOGS")) as lab:
        for name, balloon in (("none", False), ("idle", True)):
            lab.guest(name, system=False, disk=False, network=False, control=False, channel=False,
                      balloon=balloon).start()
        lab.guest("web", agent="none", balloon=True, disk=False, network=False).start()
        lab.guests["web"].wait_for_control()
        yield lab


@pytest.fixture(scope="module", name="web")
def _web(lab):
    return lab.guests["web"]


@pytest.fixture(scope="module", name="exporter")
def _exporter(lab):
    with Exporter(lab, f"--config.file={write_config(lab, CONFIG)}") as running:
        running.wait_for(lambda metrics: len(metrics.find(RESIDENT)) == 3, "all processes")
        yield running


def words(metrics, domain="web"):
    """{name: value} of what the guest says itself."""
    found = {name: metrics.value(f"qga_balloon_{name}", domain=domain) for name in WORDS}
    return {name: value for name, value in found.items() if value is not None}


def kernel_words(guest):
    """The same, by its own /proc."""
    text = guest.run("cat /proc/meminfo /proc/vmstat")
    memory = {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)}
    counts = {name: int(number) for name, number in re.findall(r"^(\w+) (\d+)$", text, re.M)}
    return {
        "MemTotal_bytes": memory["MemTotal"], "MemFree_bytes": memory["MemFree"],
        "MemAvailable_bytes": memory["MemAvailable"],
        "caches_bytes": memory["Cached"] + memory["SwapCached"] + memory["Buffers"],
        "swap_in_bytes_total": counts["pswpin"] * 4096,
        "swap_out_bytes_total": counts["pswpout"] * 4096,
        "pgmajfault_total": counts["pgmajfault"], "pgfault_total": counts["pgfault"],
    }


def test_guests_that_say_nothing(exporter):
    """Without a balloon, or without its driver: no word, and all are counted."""
    metrics = exporter.wait_for(lambda metrics: metrics.value(SILENT) == 3, "all counted")
    for domain in ("none", "idle", "web"):
        assert not words(metrics, domain)
        assert metrics.value(UPDATED, domain=domain) is None
        # The guest's memory is 128 MiB; QEMU has some of its own.
        assert 16 * MIB < metrics.value(RESIDENT, domain=domain) < 1024 * MIB


def notes(lab, domain):
    """{problem: remedies} of what the doctor says of its memory."""
    _, out, errors = run_exporter(lab, "doctor", f"--libvirt.uri={lab.uri}", "--format=json", domain)
    assert errors == ""
    (row,) = json.loads(out)["domains"]
    return {found["problem"]: found["remedies"] for found in row["findings"]
            if found["problem"] in ("no_balloon", "no_memory")}


def test_the_doctor_names_what_is_missing(lab, exporter):
    assert exporter
    (remedies,) = notes(lab, "none").values()
    assert " edit none" in remedies[0]
    (remedies,) = notes(lab, "web").values()
    assert f"virsh -c '{lab.uri}' dommemstat web --period 10 --live --config" in remedies[0]


def test_without_a_period_the_driver_speaks_once(exporter, web):
    web.load_balloon()
    exporter.wait_for(lambda metrics: metrics.value(UPDATED, domain="web"), "the driver's word")
    metrics = exporter.wait_for(lambda metrics: not words(metrics), "its word withdrawn")
    assert time.time() - metrics.value(UPDATED, domain="web") >= MAX_AGE_S - 1
    assert metrics.value(RESIDENT, domain="web")
    exporter.wait_for(lambda metrics: metrics.value(SILENT) == 3, "all counted")


def test_with_a_period_it_says_what_proc_says(exporter, lab, web):
    lab.virsh("dommemstat", "web", "--period", "1", "--live")
    exporter.wait_for(lambda metrics: len(words(metrics)) == len(WORDS), "all words")
    exporter.wait_for(lambda metrics: metrics.value(SILENT) == 2, "the others counted")

    def agrees():
        """What is said lies between what /proc says before and after."""
        before = kernel_words(web)
        said_after = time.time()
        said = words(exporter.wait_for(
            lambda metrics: metrics.value(UPDATED, domain="web") > said_after, "a new word"))
        after = kernel_words(web)
        for name in WORDS:
            slack = SLACK_BYTES if name.endswith("_bytes") and name != "MemTotal_bytes" else 0
            low, high = sorted((before[name], after[name]))
            assert low - slack <= said[name] <= high + slack, (name, low, said[name], high)
        return said

    rested = wait_for(agrees, "the guest's word agrees with /proc")
    web.run(f"dd if=/dev/zero of=/run/fill bs=1M count={FILL_MIB}")
    filled = wait_for(agrees, "the same with memory in use")
    fallen = rested["MemAvailable_bytes"] - filled["MemAvailable_bytes"]
    assert abs(fallen - FILL_MIB * MIB) <= 2 * SLACK_BYTES, fallen
    web.run("rm /run/fill")
    freed = wait_for(agrees, "the same with it free again")
    assert abs(freed["MemAvailable_bytes"] - rested["MemAvailable_bytes"]) <= 2 * SLACK_BYTES


def test_the_doctor_and_once_have_it(lab):
    assert not notes(lab, "web")
    _, out, _ = run_exporter(lab, "--once", f"--libvirt.uri={lab.uri}")
    assert '\nqga_balloon_MemAvailable_bytes{domain="web",source="libvirt"} ' in out


def test_no_word_is_older_than_its_age(exporter):
    """Libvirt's period, the interval and what rendering takes; last-update is whole seconds."""
    ages = []
    while len(ages) < 30:
        now = time.time()
        metrics = exporter.metrics()
        if words(metrics):
            ages.append(now - metrics.value(UPDATED, domain="web"))
        time.sleep(0.1)
    print(f"a word is {min(ages):.1f} s to {max(ages):.1f} s old")
    assert max(ages) < MAX_AGE_S + 1


def test_a_paused_guest_says_nothing(exporter, lab):
    lab.virsh("suspend", "web")
    try:
        metrics = exporter.wait_for(lambda metrics: not words(metrics), "its words withdrawn")
        assert metrics.value(RESIDENT, domain="web")
    finally:
        lab.virsh("resume", "web")
    exporter.wait_for(words, "its words again")


def test_a_qemu_that_hangs_holds_up_one_call(exporter, lab):
    """The call is given up; the next one passes that guest over."""
    assert words(exporter.metrics())
    pid = qemu_pid(lab, "idle")
    os.kill(pid, signal.SIGSTOP)
    try:
        exporter.wait_for(lambda metrics: metrics.value(RESIDENT, domain="idle") is None,
                          "nothing of the guest that hangs")
        since = time.time()
        exporter.wait_for(lambda metrics: words(metrics)
                          and metrics.value(UPDATED, domain="web") > since, "words of the other")
        assert is_occupied(lab, "idle")
        assert "holds up the memory statistics" in exporter.process.log()
    finally:
        go_on(pid)
    exporter.wait_for(lambda metrics: metrics.value(RESIDENT, domain="idle"), "the guest is back")


def test_no_look_means_no_word(lab, exporter):
    """With the collection off there is nothing of it, and nothing is counted."""
    off = write_config(lab, "sources: [{libvirt: {balloon: {enabled: false}}}]\n", "off.yml")
    assert words(exporter.metrics())
    with Exporter(lab, f"--config.file={off}", name="off") as other:
        metrics = other.wait_for(lambda metrics: metrics.find("qga_up"), "its guests")
        assert not re.search(r"^qga_balloon|resident_bytes\{domain|without_balloon", metrics.text, re.M)
