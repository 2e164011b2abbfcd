import { describe, expect, it } from 'vitest';
import { reportOf } from '../../../lib/verdict/report';
import { parseReport } from '../../support/report-schema';
import { failedCollection, readCollection, snapshotOf } from '../../support/snapshots';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const [one, two, three] = ['A1700000000001', 'B1700000000002', 'C1700000000003'] as const;

const upToDate = snapshotOf({ connection: 'default', collection: readCollection([one], [one]) });
const behind = snapshotOf({ connection: 'behind', collection: readCollection([one, two], [two, three]) });
const away = snapshotOf({
  connection: 'away',
  collection: failedCollection('unreachable'),
  lastSuccess: 1_600_000_000,
});
const unread = snapshotOf({ connection: 'unread' });
const of = (...args: Parameters<typeof reportOf>) => parseReport(JSON.stringify(reportOf(...args)));

describe('reportOf', () => {
  it('tells of each connection what it is and what is in the way', () => {
    expect(of([behind], {}, NOW)).toEqual({
      version: 1,
      status: 'unapplied',
      ok: false,
      checkedAt: NOW.toISOString(),
      connections: [
        {
          connection: 'behind',
          database: 'postgres',
          status: 'unapplied',
          ok: false,
          failedOn: ['unapplied'],
          defined: 2,
          applied: 2,
          unapplied: [one],
          unknown: [three],
          outOfOrder: [one],
          durationSeconds: 0.012,
          readAt: '2023-11-14T22:13:20.000Z',
          lastSuccessAt: '2023-11-14T22:13:20.000Z',
        },
      ],
    });
  });

  it('has null for what is not known, and why', () => {
    expect(of([away], {}, NOW).connections).toEqual([
      {
        connection: 'away',
        database: 'postgres',
        status: 'unreadable',
        ok: false,
        failedOn: ['unreadable'],
        defined: null,
        applied: null,
        unapplied: null,
        unknown: null,
        outOfOrder: null,
        reason: 'unreachable',
        durationSeconds: 0.012,
        readAt: '2023-11-14T22:13:20.000Z',
        lastSuccessAt: '2020-09-13T12:26:40.000Z',
      },
    ]);
    expect(of([unread], {}, NOW).connections[0]).toMatchObject({
      status: 'unreadable',
      reason: 'timeout',
      readAt: NOW.toISOString(),
      lastSuccessAt: null,
    });
  });

  it.each([
    [[upToDate], 'up-to-date', true],
    [[upToDate, behind], 'unapplied', false],
    [[upToDate, behind, away], 'unreadable', false],
    [[], 'up-to-date', true],
  ] as const)('is as bad as the worst: %#', (snapshots, status, ok) => {
    expect(of(snapshots, {}, NOW)).toMatchObject({ status, ok });
  });

  it('is ok by the policy, whatever the status', () => {
    expect(of([behind], { allowUnapplied: 1 }, NOW)).toMatchObject({ status: 'unapplied', ok: true });
    expect(of([behind, upToDate], { connections: ['default'] }, NOW)).toMatchObject({
      ok: true,
      connections: [{ connection: 'default' }],
    });
  });

  it("lets the last state that was read stand with whenUnreadable: 'last', and says why it is the last", () => {
    const last = { ...away, lastRead: readCollection([one], [one]) };
    expect(of([last], { whenUnreadable: 'last' }, NOW)).toMatchObject({
      status: 'up-to-date',
      ok: true,
      connections: [{ defined: 1, applied: 1, unapplied: [], reason: 'unreachable' }],
    });
    expect(of([unread], { whenUnreadable: 'last' }, NOW).status).toBe('unreadable');
  });
});
