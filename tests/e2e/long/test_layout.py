"""The pages in a real browser: on a phone and on a desk, in light and dark, with a thousand
guests and with what hostile ones say.  Nothing is wider than the screen, hides another row,
or runs; tests/unit/pages has the contrast of the colours."""

import os
import socket
import urllib.parse

import pytest

from conftest import QUICK_CONFIG, write_config
from lab.browser import Browser
from lab.played import PlayedAgent
from lab.process import wait_for
from lab.programs import Exporter, get

PHONE, DESK = (360, 740), (1280, 800)
SCREENS = [(size, scheme) for size in (PHONE, DESK) for scheme in ("light", "dark")]
TAB = "\ue004"
SILENT = 1000

MARKUP = "</td></tr></table><script>document.title='run'</script><h1 style=position:fixed>"
BACKWARDS = "\u202egnp.exe\u2066\u2067 \u05d0\u05d1"
TOWER = "e" + "\u0300" * 400  # marks above marks
WORD = "W" * 4096
WORDS = {"markup": MARKUP, "backwards": BACKWARDS, "tower": TOWER, "word": WORD}
NAMES = ["<img src=x onerror=document.title='run'>", "\u202egnp.exe", "W" * 60, "a & b 'c' \"d\""]

# What is wrong with how the page stands on the screen; an empty list: nothing.
JUDGE = r"""
const wrong = [], page = document.documentElement, width = page.clientWidth;
const name = element => element.outerHTML.slice(0, 120);
const shown = element => { const place = element.getBoundingClientRect();
                           return place.width > 0 && place.height > 0 && place.right > 0; };
if (page.scrollWidth > width)
    wrong.push(`the page is ${page.scrollWidth} px wide, the screen ${width}`);
if (document.title === 'run' || document.querySelector('script, img, style, iframe'))
    wrong.push('what a guest says has become markup');
for (const element of document.querySelectorAll('body *')) {
    if (shown(element) && !element.closest('.box') &&
        element.getBoundingClientRect().right > width + 1)
        wrong.push('beyond the screen: ' + name(element));
}
for (const element of document.querySelectorAll('bdi')) {
    if (getComputedStyle(element).unicodeBidi !== 'isolate')
        wrong.push('turns what is beside it: ' + name(element));
}
for (const cell of document.querySelectorAll('th, td, dd')) {
    if (getComputedStyle(cell).overflowY === 'visible')
        wrong.push('may be painted over: ' + name(cell));
    if (cell.scrollWidth > cell.clientWidth + 1)
        wrong.push('cut off: ' + name(cell));
}
for (const body of document.querySelectorAll('tbody')) {
    let bottom = -1e9;
    for (const row of body.rows) {
        const place = row.getBoundingClientRect();
        if (place.height < 16)
            wrong.push('too low to be read: ' + name(row));
        if (place.top < bottom - 0.5)
            wrong.push('covers the row above: ' + name(row));
        bottom = place.bottom;
        let right = -1e9, side = null;
        for (const cell of row.cells) {
            const here = cell.getBoundingClientRect();
            if (!shown(cell))
                continue;
            if (here.top < side && here.left < right - 0.5)
                wrong.push('covers the cell before: ' + name(cell));
            right = here.right;
            side = here.bottom;
        }
    }
}
for (const link of document.querySelectorAll('tbody th a')) {
    link.scrollIntoView({block: 'center'});
    const place = link.getClientRects()[0];
    const top = document.elementFromPoint(place.left + 2, place.top + place.height / 2);
    if (!link.closest('tr').contains(top))
        wrong.push('lies below something else: ' + name(link));
}
return wrong;
"""


def agent(words):
    """Whatever it can say, it says with these words."""
    return {
        "guest-get-host-name": {"return": {"host-name": words}},
        "guest-get-osinfo": {"return": {"id": words, "name": words, "pretty-name": words,
                                        "version": words, "version-id": words, "machine": words,
                                        "kernel-release": words, "kernel-version": words}},
        "guest-get-fsinfo": {"return": [
            {"name": words, "mountpoint": "/" + words[:200], "type": words, "total-bytes": 100,
             "used-bytes": 90, "disk": []}]},
        "guest-network-get-interfaces": {"return": [
            {"name": words, "hardware-address": "52:54:00:00:00:01", "ip-addresses": [
                {"ip-address": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "prefix": 64,
                 "ip-address-type": "ipv6"}]}]},
        "guest-get-vcpus": {"error": {"class": "GenericError", "desc": words}},
        "guest-get-users": {"return": [{"user": words, "login-time": 1, "domain": words}]},
    }


