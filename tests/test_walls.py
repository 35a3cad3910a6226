"""Each wall of tests/walls is silent on a good tree and names file and line of a breach."""

import os
import shutil
import subprocess

import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(TESTS, "../exporter/README.md")

# A tree in which every use is one that the tables of exporter/README.md allow.
GOOD = {
    "collectors/collector.h": "struct collector { int (*parse)(const char *); };\n",
    "collectors/one.c": '#include "collector.h"\n#include "kit/kit.h"\n\n'
                        "const struct collector one_collector = {.parse = kit_read};\n",
    "collectors/kit/kit.h": "int kit_read(const char *text);\n",
    "collectors/kit/kit.c": '#include "kit/kit.h"\n#include <string.h>\n'
                            "int kit_read(const char *text) { return (int)strlen(text); }\n",
    "exporter/base/clock.h": "#include <time.h>\n"
                             "static inline long clock_s(void) { return (long)time(0); }\n",
    "exporter/base/log.h": "void log_text(const char *text);\n",
    "exporter/base/log.c": '#include "base/log.h"\n#include "base/clock.h"\n'
                           "#include <stdio.h>\n"
                           "void log_text(const char *text)\n"
                           '{ printf("%ld /* %s\\n", clock_s(), text); }\n',
    "exporter/store/store.h": "int store_put(int value);\n",
    "exporter/store/store.c": '#include "store/store.h"\n#include <pthread.h>\n'
                              "static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;\n"
                              "int store_put(int value)\n"
                              "{ return pthread_mutex_lock(&lock) + value; }\n",
    "exporter/guest/guest.h": "int guest_state(const char *text);\n",
    "exporter/guest/guest.c": '#include "guest/guest.h"\n#include "kit/kit.h"\n'
                              "/* not atoi(text), as that reads anything */\n"
                              "int guest_state(const char *text) { return kit_read(text); }\n",
    "exporter/poll/poll.h": "void poll_turn(void);\n",
    "exporter/poll/poll.c": '#include "poll/poll.h"\n#include "base/log.h"\n'
                            '#include "guest/guest.h"\n#include "store/store.h"\n'
                            "void poll_turn(void)\n"
                            '{ if (store_put(guest_state("a"))) log_text("b"); }\n',
    "exporter/main.c": '#include "poll/poll.h"\nint main(void) { poll_turn(); }\n',
}

TABLE = "includes and symbols follow the table"
HEADERS = "headers of others stand where the table says"
HANDWRITING = "one handwriting: p and !p, sizeof(x), struct failure"
PURE = "collectors, agent, guest and exposition need no clock, file, socket or thread"

