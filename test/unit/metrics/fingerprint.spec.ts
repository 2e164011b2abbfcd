import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../../lib/metrics/fingerprint';

describe('fingerprint', () => {
  it('is equal for the same names only', () => {
    expect(fingerprint(['A', 'B'])).toMatch(/^[0-9a-f]{12}$/);
    expect(fingerprint(['A', 'B'])).toBe(fingerprint(['A', 'B']));
    expect(fingerprint(['A', 'B'])).not.toBe(fingerprint(['AB']));
  });
});
