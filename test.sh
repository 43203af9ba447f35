#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test. The last line is "N passed, N failed", with ", N skipped" where any was.
#   ./test.sh           what fits in 25 minutes
#   ./test.sh --full    the long matrices, loops and soaks as well
#   ./test.sh PATTERN   only the test projects whose name contains PATTERN
set -uo pipefail
cd "$(dirname "$0")"

pattern=
for argument in "$@"; do
    case $argument in
        --full) export VHOSTSWITCH_FULL=1 ;;
        -h|--help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) echo "test.sh: $argument is not known; see ./test.sh --help" >&2; exit 2 ;;
        *) pattern=$argument ;;
    esac
done

source tests/install.sh
install_packages
reserve_huge_pages 512
reserve_gigantic_page
dotnet build -c Release VhostSwitch.slnx -nologo -v quiet || { echo "test.sh: the build failed" >&2; exit 1; }

passed=0 failed=0 skipped=0
transcript=$(mktemp)
trap 'rm -f "$transcript"' EXIT
for project in tests/*/*.csproj; do
    name=$(basename "$project" .csproj)
    program=artifacts/bin/$name/release/$name
    grep -q '<OutputType>Exe</OutputType>' "$project" || continue
    case $name in *"$pattern"*) ;; *) continue ;; esac
    echo "== $name"
    "$program" -noColor | tee "$transcript"
    status=${PIPESTATUS[0]}
    # xunit's closing line: "Total: 9, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 0.1s"
    line=$(grep -E 'Total: [0-9]+' "$transcript" | tail -1)
    count() { sed -nE "s/.*$1: ([0-9]+).*/\1/p" <<<"$line"; }
    total=$(count Total)
    if [ "${total:-0}" -eq 0 ]; then
        echo "$name ended with $status and ran no test" >&2
        failed=$((failed + 1))
        continue
    fi
    bad=$(($(count Failed) + $(count Errors))) omitted=$(count Skipped)
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + total - bad - omitted)) failed=$((failed + bad)) skipped=$((skipped + omitted))
done

if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
