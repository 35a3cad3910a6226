#!/bin/bash
# The flags of the built program against what is written about them:
#   tests/docs.sh build/qga-exporter
# Every flag of --help stands in the man page, and the man page, the README and the other
# pages of docs/ name no flag that the program does not have.  So it is with make targets,
# metrics, agent states, functions, files and links, also those of the
# documents as they are installed.
set -euo pipefail

program=${1:?usage: tests/docs.sh PROGRAM}
manual=docs/qga-exporter.8
manuals=("$manual" docs/qga-exporter.yml.5)
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

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

for page in "${manuals[@]}"; do
    while read -r flag; do
        [ -z "$flag" ] || is_real "$flag" || complain "$page names $flag, which $program does not have"
    done < <(sed 's/\\-/-/g' "$page" | flags_in)
done

for page in README.md CONTRIBUTING.md SECURITY.md docs/*.md; do
    [ -e "$page" ] || continue
    while read -r flag; do
        [ -z "$flag" ] || is_real "$flag" || complain "$page names $flag, which $program does not have"
    done < <(flags_in <"$page")
done

# tests/rules.py reads the pages about rules, and METRICS.md is made.
pages=(README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md dashboards/README.md)
for page in docs/*.md; do
    case $page in docs/METRICS.md | docs/fleet.md | docs/runbook.md) ;; *) pages+=("$page") ;; esac
done
[ "$(wc -c <README.md)" -le 7168 ] || complain "README.md is longer than 7 KiB: move text to docs/"

# Make: a target that a page names is in `make help`; the table of variables is complete.
targets=$(make --no-print-directory help | awk '{ print $1 }')
while read -r target; do
    grep -qxF -e "$target" <<<"$targets" || complain "a page names make $target, which make help does not list"
done < <(sed -n '/^ *```/,/^ *```/p; s/.*\(`make [^`]*`\).*/\1/p' "${pages[@]}" |
    grep -oP '(`|^ *)make \K[a-z][a-z0-9-]*(?![a-z0-9/-])' | sort -u)
variables=$(sed -n '/^| Variable/,/^$/p' CONTRIBUTING.md | cut -d'|' -f2 | grep -oE '[A-Z0-9_]+')
while read -r variable; do
    grep -qE "\\b$variable\\b" Makefile || complain "CONTRIBUTING.md names $variable, which Makefile does not use"
done <<<"$variables"
while read -r variable; do
    grep -qxF -e "$variable" <<<"$variables" || complain "$variable of Makefile is not in CONTRIBUTING.md"
done < <(sed -nE 's/^([A-Z0-9_]+) \?=.*/\1/p' Makefile)

# Metrics, but for what they were called before, and agent states.
while read -r metric; do
    grep -qF -e "\`$metric\`" docs/METRICS.md || complain "a page names $metric, which is no metric"
done < <(sed -E '/^ *\| Was /,/^ *$/s/^ *\|[^|]*\|//' "${pages[@]}" |
    grep -oE '\b(qga|process)_[a-z0-9_]*[a-z0-9]\b' | grep -vx qga_exporter | sort -u) # a role of Ansible's
states_of_program=$(sed -n 's/^States: //p' docs/METRICS.md | grep -oE '[a-z]+' | sort)
states_of_page=$(sed -n '/^| State /,/^$/p' docs/troubleshooting.md | sed -nE 's/^\| `([a-z]+)`.*/\1/p' | sort)
[ "$states_of_program" = "$states_of_page" ] || complain "the table of agent states in docs/troubleshooting.md differs"

# The examples of the configuration are good.
for page in docs/configuration.md docs/joins.md; do
    example=$(awk -v RS='```' '/^yaml\n(sources|metadata_labels):/ { sub(/^yaml\n/, ""); print }' "$page")
    [ -n "$example" ] || complain "$page has no example of the configuration"
    echo "$example" >"$scratch/example.yml"
    "$program" --config.file="$scratch/example.yml" --config.check >/dev/null ||
        complain "that was the example of $page"
done

# So it is with the man page of its files; a word with an underscore is a key or a metric.
sed -n '/^\.EX/,/^\.EE/p' docs/qga-exporter.yml.5 | sed -n '/^sources:/,/^\.EE/p' |
    sed '/^\.EE/,$d' >"$scratch/example.yml"
[ -s "$scratch/example.yml" ] || complain "docs/qga-exporter.yml.5 has no example of the configuration"
"$program" --config.file="$scratch/example.yml" --config.check >/dev/null ||
    complain "that was the example of docs/qga-exporter.yml.5"
while read -r name; do
    grep -qwF -e "$name" config/qga-exporter.yml config/web.yml docs/METRICS.md ||
        complain "docs/qga-exporter.yml.5 names $name, which is neither a key nor a metric"
done < <(grep -ohE '\b[a-z]+(_[a-z]+)+\b' docs/qga-exporter.yml.5 | sort -u)

# Files and links; the collector that CONTRIBUTING.md would add does not exist.
while read -r path; do
    [ -e "$path" ] || complain "a page names $path, which is not there"
done < <(sed 's|https*://[^ ")]*||g' "${pages[@]}" |
    grep -oE '\b(collectors|exporter|tests|config|docs|scripts)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' |
    grep -vE 'timezone|collectors/NAME|^tests/e2e/test_faults_$|/test_$|/CASE|/COLLECTOR|^tests/unit/FOLDER|^tests/unit/[a-z/]*/test_[a-z_]*$' | sort -u)
while read -r function; do
    grep -qrE "^$function\(" --include='*.c' exporter collectors ||
        complain "docs/architecture.md names $function(), which is no function"
done < <(grep -oE '`[a-z_]+\(\)`' docs/architecture.md | tr -d '`()' | sort -u)
while read -r file; do
    [ -e "exporter/$file" ] || complain "docs/architecture.md names $file, which is not in exporter/"
done < <(grep -oE '`[a-z_]+/[a-z_/]+(\.c)?`' docs/architecture.md | tr -d '`' | sed -E 's/\.c$//; s/$/.c/' | sort -u)

tests/links.py . || failed=1
make --no-print-directory install-documents DESTDIR="$scratch" DOCDIR=/doc >/dev/null
tests/links.py "$scratch/doc" || failed=1

if command -v groff >/dev/null; then
    warnings=$(groff -man -ww -z "${manuals[@]}" 2>&1) || true
    [ -z "$warnings" ] || complain "groff warns about the man pages: $warnings"
fi

# A mistake ends with 2 and one sentence.
status=0
sentence=$("$program" --no-such-flag 2>&1 >/dev/null) || status=$?
[ "$status" = 2 ] && [ "$(wc -l <<<"$sentence")" = 1 ] ||
    complain "an unknown flag ends with $status and: $sentence"

[ "$failed" = 0 ] && echo "docs: the program, the man page and the other documents agree"
exit "$failed"
