#!/usr/bin/env bash
# Measures this switch beside its peers in one run: ./bench.sh vm2vm|generate [--rounds N] [--size BYTES]; ./bench.sh vm2vm --help
set -euo pipefail
cd "$(dirname "$0")"
source tests/install.sh
install_packages
reserve_huge_pages 1024
dotnet build -c Release src/vhost-switch -nologo -v quiet
dotnet build -c Release src/testpmd -nologo -v quiet
dotnet build -c Release bench/Paths -nologo -v quiet
exec artifacts/bin/Paths/release/Paths "$@"
