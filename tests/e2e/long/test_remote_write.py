"""Prometheus 3 as an agent that writes by remote write 2.0 to another, which takes nothing else."""

import contextlib
import json
import urllib.error
import urllib.request

from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.engines import unpacked
from lab.process import wait_for
from lab.programs import ConfiguredPrometheus, Exporter

MAJOR = "3"
GUESTS = ("web", "db")
MESSAGE = "io.prometheus.write.v2.Request"


def agent_config(place, exporter, central):
    return write_config(place, json.dumps({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "external_labels": {"zone": "ams"}},
        "scrape_configs": [{"job_name": "qga", "static_configs": [
            {"targets": [f"127.0.0.1:{exporter.port}"]}]}],
        "remote_write": [{"url": f"{central.url}/api/v1/write", "protobuf_message": MESSAGE}],
    }), "agent.yml")


def exposed(exporter):
    """Without what a scrape brings and takes by itself."""
    return {(name, tuple(sorted((label, value) for label, value in labels.items() if value)))
            for name, labels, _ in exporter.metrics().samples}


def arrived(central):
    found = central.query('{job="qga",__name__=~"(qga|process)_.+"}')
    names = []
    for labels, _ in found:
        assert (labels.pop("job"), labels.pop("zone"), bool(labels.pop("instance"))) == (
            "qga", "ams", True)
        names.append((labels.pop("__name__"), tuple(sorted(labels.items()))))
    return set(names)


def status_of(central, message):
    """That of a write of nothing, in messages of this kind."""
    request = urllib.request.Request(f"{central.url}/api/v1/write", data=b"", method="POST", headers={
        "Content-Type": f"application/x-protobuf;proto={message}", "Content-Encoding": "snappy"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_all_series_arrive_and_end(place):
    path = unpacked(MAJOR, "prometheus")
    with contextlib.ExitStack() as stack:
        agents = stack.enter_context(Agents(place.directory))
        agents.start_all(GUESTS)
        config = write_config(place, f'sources: [{{socket: {{path: "{agents.pattern}"}}}}]\n'
                              + QUICK_CONFIG)
        exporter = stack.enter_context(Exporter(place, f"--config.file={config}"))
        exporter.wait_for(lambda metrics: sum(value for _, value in metrics.find("qga_up"))
                          == len(GUESTS), "the agents answer")
        central = stack.enter_context(ConfiguredPrometheus(
            place, write_config(place, "{}\n", "central.yml"), "--web.enable-remote-write-receiver",
            f"--web.remote-write-receiver.accepted-protobuf-messages={MESSAGE}",
            name="central", path=path))
        assert status_of(central, MESSAGE) != 415
        assert status_of(central, "prometheus.WriteRequest") == 415  # remote write 1.0
        stack.enter_context(ConfiguredPrometheus(
            place, agent_config(place, exporter, central), "--agent", name="agent", path=path))
        wait_for(lambda: exposed(exporter) == arrived(central), "the same series", 60, 1)
        agents.remove("web")
        wait_for(lambda: {labels["domain"] for labels, _ in central.query("qga_up")} == {"db"},
                 "the end of a guest's series", 60)
        assert central.query("up == 1")
