#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Brings what the tests use beside Node, on a Debian or Ubuntu system and as root; where it is all there, does nothing.
# A boot needs none of it. Without apt or root it says what is missing and leaves the rest to `npm test`, which names what it skips.
set -euo pipefail

declare -A package_of=(
  [dtc]=device-tree-compiler
  [as]=binutils
  [cpio]=cpio
  [aarch64-linux-gnu-as]=binutils-aarch64-linux-gnu
  [aarch64-linux-gnu-objcopy]=binutils-aarch64-linux-gnu
  [qemu-system-aarch64]=qemu-system-arm
  [gdb-multiarch]=gdb-multiarch
  [chromium]=chromium
  [firefox-esr]=firefox-esr
  [mke2fs]=e2fsprogs
  [fsck.fat]=dosfstools
)

missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "missing, and not installed because this needs apt-get and root: ${missing[*]}" >&2
  exit 0
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -q update >&2
apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
