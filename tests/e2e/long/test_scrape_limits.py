"""The limits that scrapers have by default, and those that docs/fleet.md names: what a scrape is
worth beyond them, by vmagent of Debian 12 and of today and by Prometheus.
"""

import contextlib
import gzip
import http.server
import json
import threading

import pytest

import made_up
from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.engines import RELEASES, VICTORIA, unpacked
from lab.process import wait_for
from lab.programs import ConfiguredPrometheus, Exporter, get
from lab.victoria import VictoriaMetrics, VmAgent

MIB = 1 << 20
BODY_MAX = 16 * MIB  # -promscrape.maxScrapeSize
HEADERS_MAX = 4096  # -promscrape.maxResponseHeadersSize
LABELS_MAX = 30  # -maxLabelsPerTimeseries of Debian 12; more are dropped
VALUE_BYTES = 256  # limits.label_bytes, by default
LINE = 'qga_made_up{{domain="guest-{:06}",text="' + "x" * 2000 + '"}} 1\n'


class Served:
    """Bodies by path, as the exporter sends large ones: in gzip."""

    def __init__(self, bodies):
        packed = {path: gzip.compress(body.encode(), 1) for path, body in bodies.items()}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                body = packed[self.path]
                self.send_response(200)
                for name, value in (("Content-Type", "text/plain; version=0.0.4"),
                                    ("Content-Encoding", "gzip"), ("Content-Length", len(body))):
                    self.send_header(name, str(value))
                self.end_headers()
                with contextlib.suppress(OSError):  # who has read enough hangs up
                    self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.target = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def body_of(size):
    line = len(LINE.format(0))
    return "".join(LINE.format(number) for number in range(size // line))


@pytest.fixture(scope="module", name="served")
def _served():
    served = Served({"/below": body_of(BODY_MAX - 1), "/above": body_of(BODY_MAX + MIB),
                     "/stream": body_of(2 * MIB)})
    yield served
    served.close()


@pytest.fixture(scope="module", name="exporters")
def _exporters(place):
    """{name: exporter}: with headers as they are, and with more than a scraper reads."""
    with contextlib.ExitStack() as stack:
        agents = stack.enter_context(Agents(place.directory))
        agents.start("web")
        config = write_config(place, f'sources: [{{socket: {{path: "{agents.pattern}", '
                              f'connection: shared}}}}]\n{QUICK_CONFIG}')
        web = write_config(place, "http_server_config: {headers: {Content-Security-Policy: "
                           f"\"{'x' * HEADERS_MAX}\"}}}}\n", "web.yml")
        yield {name: stack.enter_context(Exporter(place, f"--config.file={config}", *flags, name=name))
               for name, flags in (("plain", ()), ("headers", (f"--web.config.file={web}",)))}


def job(name, target, **keys):
    return {"job_name": name, "static_configs": [{"targets": [target]}], **keys}


@pytest.fixture(scope="module", name="jobs")
def _jobs(served, exporters):
    """Of scrape_configs."""
    plain, headers = (f"127.0.0.1:{exporters[name].port}" for name in ("plain", "headers"))
    return [
        job("plain", plain), job("headers", headers),
        job("below", served.target, metrics_path="/below"),
        job("above", served.target, metrics_path="/above"),
        job("few", plain, sample_limit=10),
        job("stream", served.target, metrics_path="/stream", sample_limit=100),
    ]


def configured(place, jobs, name):
    return write_config(place, json.dumps({
        "global": {"scrape_interval": "10s", "scrape_timeout": "10s"}, "scrape_configs": jobs}), name)


def good(engine):
    """The jobs whose scrapes count."""
    return {labels["job"]: value for labels, value in engine.query("up")}


@pytest.mark.parametrize("version", VICTORIA)
def test_vmagent_reads_no_more_than_its_limits(place, version, jobs):
    config = configured(place, jobs, "vmagent.yml")
    with VictoriaMetrics(place, version) as stored, \
            VmAgent(place, version, config, write_to=stored) as agent:
        wait_for(lambda: good(stored) == {"plain": 1, "headers": 0, "below": 1, "above": 0, "few": 0,
                                          "stream": 0}, "all scrapes", 120, 1)
        log = agent.process.log()
    for why in ("maxScrapeSize", str(HEADERS_MAX), "sample_limit=10;", "sample_limit=100;"):
        assert why in log, why


@pytest.mark.parametrize("major", RELEASES)
def test_prometheus_reads_no_more_than_it_is_told(place, major, jobs, exporters):
    plain = f"127.0.0.1:{exporters['plain'].port}"
    told = [*jobs, job("labels", plain, label_limit=LABELS_MAX, label_value_length_limit=VALUE_BYTES),
            job("short", plain, label_limit=3), job("body", plain, body_size_limit="10KB")]
    with ConfiguredPrometheus(place, configured(place, told, f"{major}.yml"), name=major,
                              path=unpacked(major, "prometheus")) as prometheus:
        wait_for(lambda: good(prometheus) == {
            "plain": 1, "headers": 1, "below": 1, "above": 1, "few": 0, "stream": 0, "labels": 1,
            "short": 0, "body": 0}, "all scrapes", 120, 1)


def test_the_exporter_is_below_the_limits(exporters):
    _, headers, _ = get(f"{exporters['plain'].url}/metrics")
    assert 0 < len(str(headers)) < HEADERS_MAX // 4
    # With the guest, its source and, by the scrape, the job, the instance and a zone.
    assert max(len(labels) for _, _, _, labels, _ in made_up.metrics()) + 5 < LABELS_MAX
