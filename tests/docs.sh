#!/bin/bash
# The flags of the built program against what is written about them:
#   tests/docs.sh build/qga-exporter
# Every flag of --help stands in the man page, and the man page, the README and the other
# pages of docs/ name no flag that the program does not have.
set -euo pipefail

program=${1:?usage: tests/docs.sh PROGRAM}
manual=docs/qga-exporter.1
failed=0

complain() {
    echo "tests/docs.sh: $*" >&2
    failed=1
}

# --[no-]collector.clock is --collector.clock and --no-collector.clock
real=$("$program" --help | grep -oE -- '--(\[no-\])?[a-z][a-z.-]*[a-z]' |
    sed -E 's/^--\[no-\](.*)/--\1\n--no-\1/' | sort -u)
[ "$(wc -l <<<"$real")" -ge 12 ] || complain "--help lists hardly any flags"

is_real() {
    case $1 in
        --collector | --no-collector) return 0 ;; # followed by .NAME
    esac
    grep -qxF -e "$1" <<<"$real"
}

# The flags in a text; what belongs to another command, like git or make, is in no line
# that names this program or begins with a flag, so only those lines count.
flags_in() {
    grep -E 'qga-exporter|^[`| *]*--|\.(B|BI|BR) ' | sed 's/\[no-\]//' |
        grep -oE -- '(^|[^a-zA-Z0-9-])--[a-z][a-z.-]*[a-z]' | grep -oE -- '--.*' | sort -u || true
}

manual_text=$(sed 's/\\-/-/g' "$manual")
while read -r flag; do
    case $flag in
        --collector.* | --no-collector.*)
            grep -qF -e '--[no-]collector.' <<<"$manual_text" ||
                complain "--[no-]collector.NAME is not in $manual" ;;
        *)
            grep -qF -e "$flag" <<<"$manual_text" || complain "$flag is not in $manual" ;;
    esac
done <<<"$real"

while read -r flag; do
    [ -z "$flag" ] || is_real "$flag" || complain "$manual names $flag, which $program does not have"
done < <(flags_in <<<"$manual_text")

for page in README.md CONTRIBUTING.md docs/*.md; do
    [ -e "$page" ] || continue
    while read -r flag; do
        [ -z "$flag" ] || is_real "$flag" || complain "$page names $flag, which $program does not have"
    done < <(flags_in <"$page")
done

if command -v groff >/dev/null; then
    warnings=$(groff -man -ww -z "$manual" 2>&1) || true
    [ -z "$warnings" ] || complain "groff warns about $manual: $warnings"
fi

# A mistake ends with 2 and one sentence.
status=0
sentence=$("$program" --no-such-flag 2>&1 >/dev/null) || status=$?
[ "$status" = 2 ] && [ "$(wc -l <<<"$sentence")" = 1 ] ||
    complain "an unknown flag ends with $status and: $sentence"

[ "$failed" = 0 ] && echo "docs: the flags of --help, the man page and the README agree"
exit "$failed"
