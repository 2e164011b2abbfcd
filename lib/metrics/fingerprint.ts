import { createHash } from 'node:crypto';

/** Keyed by the list of names, which stays the same object while nothing changes. */
const fingerprints = new WeakMap<readonly string[], string>();

/** Returns a short hash of the defined names: equal on all instances that define the same migrations. */
export function fingerprint(defined: readonly string[]): string {
  let hash = fingerprints.get(defined);
  if (hash === undefined) {
    hash = createHash('sha256').update(defined.join('\n')).digest('hex').slice(0, 12);
    fingerprints.set(defined, hash);
  }
  return hash;
}