@pytest.fixture(scope="module", name="pages")
def _pages(place):
    """An exporter of four who answer with hostile words and many whom nobody serves, some
    with hostile names."""
    folder = os.path.join(place.directory, "s")
    os.mkdir(folder)
    for guest in [*(f"vm{number:04d}" for number in range(SILENT)), *NAMES]:
        with socket.socket(socket.AF_UNIX) as nobody:
            nobody.bind(os.path.join(folder, guest + ".sock"))
    agents = [PlayedAgent(os.path.join(folder, name + ".sock"), agent(words), version=words)
              for name, words in WORDS.items()]
    config = write_config(place, f'sources: [{{socket: {{path: "{folder}/*.sock"}}}}]\n'
                                 + QUICK_CONFIG)
    for one in agents:
        one.__enter__()
    try:
        with Exporter(place, f"--config.file={config}") as exporter:
            exporter.wait_for(
                lambda metrics: len(metrics.find("qga_agent_state")) == SILENT + len(NAMES + agents)
                and sum(value for _, value in metrics.find("qga_up")) == len(agents)
                and len(metrics.find("qga_filesystem_size_bytes")) == len(agents),
                "all guests")
            yield exporter
    finally:
        for one in agents:
            one.__exit__()


@pytest.fixture(scope="module", name="browser")
def _browser(place):
    with Browser(place.directory) as browser:
        yield browser


def path_of(guest):
    return "/guests/" + urllib.parse.quote(guest, safe="")


PATHS = ["/", "/guests", "/guests?page=2", "/guests?sort=-name", "/guests?q=WW",
         *(path_of(guest) for guest in [*WORDS, *NAMES, "vm0000"])]


@pytest.mark.parametrize("path", PATHS)
def test_it_stands_well_on_each_screen(pages, browser, path):
    for size, scheme in SCREENS:
        browser.shows(*size, scheme)
        browser.opens(pages.url + path)
        assert browser.run(JUDGE) == [], (size, scheme)
    assert browser.complaints() == []


def test_all_guests_are_there_and_hostile_ones_too(pages, browser):
    """What hides a row would hide it from a search, too."""
    browser.shows(*DESK, "light")
    listed = []
    browser.opens(pages.url + "/guests")
    while True:
        listed += browser.run("return [...document.querySelectorAll('tbody th bdi:first-child')]"
                              ".map(name => name.textContent)")
        further = browser.run("const link = document.querySelector('a[rel=next]');"
                              "return link && link.href")
        if not further:
            break
        browser.opens(further)
    names = [name for name in listed if name != "socket"]
    assert len(names) == SILENT + len(WORDS) + len(NAMES)
    assert {f"vm{number:04d}" for number in range(SILENT)} | set(WORDS) <= set(names)


@pytest.mark.parametrize("style,words", [
    ("body{overflow-wrap:normal!important}", "cut off"),
    ("body{min-width:2000px}", "px wide"),
    ("main{width:2000px}", "beyond the screen"),
    ("bdi{unicode-bidi:normal!important}", "turns what is beside it"),
    ("td{overflow:visible!important}", "may be painted over"),
    (".guests tr{margin:-2rem 0!important}", "covers the row above"),
    ("tbody tr{height:5px!important;overflow:hidden}tbody td{display:none!important}"
     "tbody th{font-size:1px;padding:0!important;border:0!important}", "too low"),
    ("h1{position:fixed;inset:0;background:red}", "lies below something else"),
])
def test_the_judge_sees_what_is_wrong(pages, browser, style, words):
    browser.shows(*PHONE, "light")
    browser.opens(pages.url + "/guests?sort=-agent")
    browser.run("for (const rule of arguments[0].split('}').slice(0, -1))"
                "document.styleSheets[0].insertRule(rule + '}', document.styleSheets[0].cssRules.length)",
                style)
    assert any(words in wrong for wrong in browser.run(JUDGE))


def lightness(browser):
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in colour.strip("rgba()").split(",")[:3])
    return (red + green + blue) / 765


def test_dark_is_dark(pages, browser):
    for size in (PHONE, DESK):
        for scheme, is_right in (("light", lambda it: it > 0.9), ("dark", lambda it: it < 0.2)):
            browser.shows(*size, scheme)
            browser.opens(pages.url + "/guests")
            assert is_right(lightness(browser)), (size, scheme)


def test_a_keyboard_leads_to_the_content_first(pages, browser):
    browser.shows(*DESK, "light")
    browser.opens(pages.url + "/guests")
    browser.presses(TAB)
    focused = browser.run("const at = document.activeElement.getBoundingClientRect();"
                          "return [document.activeElement.textContent, at.left >= 0 && at.top >= 0]")
    assert focused == ["Skip to the content", True]


def test_no_script_is_needed_and_none_runs(pages, browser):
    browser.shows(*DESK, "light")
    for guest in WORDS:
        browser.opens(pages.url + path_of(guest))
        assert browser.run("return document.scripts.length") == 0
        assert browser.run("return document.title").endswith("qga-exporter")
    browser.run("const script = document.createElement('script');"
                "script.textContent = 'document.title = \"run\"'; document.body.append(script)")
    assert browser.run("return document.title") != "run"  # the policy holds in the browser
    wait_for(lambda: any("Content Security Policy" in said for said in browser.complaints()),
             "the browser says that it has refused a script")
    assert get(pages.url + "/guests")[0] == 200
