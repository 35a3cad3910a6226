"""The HTTP side and the exposition's form, with real guests behind it."""

import gzip
import http.client
import re
import subprocess
import threading
import urllib.parse

import pytest
from prometheus_client.parser import text_string_to_metric_families

import exposition
from lab.process import program, wait_for
from lab.programs import get


def request(exporter, method, path):
    connection = http.client.HTTPConnection(urllib.parse.urlparse(exporter.url).netloc, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_metrics_content_type(exporter):
    status, headers, _ = get(f"{exporter.url}/metrics")
    assert status == 200
    assert headers["Content-Type"].replace(" ", "") == "text/plain;version=0.0.4;charset=utf-8"


def test_promtool_has_nothing_to_say(exporter):
    done = subprocess.run([program("promtool"), "check", "metrics"], stdout=subprocess.PIPE,
                          input=exporter.metrics().text.encode(), stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, "")


def test_exposition_is_strict(exporter):
    text = exporter.metrics().text
    families = exposition.check(text)
    assert "qga_up" in families
    parsed = {family.name for family in text_string_to_metric_families(text)}
    assert {name.removesuffix("_total") for name in families} <= {
        name.removesuffix("_total") for name in parsed}


OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


def test_openmetrics_is_strict_and_has_the_same_series(exporter):
    def both():
        plain = exposition.check(exporter.metrics().text)
        status, headers, body = get(f"{exporter.url}/metrics", headers=OPENMETRICS)
        assert (status, headers["Content-Type"], headers["Vary"]) == (
            200, "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "Accept, Accept-Encoding")
        return [{name: (family.kind, [identity for identity, _ in family.series])
                 for name, family in families.items()}
                for families in (plain, exposition.check_openmetrics(body.decode()))]

    def alike():  # a guest may say something new between them
        plain, openmetrics = both()
        return plain if plain == openmetrics else None

    assert "qga_os_info" in wait_for(alike, "the same series in both formats", 60)


@pytest.mark.parametrize("accept", [{}, OPENMETRICS])
def test_gzip_is_the_same(exporter, accept):
    def both():
        status, headers, packed = get(f"{exporter.url}/metrics",
                                      headers={"Accept-Encoding": "gzip", **accept})
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert int(headers["Content-Length"]) == len(packed)
        status, headers, plain = get(f"{exporter.url}/metrics", headers=accept)
        assert (status, headers["Content-Encoding"]) == (200, None)
        assert len(packed) < len(plain) / 4
        return [[line.rsplit(b" ", 1)[0] for line in text.split(b"\n")]
                for text in (gzip.decompress(packed), plain)]

    def alike():  # a guest may say something new between them
        packed, plain = both()
        return packed == plain and plain

    assert b'qga_up{domain="new",source="libvirt"}' in wait_for(alike, "the same series with gzip", 60)


def lines_of(body):
    return [line.rsplit(" ", 1)[0] if not line.startswith("#") else line
            for line in body.decode().split("\n")]


# What is left of the lines of the whole.
FILTERS = {
    "collect[]=health&collect[]=clock": r"(# \w+ )?qga_(up|agent_(?!info|command)|collector|clock)",
    "exclude[]=exporter&exclude[]=process&exclude[]=host":
        r"(# \w+ )?qga_(?!exporter_|host_)",
    "name[]=qga_up&name[]=qga_exporter_call_duration_seconds":
        r"(# \w+ )?(qga_up|qga_exporter_call_duration_seconds(_bucket|_sum|_count)?)[ {]",
    "collect[]=health&name[]=qga_up&domain[]=new": r'# \w+ qga_up |qga_up\{domain="new",',
}


@pytest.mark.parametrize("query", FILTERS)
def test_a_filter_leaves_the_rest_as_it_is(exporter, query):
    def both():
        status, _, part = get(f"{exporter.url}/metrics?{urllib.parse.quote(query, '=&')}")
        assert status == 200
        _, _, whole = get(f"{exporter.url}/metrics")
        exposition.check(part.decode())
        return lines_of(part), [line for line in lines_of(whole)
                                if not line or re.match(FILTERS[query], line)]

    def alike():  # a guest may say something new between them
        part, expected = both()
        return part == expected and part

    assert len(wait_for(alike, "the same lines", 60)) > 3


@pytest.mark.parametrize("query, sentence", {
    "collect[]=clocks": 'collect[]=clocks is not good: did you mean "clock"?',
    "name[]=qga_uo": 'name[]=qga_uo is not good: did you mean "qga_up"?',
    "domain[]=nobody": "domain[]=nobody is no guest that runs here",
    "collect[]=os&exclude[]=os":
        "collect[] and exclude[] do not go together: write one of them",
}.items())
def test_unknown_filters_are_refused(exporter, query, sentence):
    status, headers, body = get(f"{exporter.url}/metrics?{urllib.parse.quote(query, '=&')}")
    assert (status, body.decode()) == (400, f"{sentence}\n")
    assert headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("bad", [
    "# EOF",
    "# TYPE a gauge\n# HELP a b\na 1\n",
    "# HELP a b\n# TYPE a gauge\na 1\n# EOF\n",
    "# TYPE a gauge\n# HELP a b\n# EOF\n",
    "# TYPE a_seconds gauge\n# HELP a_seconds b\na_seconds 1\n# EOF\n",
    "# TYPE a counter\n# HELP a b\na 1\n# EOF\n",
    "# TYPE a info\n# HELP a b\na_info 2\n# EOF\n",
    "# TYPE a gauge\n# HELP a b\na 1 1\n# EOF\n",
    "# TYPE a gauge\n# HELP a \"b\"\na 1\n# EOF\n",
    "# TYPE a gauge\n# HELP a b\na 1\n# EOF\n# EOF\n",
    "# TYPE a counter\n# HELP a b\na_total 1\n# TYPE a info\n# HELP a b\na_info 1\n# EOF\n",
])
def test_the_strict_reader_of_openmetrics_is_strict(bad):
    with pytest.raises((AssertionError, ValueError)):
        exposition.check_openmetrics(bad)


@pytest.mark.parametrize("bad", [
    "qga_up 1\n",
    "# HELP a b\n# TYPE a gauge\na 1\na 1\n",
    "# HELP a b\n# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n",
    "# HELP a b\n# TYPE a gauge\na 1 \n",
    "# HELP a b\n# TYPE a counter\na 1\n",
    "# HELP a b\n# TYPE a gauge\na{x=\"\\q\"} 1\n",
    "# HELP a b\n# TYPE a gauge\nb 1\n",
    "# HELP a b\n# TYPE a gauge\na 1",
])
def test_the_strict_reader_is_strict(bad):
    with pytest.raises(AssertionError):
        exposition.check(bad)


def test_series_bytes_are_stable(exporter):
    """Names, labels, order: Prometheus' cache of series hangs on each byte."""
    def identities(metrics):
        return [line.rsplit(" ", 1)[0] for line in metrics.text.split("\n")
                if 'domain="' in line or line.startswith("#")]

    def stable():  # a guest may say something new between them
        first = exporter.metrics()
        later = exporter.wait_for(
            lambda metrics: metrics.value(name, **success) > first.value(name, **success),
            "a later sample")
        return identities(first) == identities(later)

    success = {"domain": "new", "collector": "network"}
    name = "qga_collector_last_success_timestamp_seconds"
    wait_for(stable, "two samples of the same bytes", 60)


def test_scrapes_at_once_are_alike(exporter):
    answers = []

    def scrape():
        answers.append(get(f"{exporter.url}/metrics"))

    threads = [threading.Thread(target=scrape) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [status for status, _, _ in answers] == [200] * 20
    for _, headers, body in answers:
        assert len(body) == int(headers["Content-Length"])
        exposition.check(body.decode())


def test_pages(exporter):
    status, headers, body = get(f"{exporter.url}/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert b"/metrics" in body
    assert get(f"{exporter.url}/-/healthy")[0] == 200
    assert get(f"{exporter.url}/-/ready")[0] == 200
    assert get(f"{exporter.url}/no-such-page")[0] == 404


def test_other_methods_are_refused(exporter):
    for method in ("POST", "PUT", "DELETE"):
        status, headers, _ = request(exporter, method, "/metrics")
        assert status == 405, method
        assert "GET" in headers["Allow"], method
    status, _, body = request(exporter, "HEAD", "/metrics")
    assert (status, body) == (200, b"")
