"""Debian's Chromium, by its driver (W3C WebDriver) over HTTP.

    with Browser(folder) as browser:
        browser.shows(360, 740, "dark")
        browser.opens(url)
        browser.run("return document.title")

Without a sandbox, since tests run as root, and without a network of its own: what it looks
up by itself at each start is nobody's business here.
"""

import json
import os
import shutil
import urllib.error
import urllib.request

from .pace import stretched
from .process import Process, free_port, program, wait_for

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--hide-scrollbars")


class Browser:
    def __init__(self, folder):
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self.driver = self.session = None

    def __enter__(self):
        self.driver = Process(
            [program("chromedriver"), f"--port={self.url.rpartition(':')[2]}"],
            os.path.join(self.folder, "chromedriver.log"), env={**os.environ, "HOME": self.folder})
        try:
            wait_for(lambda: self._ask("GET", "/status")["ready"], "chromedriver is ready")
            profile = os.path.join(self.folder, "chromium")
            options = {"binary": program("chromium"), "args": [*FLAGS, f"--user-data-dir={profile}"]}
            self.session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]
        except BaseException:
            self.driver.kill()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._ask("DELETE", f"/session/{self.session}")  # and Chromium with it
        finally:
            self.driver.stop()
            shutil.rmtree(os.path.join(self.folder, "chromium"), ignore_errors=True)

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=stretched(60)) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {json.load(error)['value']['message']}") from error

    def _do(self, command, body):
        return self._ask("POST", f"/session/{self.session}/{command}", body)

    def _tell(self, command, **parameters):
        """Chromium's own protocol, for what WebDriver has no word for."""
        return self._do("goog/cdp/execute", {"cmd": command, "params": parameters})

    def shows(self, width, height, scheme):
        """A screen of that many CSS pixels whose user likes it "light" or "dark"."""
        self._tell("Emulation.setDeviceMetricsOverride", width=width, height=height,
                   deviceScaleFactor=1, mobile=width < 600)
        self._tell("Emulation.setEmulatedMedia",
                   features=[{"name": "prefers-color-scheme", "value": scheme}])

    def opens(self, url):
        """Returns when all of it is there, the stylesheet too."""
        self._do("url", {"url": url})

    def run(self, script, *arguments):
        """What the script returns: the page's policy is not for the driver's."""
        return self._do("execute/sync", {"script": script, "args": list(arguments)})

    def presses(self, key):
        self._do("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def complaints(self):
        """What stands in its console since the last look: refused by the policy, not found."""
        return [entry["message"] for entry in self._do("se/log", {"type": "browser"})]
