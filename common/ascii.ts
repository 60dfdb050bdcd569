// SPDX-License-Identifier: GPL-2.0-only
/** Control characters and space, as bytes (ECMA-6; terminals act on them by ECMA-48). */

export const BEL = 0x07;
export const BACKSPACE = 0x08;
export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const ESC = 0x1b;
export const SPACE = 0x20;
export const DEL = 0x7f;
