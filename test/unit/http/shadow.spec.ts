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
    expect(firstRoute(instance, '/metrics', known)).toEqual({ pattern: '/*', mayPassOn: false });
  });

  it('may pass requests on if all its handlers take `next`, and it is none of Nest', () => {
    const sure = (_request: unknown, _response: unknown) => {};
    const unsure = (_request: unknown, _response: unknown, _next: unknown) => {};
    const route = (...handles: object[]) => ({
      route: { path: '/*', methods: { get: true }, stack: handles.map((handle) => ({ handle })) },
      match: () => true,
    });
    const first = (...layers: ReturnType<typeof route>[]) => {
      const known = { mark: 'ours', native: new Set(layers), passesOn: () => false };
      return firstRoute({ router: { stack: layers } }, '/metrics', known)?.mayPassOn;
    };
    expect(first(route(sure))).toBe(false);
    expect(first(route(unsure))).toBe(true);
    expect(first(route(unsure, unsure))).toBe(true);
    expect(first(route(unsure, sure))).toBe(false);
    expect(first(route(unsure), route(sure))).toBe(false);
  });
});