# Of each kind of breach one: the wall, where it is seen, what is said, and the files planted.
BREACHES = {
    "a folder includes a higher one": (
        TABLE, "exporter/store/store.c:3", "includes guest/guest.h",
        {"exporter/store/store.c": '#include "store/store.h"\n\n#include "guest/guest.h"\n'
                                   "int store_put(int value) { return value; }\n"}),
    "a header does": (
        TABLE, "exporter/base/log.h:1", "includes store/store.h",
        {"exporter/base/log.h": '#include "store/store.h"\nvoid log_text(const char *text);\n'}),
    "a symbol of a higher folder, without its header": (
        TABLE, "exporter/store/store.c:4", "needs guest_state",
        {"exporter/store/store.c": '#include "store/store.h"\n'
                                   "int store_put(int value)\n{\n"
                                   "    extern int guest_state(const char *);\n"
                                   '    return guest_state("") + value;\n}\n'}),
    "a folder without a row": (
        TABLE, "exporter/misc/misc.c:1", "includes base/log.h",
        {"exporter/misc/misc.c": '#include "base/log.h"\n'}),
    "a source that was not built": (
        TABLE, "exporter/base/new.c:1", "build first",
        {"exporter/base/new.c": None}),
    "a collector includes the exporter": (
        HEADERS, "collectors/one.c:3", '"base/log.h" is not there, or not in its reach',
        {"collectors/one.c": '#include "collector.h"\n#include "kit/kit.h"\n'
                             '#include "base/log.h"\n'
                             "const struct collector one_collector = {.parse = kit_read};\n"}),
    "a collector includes it by a way around": (
        HEADERS, "collectors/one.c:1", '"../exporter/base/log.h" is not there',
        {"collectors/one.c": '#include "../exporter/base/log.h"\n'}),
    "folders in a circle": (
        "no circle of folders", "exporter/base/log.c:2", "a circle of base, store",
        {"exporter/base/log.c": '#include "base/log.h"\n#include "store/store.h"\n'
                                "void log_text(const char *text) { store_put(*text); }\n",
         "exporter/store/store.c": '#include "store/store.h"\n#include "base/log.h"\n'
                                   'int store_put(int value) { log_text(""); return value; }\n'}),
    "headers of two modules in a circle": (
        "no circle of modules", "exporter/base/log.h:2", "a circle of base/log, base/more",
        {"exporter/base/more.h": '#pragma once\n#include "base/log.h"\n',
         "exporter/base/log.h": '#pragma once\n#include "base/more.h"\n'
                                "void log_text(const char *text);\n"}),
    "modules in a circle by their symbols": (
        "no circle of modules", "exporter/base/more.c:3", "needs log_text: a circle of base/log",
        {"exporter/base/more.c": "void more(void)\n{\n"
                                 "    extern void log_text(const char *);\n"
                                 '    log_text("");\n}\n',
         "exporter/base/log.c": '#include "base/log.h"\nvoid more(void);\n'
                                "void log_text(const char *text) { if (text) more(); }\n"}),
    "a third party's header in a wrong folder": (
        HEADERS, "exporter/poll/poll.c:2", "<libvirt/libvirt.h> may not stand here",
        {"exporter/poll/poll.c": '#include "poll/poll.h"\n#include <libvirt/libvirt.h>\n'
                                 "void poll_turn(void) {}\n"}),
    "... in the right folder and a wrong file": (
        HEADERS, "exporter/web/pages.c:1", "<microhttpd.h> may not stand here",
        {"exporter/web/pages.c": "#include <microhttpd.h>\n"}),
    "a third party's header that is in no table": (
        HEADERS, "exporter/poll/poll.c:2", "<openssl/ssl.h> may not stand here",
        {"exporter/poll/poll.c": '#include "poll/poll.h"\n#include <openssl/ssl.h>\n'
                                 "void poll_turn(void) {}\n"}),
    "a lock": (
        "locks stand where the table says", "exporter/poll/poll.c:4", "pthread_mutex_lock",
        {"exporter/poll/poll.c": '#include "poll/poll.h"\n#include <pthread.h>\n'
                                 "static pthread_mutex_t lock;\n"
                                 "void poll_turn(void) { pthread_mutex_lock(&lock); }\n"}),
    "a pure folder reads the clock": (
        PURE, "exporter/guest/guest.c:2", "needs time",
        {"exporter/guest/guest.c": '#include "guest/guest.h"\n#include "base/clock.h"\n'
                                   "int guest_state(const char *text)\n"
                                   "{ return *text + (int)clock_s(); }\n"}),
    "a pure folder reads a file": (
        PURE, "exporter/agent/reply.c:2", "needs fopen",
        {"exporter/agent/reply.c": "#include <stdio.h>\n"
                                   'int reply(void) { return fopen("/dev/null", "r") != 0; }\n'}),
    "a pure module opens a socket": (
        PURE, "exporter/store/exposition.c:2", "needs socket",
        {"exporter/store/exposition.c": "#include <sys/socket.h>\n"
                                        "int exposition(void) { return socket(1, 1, 0); }\n"}),
    "the kit starts a thread": (
        PURE, "collectors/kit/kit.c:4", "needs pthread_create",
        {"collectors/kit/kit.c": '#include "kit/kit.h"\n#include <pthread.h>\n'
                                 "int kit_read(const char *text)\n"
                                 "{ pthread_t t; return *text + pthread_create(&t, 0, 0, 0); }\n"}),
    "a pure folder calls what reads the clock": (
        PURE, "exporter/guest/guest.c:4", "needs time by log_text, in exporter/base/log.c",
        {"exporter/guest/guest.c": '#include "guest/guest.h"\n#include "base/log.h"\n'
                                   "int guest_state(const char *text)\n"
                                   "{ log_text(text); return 0; }\n"}),
    "a collector prints": (
        "collectors need only JSON, their kit and strings", "collectors/one.c:4", "needs putchar",
        {"collectors/one.c": '#include "collector.h"\n#include <stdio.h>\n'
                             "static int parse(const char *text)\n"
                             "{ return fputc(*text, stdout) + putchar(*text); }\n"
                             "const struct collector one_collector = {.parse = parse};\n"}),
    "a banned call": (
        "no banned calls (strcpy strcat sprintf vsprintf gets strtok localtime atoi)",
        "exporter/poll/poll.c:6", "calls strcpy",
        {"exporter/poll/poll.c": '#include "poll/poll.h"\n#include <string.h>\n'
                                 'static char path[9], slash[] = "/*";\n'
                                 "/* a comment\n   of two lines */\n"
                                 "void poll_turn(void) { strcpy(path, slash); }\n"}),
    "a comparison with NULL": (
        HANDWRITING, "exporter/poll/poll.c:5", "compares with NULL",
        {"exporter/poll/poll.c": '#include "poll/poll.h"\n#include <stddef.h>\n'
                                 "/* not p == NULL */\n"
                                 "void poll_turn(void) { char *p = 0; if (p\n== NULL) p++; }\n"}),
    "... in a test": (
        HANDWRITING, "tests/unit/test_poll.c:2", "compares with NULL",
        {"tests/unit/test_poll.c": "#include <stddef.h>\nint is(char *p) { return NULL != p; }\n"}),
    "a sizeof without parentheses": (
        HANDWRITING, "exporter/poll/poll.c:3", "sizeof without parentheses",
        {"exporter/poll/poll.c": '#include "poll/poll.h"\n#include <stddef.h>\n'
                                 "void poll_turn(void) { int *p = NULL; (void)sizeof *p; }\n"}),
    "an error of another kind": (
        HANDWRITING, "exporter/store/store.h:3", "an error that is no struct failure",
        {"exporter/store/store.h": "#include <stddef.h>\nint store_put(int value);\n"
                                   "int store_open(char *error,\n"
                                   "               size_t error_bytes);\n"}),
    "a test that cmocka 2 does not take": (
        HANDWRITING, "tests/unit/test_poll.c:1", "goes with cmocka 1 alone",
        {"tests/unit/test_poll.c": "#include <cmocka.h>\n\nvoid\nis(int turns)\n{\n"
                                   "    assert_in_range(turns, 1, 2);\n}\n"}),
    "... and one that calls a function as its macro": (
        HANDWRITING, "tests/unit/test_poll.c:1", "goes with cmocka 1 alone",
        {"tests/unit/test_poll.c": "#include <cmocka.h>\n\nvoid\nstop(void)\n{\n}\n"}),
    "a header that leans on what is included before": (
        "each header compiles alone", "exporter/base/size.h:2", "size_t",
        {"exporter/base/size.h": "/* A size. */\nextern size_t size;\n"}),
    "a file that hides so of its header": (
        "each header compiles alone", "exporter/guest/guest.c:1", "guest.h not first",
        {"exporter/guest/guest.c": '#include "kit/kit.h"\n#include "guest/guest.h"\n'
                                   "int guest_state(const char *text) { return kit_read(text); }\n"
         }),
}


