#!/bin/bash
# The flags of the built program against what is written about them:
#   tests/docs.sh build/qga-exporter
# Every flag of --help stands in the man page, and the man page, the README and the other
# pages of docs/ name no flag that the program does not have.  So it is with make targets,
# metrics, agent states, configuration keys, files and links.
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

for page in README.md CONTRIBUTING.md SECURITY.md docs/*.md; do
    [ -e "$page" ] || continue
    while read -r flag; do
        [ -z "$flag" ] || is_real "$flag" || complain "$page names $flag, which $program does not have"
    done < <(flags_in <"$page")
done

pages=(README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md)

# Make targets: what a page names exists, and what `make help` lists is in the README.
targets=$(sed -nE 's/^([a-z][a-z0-9-]*):([^=].*)?$/\1/p' Makefile)
while read -r target; do
    grep -qxF -e "$target" <<<"$targets" || complain "a page names make $target, which is no target"
done < <(sed -n '/^ *```/,/^ *```/p; s/.*\(`make [^`]*`\).*/\1/p' "${pages[@]}" |
    grep -oP '(`|^ *)make \K[a-z][a-z0-9-]*(?![a-z0-9/-])' | sort -u)
while read -r target; do
    grep -qF -e "\`make $target\`" README.md || complain "make $target is not in README.md"
done < <(sed -nE 's/^([a-z][a-z0-9-]*):[^#]*## .*/\1/p' Makefile)
while read -r variable; do
    grep -qE "\\b$variable\\b" Makefile || complain "README.md names $variable, which Makefile does not use"
done < <(sed -n '/^| Variable/,/^$/p' README.md | cut -d'|' -f2 | grep -oE '[A-Z0-9_]+')

# Metrics and agent states.
while read -r metric; do
    grep -qF -e "\`$metric\`" docs/METRICS.md || complain "a page names $metric, which is no metric"
done < <(grep -ohE '\b(qga|process)_[a-z0-9_]*[a-z0-9]\b' "${pages[@]}" | sort -u)
states_of_program=$(sed -n 's/^States: //p' docs/METRICS.md | grep -oE '[a-z]+' | sort)
states_of_page=$(sed -n '/^| State /,/^$/p' README.md | sed -nE 's/^\| `([a-z]+)`.*/\1/p' | sort)
[ "$states_of_program" = "$states_of_page" ] || complain "README.md's table of agent states differs"

# Configuration: the same keys in README.md and in the annotated file; collectors with what
# they ask and how often.
annotated=config/qga-exporter.yml
keys_of_page=$(sed -n '/^| Key /,/^$/p' README.md | cut -d'|' -f2 | grep -oE '`[^`]+`' |
    sed -E 's/`//g; s/.*\.//; s/\[\]//' | sort -u)
while read -r key; do
    [[ $key == _exclude ]] || grep -qE "^# *(- )?$key:" "$annotated" ||
        complain "README.md names the key $key, which $annotated does not have"
done <<<"$keys_of_page"
while read -r key; do
    grep -qxF -e "$key" <<<"$keys_of_page" || complain "the key $key of $annotated is not in README.md"
done < <(sed -nE '/^#(sources|collectors|health|limits|web|log):/d
    s/^# +(- )?([a-z_]+):( .*)?$/\2/p' "$annotated" |
    grep -vxE 'libvirt|socket|.*_exclude' |
    grep -vxF "$("$program" --list-collectors | awk 'NR > 1 { print $1 }')" | sort -u)
while read -r name _ interval command _; do
    grep -qF "| \`$name\` | \`$command\` | $interval |" README.md ||
        complain "README.md's table of collectors lacks: $name, $command, every $interval"
done < <("$program" --list-collectors | sed 1d)

# Files and links; the collector that CONTRIBUTING.md would add does not exist.
while read -r path; do
    [ -e "$path" ] || complain "a page names $path, which is not there"
done < <(sed 's|https*://[^ ")]*||g' "${pages[@]}" |
    grep -oE '\b(collectors|exporter|tests|config|docs|scripts)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' |
    grep -vE 'timezone|/test_$|/CASE|/COLLECTOR|^tests/unit/FOLDER|^tests/unit/[a-z/]*/test_[a-z_]*$' | sort -u)
while read -r anchor; do
    grep -E '^#+ ' README.md | sed -E 's/^#+ //' | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n-' |
        grep -qxF -e "$anchor" || complain "README.md links to #$anchor, which is no heading"
done < <(grep -oE '\]\(#[^)]*' README.md | sed 's/](#//' | sort -u)

if command -v groff >/dev/null; then
    warnings=$(groff -man -ww -z "$manual" 2>&1) || true
    [ -z "$warnings" ] || complain "groff warns about $manual: $warnings"
fi

# A mistake ends with 2 and one sentence.
status=0
sentence=$("$program" --no-such-flag 2>&1 >/dev/null) || status=$?
[ "$status" = 2 ] && [ "$(wc -l <<<"$sentence")" = 1 ] ||
    complain "an unknown flag ends with $status and: $sentence"

[ "$failed" = 0 ] && echo "docs: the program, the man page and the other documents agree"
exit "$failed"
