// SPDX-License-Identifier: GPL-2.0-only
/**
 * Property tests draw the same cases every time, so that a run that was green stays green;
 * LEVITATE_SEED=n draws others. A failure prints its seed.
 */

import fc from 'fast-check';

const DEFAULT_SEED = 20_261_120;

const wanted = process.env['LEVITATE_SEED'];
fc.configureGlobal({ seed: wanted === undefined ? DEFAULT_SEED : Number(wanted) });
