"""The pages for people and their JSON, with real guests behind them."""

import glob
import json
import os

import pytest

from lab.guest import GUEST_IPV4
from lab.process import wait_for
from lab.programs import get, run_exporter
from markup import Page

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "pages")
POLICY = ("default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
          "frame-ancestors 'none'")
ROW_KEYS = {
    "domain", "source", "uuid", "state", "well", "why", "agent_version", "system", "addresses",
    "clock_offset_seconds", "clock_offset_uncertainty_seconds", "fullest_filesystem",
    "last_response_timestamp_seconds"}
GUEST_KEYS = ROW_KEYS | {"title", "calls_total", "findings", "collectors", "filesystems",
                         "devices"}


def page(exporter, path):
    status, headers, body = get(exporter.url + path)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8"), body
    assert headers["Content-Security-Policy"] == POLICY
    return Page(body.decode())


def answer(exporter, path):
    status, headers, body = get(exporter.url + path)
    assert (status, headers["Content-Type"]) == (200, "application/json"), body
    return json.loads(body)


def guests(exporter, query=""):
    return {guest["domain"]: guest for guest in answer(exporter, f"/api/v1/guests{query}")["guests"]}


@pytest.mark.parametrize("path", sorted(glob.glob(f"{FIXTURES}/*.html")), ids=os.path.basename)
def test_what_hostile_guests_say_is_no_markup(path):
    with open(path, encoding="utf-8") as file:
        html = file.read()
    assert "\u202e" not in html
    assert "overview" in Page(html).text.lower()


@pytest.mark.parametrize("bad", [
    "<script>x</script>", "<p><b>x</p></b>", "<p>x", "</p>", "<p onclick='x'></p>", "<!-- x -->",
    "<p>a < b</p>", "<a href='//example.org/'>x</a>", "<a href='javascript:x'>x</a>", "<th>x</th>"])
def test_the_strict_reader_is_strict(bad):
    good = ("<!DOCTYPE html>\n<html lang=\"en\"><head><title>t</title></head><body><header>"
            "</header><main><h1>t</h1>{}</main></body></html>")
    Page(good.format("<p>x</p>"))
    with pytest.raises((AssertionError, KeyError, IndexError)):
        Page(good.format(bad))


def test_the_overview_leads_everywhere(exporter):
    # The sources are told once a second.
    wait_for(lambda: "up" in [row[2] for row in page(exporter, "/").rows[1:]], "the source")
    start = page(exporter, "/")
    assert exporter_version(exporter) in start.text
    for link in set(start.links):
        if not link.startswith("#"):
            # What has a budget of time may be late on a busy machine.
            status, headers, body = wait_for(lambda link=link: answered(exporter.url + link), link)
            if headers["Content-Type"].startswith("text/html"):
                Page(body.decode())


def answered(url):
    status, headers, body = get(url)
    return (status, headers, body) if status == 200 else None


def exporter_version(exporter):
    ((labels, _),) = exporter.metrics().find("qga_exporter_build_info")
    return labels["version"]


def test_every_guest_is_listed(exporter, old, new):
    listed = guests(exporter)
    assert set(listed) == {"old", "new", "silent", "bare"}
    for guest, version in ((old, "7.2."), (new, "10.0.")):
        row = listed[guest.name]
        assert set(row) == ROW_KEYS
        assert (row["state"], row["well"], row["uuid"]) == ("responsive", True, guest.uuid)
        assert row["agent_version"].startswith(version)
        assert row["addresses"] == [GUEST_IPV4]
        assert row["clock_offset_uncertainty_seconds"] > 0
        assert 0 <= row["fullest_filesystem"]["used_ratio"] <= 1
    rows = {row[0]: row for row in page(exporter, "/guests").rows[1:]}
    assert set(rows) == set(listed)
    assert rows["old"][1] == "responsive"
    assert rows["old"][3] == listed["old"]["system"] != ""
    assert rows["bare"][2].startswith("the domain has no channel for a guest agent")


def test_why_and_what_helps_are_the_doctors_words(lab, exporter):
    _, out, _ = run_exporter(lab, "doctor", f"--libvirt.uri={lab.uri}", "--format=json", "bare",
                             "silent")
    for row in json.loads(out)["domains"]:
        told = answer(exporter, f"/api/v1/guests/{row['domain']}")
        assert told["findings"] == row["findings"]
        assert told["why"] == row["findings"][0]
        text = page(exporter, f"/guests/{row['domain']}").text
        for finding in row["findings"]:
            assert all(words in text for words in [finding["text"], *finding["remedies"]])


def test_filters_and_orders(exporter):
    assert set(guests(exporter, "?state=responsive")) == {"old", "new"}
    assert set(guests(exporter, "?q=7.2.")) == {"old"}
    assert set(guests(exporter, "?state=frozen")) == set()
    names = [row[0] for row in page(exporter, "/guests?sort=-name").rows[1:]]
    assert names == ["silent", "old", "new", "bare"]
    assert list(guests(exporter, "?sort=-clock"))[:2] == ["new", "old"]  # new is 90 s ahead
    for link in page(exporter, "/guests").links:
        if link.startswith("/guests?"):
            page(exporter, link)


@pytest.mark.parametrize("query,sentence", [
    ("state=respnsive", 'did you mean "responsive"?'),
    ("sort=nam", 'did you mean "name"?'),
    ("page=0", "write a number from 1 to 999"),
    ("nothing=1", "nothing is no parameter"),
])
def test_bad_queries_are_refused(exporter, query, sentence):
    for path in ("/guests", "/api/v1/guests"):
        status, _, body = get(f"{exporter.url}{path}?{query}")
        assert status == 400
        assert sentence in body.decode()


def test_all_that_is_known_of_one(exporter, old):
    told = answer(exporter, "/api/v1/guests/old")
    assert set(told) == GUEST_KEYS
    collectors = {one["collector"]: one for one in told["collectors"]}
    assert collectors["clock"]["command"] == "guest-get-time"
    assert collectors["clock"]["sent"] and collectors["clock"]["outcome"] == "ok"
    assert collectors["clock"]["duration_seconds"] > 0
    assert collectors["load"]["avoided"] == "missing"  # the old agent lacks it
    assert not collectors["load"]["sent"]
    assert told["filesystems"][0]["size_bytes"] > told["filesystems"][0]["avail_bytes"]
    assert "eth0" in [one["device"] for one in told["devices"]["interfaces"]]
    (end,) = told["devices"]["interface_host_ends"]
    assert end["device"] == "eth0" and end["address"]
    assert told["calls_total"] > 0
    assert told["last_response_timestamp_seconds"] > 1e9
    text = page(exporter, f"/guests/{old.name}").text
    for words in ("guest-get-time", "no: missing", "eth0", GUEST_IPV4, old.uuid):
        assert words in text
    assert get(f"{exporter.url}/guests/nobody")[0] == 404
    assert get(f"{exporter.url}/api/v1/guests/nobody")[0] == 404
