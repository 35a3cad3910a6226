"""VictoriaMetrics, its vmagent and its vmalert as children, of each version that Debian ships.

    with VictoriaMetrics(place, "1.145") as stored, \\
            VmAgent(place, "1.145", config, write_to=stored):
        stored.query("qga_up")
"""

import json
import os
import re

from .engines import victoria
from .process import Process, free_port, wait_for
from .programs import Prometheus, get


class _Server:
    """A child that answers HTTP at a port of its own, and its own metrics at /metrics."""

    def __init__(self, place, version, program, *flags):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.folder = os.path.join(place.directory, f"{program}-{port}")
        os.makedirs(self.folder)
        self.process = Process(
            [victoria(version, program), f"-httpListenAddr=127.0.0.1:{port}", *flags],
            os.path.join(self.folder, "log"))

    def __enter__(self):
        try:
            wait_for(self._answers, f"{self.process.log_path}: it answers")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.stop()

    def _answers(self):
        assert self.process.alive(), self.process.log()
        return get(f"{self.url}/health")[0] == 200

    def own(self, name, **labels):
        """The sum of its own series of that name which have these labels."""
        _, _, body = get(f"{self.url}/metrics")
        found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", body.decode(), re.M)
        return sum(float(value) for text, value in found
                   if all(f'{label}="{wanted}"' in text for label, wanted in labels.items()))


class VictoriaMetrics(_Server):
    """One node, of which scrapes can be asked at once (by default 30 s later)."""

    def __init__(self, place, version, *flags):
        super().__init__(place, version, "victoria-metrics", "-search.latencyOffset=0s",
                         f"-storageDataPath={place.directory}/victoria-{id(self)}", *flags)

    query = Prometheus.query

    def flush(self):
        """What was written can be asked for."""
        assert get(f"{self.url}/internal/force_flush")[0] == 200


class VmAgent(_Server):
    """Scrapes as a configuration file says, and writes to a VictoriaMetrics."""

    def __init__(self, place, version, config, *flags, write_to):
        self.queue = os.path.join(place.directory, f"queue-{id(self)}")
        super().__init__(place, version, "vmagent", f"-promscrape.config={config}",
                         f"-remoteWrite.url={write_to.url}/api/v1/write",
                         f"-remoteWrite.tmpDataPath={self.queue}", *flags)

    targets = Prometheus.targets


# By default rules are asked for what was 30 s ago.
AT_ONCE = {"1.79": (), "1.145": ("-rule.evalDelay=0s",)}


class VmAlert(_Server):
    """Evaluates rules each second against a VictoriaMetrics, which gets their records."""

    def __init__(self, place, version, rules, *flags, store, alertmanager):
        super().__init__(place, version, "vmalert", *(f"-rule={rule}" for rule in rules),
                         f"-datasource.url={store.url}", f"-remoteWrite.url={store.url}",
                         f"-remoteRead.url={store.url}", f"-notifier.url=http://{alertmanager}",
                         "-evaluationInterval=1s", *AT_ONCE[version], *flags)

    def bad_rules(self):
        """[name: what is wrong] of those that it has evaluated, which are some."""
        _, _, body = get(f"{self.url}/api/v1/rules")
        rules = [rule for group in json.loads(body)["data"]["groups"] for rule in group["rules"] or ()]
        assert any(rule["health"] == "ok" for rule in rules), rules
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules
                if rule["lastError"] or rule["health"] != "ok"]
