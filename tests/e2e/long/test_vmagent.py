"""vmagent of Debian 12 and of today, with its defaults: it has nothing to say of our scrapes."""

import json
import re

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.agents import Agents
from lab.engines import VICTORIA
from lab.process import wait_for
from lab.programs import Exporter, get
from lab.victoria import VictoriaMetrics, VmAgent
from test_sockets import SOURCE

WARNING = re.compile(r".*\t(?:warn|error|fatal|panic)\t.*")


@pytest.fixture(scope="module", name="exporter")
def _exporter(place):
    with Agents(place.directory) as agents:
        agents.start("web")
        config = write_config(place, SOURCE.format(agents.pattern) + QUICK_CONFIG)
        with Exporter(place, f"--config.file={config}") as running:
            running.wait_for(lambda metrics: metrics.find("qga_os_info", domain="web"),
                             "its series")
            yield running


@pytest.mark.parametrize("version", VICTORIA)
def test_no_warning(place, exporter, version):
    config = write_config(place, json.dumps({"scrape_configs": [{
        "job_name": "qga", "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}]}), "vmagent.yml")
    with VictoriaMetrics(place, version) as stored, \
            VmAgent(place, version, config, write_to=stored) as agent:
        wait_for(lambda: agent.own("vm_promscrape_scrapes_total") > 5, "some scrapes", 120)
        assert agent.own("vm_promscrape_scrapes_failed_total") == 0
        assert agent.own("vm_rows_invalid_total") == 0
        _, _, body = get(f"{agent.url}/api/v1/targets?state=active")
        (target,) = json.loads(body)["data"]["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        assert "\tinfo\t" in agent.process.log()  # the form is known
        assert WARNING.findall(agent.process.log()) == []