def plant(top, files):
    """Writes sources, and compiles them as far as they are C that compiles; None: no object."""
    for path, text in files.items():
        os.makedirs(os.path.dirname(top / path), exist_ok=True)
        (top / path).write_text(text or "", encoding="utf-8")
        name = top / "build" / (path[:-1] + "o")
        os.makedirs(os.path.dirname(name), exist_ok=True)
        if path.endswith(".c") and text is not None:
            built = subprocess.run(
                ["gcc", "-w", "-Iexporter", "-Icollectors", "-c", "-o", name, path], cwd=top,
                capture_output=True, text=True)
            if built.returncode != 0:  # such as one that lacks its header: an empty object
                subprocess.run(["gcc", "-x", "c", "-c", "-o", name, os.devnull], check=True)


def walls(top):
    done = subprocess.run([os.path.join(TESTS, "walls"), "build", top],
                          stdout=subprocess.PIPE, text=True)
    said = {}
    for line in done.stdout.splitlines():
        if line.startswith(" "):
            said[name].append(line.strip())
        else:
            verdict, name = line.split(maxsplit=1)
            said[name] = []
            assert verdict in ("ok", "BREACH")
    return done.returncode, said


@pytest.fixture(scope="module")
def good_tree(tmp_path_factory):
    top = tmp_path_factory.mktemp("good")
    plant(top, GOOD)
    shutil.copy(README, top / "exporter/README.md")
    return top


def test_a_good_tree_passes(good_tree):
    status, said = walls(good_tree)
    assert (status, [breach for wall in said.values() for breach in wall]) == (0, [])
    assert {wall for wall, *_ in BREACHES.values()} == said.keys()


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_seen(breach, good_tree, tmp_path):
    wall, where, what, files = BREACHES[breach]
    top = tmp_path / "tree"
    shutil.copytree(good_tree, top)
    plant(top, files)
    status, said = walls(top)
    assert status == 1
    assert any(one.startswith(where + ": ") and what in one for one in said[wall]), said
