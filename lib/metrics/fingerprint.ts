import { createHash } from 'node:crypto';

/** By the list of names, which stays the same object from reading to reading. */
const fingerprints = new WeakMap<readonly string[], string>();

/** A short hash of the defined names: equal wherever the same migrations are defined. */
export function fingerprint(defined: readonly string[]): string {
  let hash = fingerprints.get(defined);
  if (hash === undefined) {
    hash = createHash('sha256').update(defined.join('\n')).digest('hex').slice(0, 12);
    fingerprints.set(defined, hash);
  }
  return hash;
}
