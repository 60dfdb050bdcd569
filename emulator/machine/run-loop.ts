// SPDX-License-Identifier: GPL-2.0-only
/** Limits of a run of a machine, and the reasons why it returned. */

/** Bounds of a run, each optional. */
export interface RunLimits {
  /** Simulated nanoseconds since reset. */
  readonly untilNs?: number;
  /** Instructions since reset. */
  readonly maxInstructions?: number;
}

/** Why `run` came back. */
export type MachineStop =
  | { readonly kind: 'power off' }
  | { readonly kind: 'reset' }
  /** Every core sleeps and nothing that could wake one is pending. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'limit'; readonly limit: 'time' | 'instructions' }
  | { readonly kind: 'lockup'; readonly reason: string }
  /** `stop()` was called. */
  | { readonly kind: 'stopped' };
