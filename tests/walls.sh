#!/bin/bash
# The architecture as a test: what may need what, after a build.
#     tests/walls.sh [BUILD]        (or BUILD=... in the environment)
# One line for each wall; exits 1 if one is breached.
set -u
cd "$(dirname "$0")/.." || exit 2
BUILD=${1:-${BUILD:-build}}
CC=${CC:-gcc}
status=0

# report NAME BREACHES: the breaches, one a line; none is good.
report() {
    if [ -z "$2" ]; then
        echo "ok    $1"
    else
        echo "BREACH $1"
        while IFS= read -r line; do echo "        $line"; done <<<"$2"
        status=1
    fi
}

# C files that match a pattern, comments left out as far as a line tells, but for those
# that match the second pattern.
uses() {
    grep -rnE "$1" --include='*.[ch]' collectors exporter |
        grep -vE "^($2):" | grep -vE '^[^:]+:[0-9]+: *(/?\*|//)'
}

# Collectors are the files that define one.  What their objects need beside the modules of
# the folder: string functions, and what the compiler adds for hardening and sanitizers.
collectors_need() {
    local allowed='^(json_[a-z0-9_]+|guest_json_[a-z0-9_]+|host_facts_[a-z]+|guest_disk_read|samples_[a-z0-9_]+|filter_passes|failure_set|base64_decode|strtod|str(n?cmp|len|nlen|chr|rchr|str|n?casecmp|spn|cspn)|mem(cmp|cpy|move|set|chr)|v?snprintf|__(mem[a-z]+|str[a-z]+|v?snprintf)_chk|__stack_chk_(fail|guard)|__(asan|ubsan|tsan|msan|sanitizer|llvm)_[A-Za-z0-9_]+|_GLOBAL_OFFSET_TABLE_)$'
    local source object symbols
    grep -lE '^const struct collector [a-z0-9_]+ = ' collectors/*.c | while IFS= read -r source; do
        object=$BUILD/${source%.c}.o
        if ! symbols=$(nm -u "$object" 2>&1); then
            echo "$object: cannot be read (build first)"
            continue
        fi
        awk '{ print $NF }' <<<"$symbols" | grep -vE "$allowed" | sed "s|^|$source needs |"
    done
}

# The modules beside them do no I/O but the last line of a process out of memory, and read
# no clock.
modules_need() {
    local denied='^(open|openat|fopen|read|socket|connect|send|recv|time|clock_gettime|gettimeofday|getenv|pthread_.*|vir.*|MHD_.*|uv_.*)(64)?$'
    local object
    for object in "$BUILD"/collectors/*.o "$BUILD"/collectors/kit/*.o; do
        nm -u "$object" | awk '{ print $NF }' | grep -E "$denied" | sed "s|^|$object needs |"
    done
}

collectors_include() {
    local source
    for source in collectors/*.c collectors/kit/*.c; do
        $CC -std=c17 -D_GNU_SOURCE -Icollectors -fsyntax-only "$source" 2>&1 |
            grep -m1 'error' || true
    done
}

headers_alone() {
    local header
    for header in $(find collectors exporter -name '*.h' | sort); do
        local include=-Icollectors
        [[ $header == exporter/* ]] && include='-Iexporter -Icollectors'
        # shellcheck disable=SC2046,SC2086
        echo "#include \"${header#*/}\"" |
            $CC -std=c17 -D_GNU_SOURCE $include \
                $(pkg-config --cflags libvirt jansson libmicrohttpd libuv 2>/dev/null) \
                -Wall -Wextra -Werror -fsyntax-only -x c - 2>&1 |
            grep -m1 'error' | sed "s|^|$header: |" || true
    done
}

# Nothing on the right calls anything on the left.
pure_includes() {
    uses '^#include <(time|uv|pthread|sys/socket|unistd|fcntl)[./h]' \
        'exporter/.*|collectors/kit/memory\.c'
}

report "collectors compile with -Icollectors alone" "$(collectors_include)"
report "collectors need only json, their kit and strings" \
    "$(collectors_need)"
report "modules of collectors/ do no I/O and read no clock" "$(modules_need; pure_includes)"
report "<libvirt/...> only in exporter/source/libvirt" \
    "$(uses '^#include <libvirt/' 'exporter/source/libvirt/[a-z_]*\.[ch]')"
report "<microhttpd.h> only in exporter/web/web.c" \
    "$(uses '^#include <microhttpd' 'exporter/web/web\.c')"
report "<gnutls/...> only in exporter/web/{tls,auth}.c, <crypt.h> only in exporter/web/auth.c" \
    "$(uses '^#include <gnutls/' 'exporter/web/(tls|auth)\.c'; uses '^#include <crypt' 'exporter/web/auth\.c')"
report "locks only in exporter/{store/store,base/{lanes,mailbox},source/libvirt/{events,connection},web/{auth,access}}.c" \
    "$(uses 'pthread_(mutex|rwlock|spin|cond)_|mtx_(init|lock)|\bsem_(init|wait|post)\b|uv_(mutex|rwlock|sem|cond)_' \
        'exporter/(store/store|base/lanes|base/mailbox|source/libvirt/events|source/libvirt/connection|web/auth|web/access)\.c')"
report "no banned calls (strcpy strcat sprintf vsprintf gets strtok localtime atoi)" \
    "$(uses '\b(strcpy|strcat|v?sprintf|gets|strtok|localtime|atoi) ?\(' 'none')"
report "each header compiles alone" "$(headers_alone)"
exit $status
