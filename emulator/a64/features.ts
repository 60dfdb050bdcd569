// SPDX-License-Identifier: GPL-2.0-only
/**
 * Extensions of Armv8.0-A that a core may have, by the Arm ARM's names (A2.2 to A2.4): what a row
 * of the decode table asks for.
 */
export type Feature =
  | 'LSE'
  | 'CRC32'
  | 'RDM'
  | 'DotProd'
  | 'FP16'
  | 'LRCPC'
  | 'PAN'
  | 'UAO'
  | 'AES'
  | 'SHA1'
  | 'SHA256'
  | 'PMULL'
  | 'DPB'
  | 'RAS'
  | 'SSBS';
