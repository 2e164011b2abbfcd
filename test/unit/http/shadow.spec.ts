import { describe, expect, it } from 'vitest';
import { firstRoute, layersOf } from '../../../lib/http/shadow';

const layer = { route: { path: '/*', methods: { get: true }, stack: [] }, match: () => true };

/** The instance of Express, as far as it is looked at. */
const VERSIONS = {
  4: {
    _router: { stack: [layer] },
    get router(): never {
      throw new Error("'app.router' is deprecated!");
    },
  },
  5: { router: { stack: [layer] } },
};

describe('the first route of Express', () => {
  it.each(Object.entries(VERSIONS))('is found in version %s', (_version, instance) => {
    const known = { mark: 'ours', native: new Set(layersOf(instance)), passesOn: () => false };
    expect(firstRoute(instance, '/metrics', known)).toBe('/*');
  });
});
