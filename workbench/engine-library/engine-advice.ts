// SPDX-License-Identifier: GPL-2.0-only
/**
 * Advice for the operating system at hand when there is no usable libunicorn. Text only.
 */

import { readFileSync } from 'node:fs';

/**
 * The identifiers of a Linux distribution, closest first: ID, then ID_LIKE of os-release(5). Empty
 * elsewhere.
 */
export function linuxFlavours(osRelease: string): readonly string[] {
  const value = (key: string): string => new RegExp(`^${key}=["']?([^"'\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  return `${value('ID')} ${value('ID_LIKE')}`.split(' ').filter((word) => word !== '');
}

/** /etc/os-release as text, empty where there is none. */
export function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

const LINUX_COMMANDS: Readonly<Record<string, string>> = {
  debian: 'sudo apt install libunicorn2t64  # Debian 13 or newer',
  ubuntu: 'sudo apt install libunicorn2t64  # Ubuntu 25.04 or newer; older ones package 2.0',
  fedora: 'sudo dnf install unicorn',
  rhel: 'sudo dnf install unicorn  # from EPEL',
  arch: 'sudo pacman -S unicorn',
  alpine: 'sudo apk add unicorn',
  suse: 'sudo zypper install libunicorn2',
  opensuse: 'sudo zypper install libunicorn2',
  nixos: 'nix-shell -p unicorn',
};

/**
 * Commands that bring libunicorn >= 2.1, the system's own package manager first, then Python's
 * wheel, which exists for all systems.
 */
export function installCommands(platform: NodeJS.Platform, osRelease: string): readonly string[] {
  const wheelFile =
    platform === 'win32' ? 'unicorn.dll' : platform === 'darwin' ? 'libunicorn.2.dylib' : 'libunicorn.so.2';
  const variable = platform === 'win32' ? 'set LEVITATE_UNICORN=' : 'export LEVITATE_UNICORN=';
  const python = platform === 'win32' ? 'py' : 'python3';
  const wheel = [
    `${python} -m pip install --target unicorn-wheel "unicorn>=2.1"`,
    `${variable}${platform === 'win32' ? '%CD%\\unicorn-wheel\\unicorn\\lib\\' : '"$PWD"/unicorn-wheel/unicorn/lib/'}${wheelFile}`,
  ];
  if (platform === 'darwin') {
    return ['brew install unicorn', ...wheel];
  }
  if (platform === 'linux') {
    const own = linuxFlavours(osRelease)
      .map((flavour) => LINUX_COMMANDS[flavour])
      .find((command) => command !== undefined);
    return own === undefined ? wheel : [own, ...wheel];
  }
  return wheel;
}
