#!/usr/bin/env bash
# Installs the Debian packages that building and testing triptych needs, and those named as
# arguments. Does nothing where all of them are there already.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache pkg-config        # build
  libeigen3-dev nlohmann-json3-dev libxxhash-dev # library
  libjpeg62-turbo-dev libpng-dev libwebp-dev     # image folders
  libcli11-dev catch2                            # app, tests
  "$@"
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
