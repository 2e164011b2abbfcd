import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinMigrations, orderMigrations } from '../../../lib/migration/state';
import { FORBIDDEN, type Policy, verdict } from '../../../lib/verdict/verdict';

const names = fc
  .uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 })
  .map((all) => all.map((each) => `Step${1_700_000_000_000 + each}`));
const states = fc
  .tuple(names, names)
  .map(([defined, recorded]) => joinMigrations(orderMigrations(defined), new Set(recorded)));
const policies: fc.Arbitrary<Policy> = fc.record(
  {
    allowUnapplied: fc.nat(5),
    allowUnknown: fc.boolean(),
    allowOutOfOrder: fc.boolean(),
    allowNoMigrations: fc.boolean(),
  },
  { requiredKeys: [] },
);

describe('verdict', () => {
  it('tells the status whatever the policy, and is ok exactly if nothing fails', () => {
    fc.assert(
      fc.property(states, policies, (state, policy) => {
        const { status, ok, failedOn } = verdict(state, policy);
        expect(status).toBe(state.unapplied.length === 0 ? 'up-to-date' : 'unapplied');
        expect(ok).toBe(failedOn.length === 0);
        expect(failedOn).toEqual(FORBIDDEN.filter((each) => failedOn.includes(each)));
      }),
    );
  });

  it('fails on what the policy does not allow, and on nothing else', () => {
    fc.assert(
      fc.property(states, policies, (state, policy) => {
        const { failedOn } = verdict(state, policy);
        const { allowUnapplied = 0, allowUnknown = true, allowOutOfOrder = true } = policy;
        const { allowNoMigrations = true } = policy;
        expect(failedOn.includes('unapplied')).toBe(state.unapplied.length > allowUnapplied);
        expect(failedOn.includes('unknown')).toBe(!allowUnknown && state.unknown.length > 0);
        expect(failedOn.includes('out-of-order')).toBe(!allowOutOfOrder && state.outOfOrder.length > 0);
        expect(failedOn.includes('no-migrations')).toBe(!allowNoMigrations && state.defined.length === 0);
      }),
    );
  });

  it('allows nothing by a value that cannot be compared', () => {
    const state = joinMigrations(
      orderMigrations(['A1700000000001', 'B1700000000003']),
      new Set(['X1700000000002']),
    );
    for (const allowed of [Number.NaN, 'false', {}, []]) {
      const policy = { allowUnapplied: allowed, allowUnknown: allowed, allowOutOfOrder: allowed } as Policy;
      expect(verdict(state, policy).failedOn).toEqual(['unapplied', 'unknown', 'out-of-order']);
    }
  });

  it('is never better for fewer allowances', () => {
    fc.assert(
      fc.property(states, policies, (state, policy) => {
        if (!verdict(state, policy).ok) return;
        expect(
          verdict(state, {
            allowUnapplied: 100,
            allowUnknown: true,
            allowOutOfOrder: true,
            allowNoMigrations: true,
          }).ok,
        ).toBe(true);
      }),
    );
  });

  it('is unreadable where nothing is known, whatever is allowed', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        expect(verdict(undefined, policy)).toEqual({
          status: 'unreadable',
          ok: false,
          failedOn: ['unreadable'],
        });
      }),
    );
  });
});
