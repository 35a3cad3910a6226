"""How many series a guest has in each profile, and which: what the reference says."""

import os
import re

import pytest

import exposition
from conftest import QUICK_CONFIG, healthy, write_config
from lab.image import ROOT
from lab.process import wait_for
from lab.programs import Exporter, get

PROFILES = ("minimal", "default", "full")
MOST = {"minimal": 30, "default": 90}
GUESTS = ("old", "new")
ESSENTIAL = {"qga_up", "qga_agent_state", "qga_agent_last_response_timestamp_seconds",
             "qga_clock_offset_seconds", "qga_clock_offset_uncertainty_seconds",
             "qga_filesystem_avail_bytes", "qga_filesystem_size_bytes", "qga_agent_info",
             "qga_os_info", "qga_domain_info"}
TAKEOVER = {"guest-exec", "guest-file-open", "guest-file-write", "guest-set-user-password",
            "guest-ssh-add-authorized-keys"}


def profile_of_metrics():
    """By the reference: the smallest profile that shows the metric."""
    with open(os.path.join(ROOT, "docs", "METRICS.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| `(qga_\w+)` \|.*? \| (minimal|default|full) \|", file.read(), re.M)
    return dict(rows)


def whole(metrics, profile):
    if profile == "minimal":
        return all(metrics.find(name, domain=domain) for name in ESSENTIAL for domain in GUESTS)
    return all(healthy(metrics, domain) and metrics.find("qga_load1", domain="new")
               and metrics.find("qga_time_zone_offset_seconds", domain=domain)
               and metrics.find("qga_domain_memory_resident_bytes", domain=domain)
               for domain in GUESTS)


def series_of(text, domain):
    return [line for line in text.split("\n")
            if f'domain="{domain}"' in line and not line.startswith("#")]


def targets_of(exporter):
    status, _, body = get(f"{exporter.url}/sd")
    return body.decode() if status == 200 else None


@pytest.fixture(scope="module", name="shown")
def _shown(lab):
    """Of each profile: the exposition, once the guests have said all."""
    shown = {}
    for profile in PROFILES:
        text = QUICK_CONFIG.replace("profile: full", f"profile: {profile}")
        config = write_config(lab, text, f"{profile}.yml")
        with Exporter(lab, f"--config.file={config}", name=profile) as exporter:
            metrics = exporter.wait_for(lambda metrics, profile=profile: whole(metrics, profile),
                                        f"all of the profile {profile}")
            exposition.check(metrics.text)
            shown[profile] = (metrics, wait_for(lambda exporter=exporter: targets_of(exporter),
                                                "the list of targets"))
    return shown


@pytest.mark.parametrize("domain", GUESTS)
def test_each_shows_more_than_the_one_before(shown, domain):
    counts = {profile: len(series_of(shown[profile][0].text, domain)) for profile in PROFILES}
    print(f"{domain}: {counts}")
    assert counts["minimal"] < counts["default"] < counts["full"], counts
    for profile, most in MOST.items():
        assert counts[profile] <= most, counts


def test_the_reference_says_which(shown):
    smallest = profile_of_metrics()
    assert ESSENTIAL <= {name for name, profile in smallest.items() if profile == "minimal"}
    for profile in PROFILES:
        names = {re.match(r"\w+", line).group() for domain in GUESTS
                 for line in series_of(shown[profile][0].text, domain)}
        shows = PROFILES[:PROFILES.index(profile) + 1]
        assert {name for name in names if smallest[name] not in shows} == set()


def test_only_what_takes_over_a_guest(shown):
    def commands(profile):
        return {labels["command"] for labels, _ in
                shown[profile][0].find("qga_agent_command_enabled", domain="new")}

    assert commands("minimal") == set()
    assert commands("default") == TAKEOVER
    assert commands("full") > TAKEOVER


def test_targets_are_found_in_each(shown):
    """Addresses are asked for, shown or not."""
    assert len({targets for _, targets in shown.values()}) == 1
    assert "10.0.2.15" in shown["minimal"][1]


def test_one_that_is_switched_on_is_shown(lab):
    config = write_config(lab, "profile: minimal\ncollectors: {load: {enabled: true}}\n")
    with Exporter(lab, f"--config.file={config}") as exporter:
        exporter.wait_for(lambda metrics: metrics.find("qga_load1", domain="new"), "its load")
        assert not exporter.metrics().find("qga_vcpus", domain="new")
