"""Strict reading of the pages' HTML: what is opened is closed, in order, and nothing is there
that the pages do not write themselves."""

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}
TAGS = VOID | {
    "html", "head", "title", "body", "header", "nav", "main", "h1", "h2", "p", "ul", "li", "a",
    "form", "label", "select", "option", "button", "table", "thead", "tbody", "tr", "th", "td",
    "bdi", "span", "code", "div", "dl", "dt", "dd",
}
ATTRIBUTES = {
    "lang", "charset", "name", "content", "rel", "href", "class", "id", "aria-label", "aria-sort",
    "aria-current", "role", "action", "value", "maxlength", "selected", "scope", "data-label",
    "tabindex",
}


class Page(HTMLParser):
    """`text` of the whole, `links`, and of the last table `rows`: a list of cells' texts."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.stack, self.text, self.links, self.rows, self.titles = [], "", [], [], []
        assert html.startswith("<!DOCTYPE html>\n<html lang=\"en\">")
        self.feed(html)
        self.close()
        assert not self.stack, self.stack
        assert self.titles.count("main") == self.titles.count("h1") == 1
        assert self.titles.count("title") == self.titles.count("header") == 1

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)) and set(names) <= ATTRIBUTES, attrs
        values = dict(attrs)
        if tag == "th":
            assert values["scope"] in ("col", "row")
        for link in (values.get("href"), values.get("action")):
            if link is not None:
                assert link.startswith(("/", "#")) and not link.startswith("//"), link
                self.links.append(link)
        if tag == "table":
            self.rows = []
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            assert self.stack[-1] == "tr"
            self.rows[-1].append("")
        self.titles.append(tag)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        assert not set(data) & set("<>") or self.stack[-1] in ("bdi", "title"), data
        self.text += data
        if "tr" in self.stack and self.rows[-1]:
            self.rows[-1][-1] += data

    def handle_comment(self, data):
        raise AssertionError(data)

    def unknown_decl(self, data):
        raise AssertionError(data)

    def handle_pi(self, data):
        raise AssertionError(data)
