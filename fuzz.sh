#!/usr/bin/env bash
# Gives arbitrary messages and rings to the vhost library: ./fuzz.sh [--seconds N] [--target messages|split|packed]; ./fuzz.sh --help
set -euo pipefail
cd "$(dirname "$0")"
dotnet build -c Release fuzz -nologo -v quiet
exec artifacts/bin/Fuzz/release/Fuzz "$@"
