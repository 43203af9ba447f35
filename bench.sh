#!/usr/bin/env bash
# Measures this switch beside its peers in one run; ./bench.sh CASE --help has all options:
#   ./bench.sh vm2vm [--rounds N] [--size 64,imix,tso] [--output FOLDER]    frames a second between two guests
#   ./bench.sh scale [--rounds N] [--output FOLDER]                         the same with many addresses and ports, beside few
#   ./bench.sh matrix [--rounds N] [--seconds S] [--output FOLDER]          many cases with short samples, in a quarter of an hour
#   ./bench.sh uplink [--rounds N] [--size 64,1518] [--output FOLDER]       frames a second between guests and uplinks
#   ./bench.sh threads [--rounds N] [--output FOLDER]                       one poll thread and two, two pairs of guests
#   ./bench.sh latency [--rounds N] [--output FOLDER]                       how long frames take at 10, 50 and 90 % load
#   ./bench.sh idle [--rounds N] [--output FOLDER]                          processor time with nothing to do, or little
#   ./bench.sh pauses [--minutes N] [--output FOLDER]                       how often the runtime stops the poll thread, beside a loop in C
#   ./bench.sh settings [--rounds N] [--output FOLDER]                      start-up and rates with other settings of the runtime
#   ./bench.sh guest-tcp [--rounds N] [--megabytes N] [--output FOLDER]     processor time of TCP between two Linux guests
#   ./bench.sh generate [--rounds N] [--size BYTES]                         frames a second that testpmd makes
#   ./bench.sh summary [FOLDER]                                             what the reports say of the goals
set -euo pipefail
cd "$(dirname "$0")"
source tests/install.sh
install_packages
reserve_huge_pages 1024
dotnet build -c Release src/vhost-switch -nologo -v quiet
dotnet build -c Release src/testpmd -nologo -v quiet
dotnet build -c Release bench/Paths -nologo -v quiet
exec artifacts/bin/Paths/release/Paths "$@"
