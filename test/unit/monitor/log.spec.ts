import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Collection } from '../../../lib/migration/reader';
import { joinMigrations, orderMigrations } from '../../../lib/migration/state';
import { logCollection } from '../../../lib/monitor/log';
import { RecordingLogger } from '../../support/logs';

const took = { sequence: 0, startedAt: 0, at: 0, durationSeconds: 0 };
const read = (defined: number[], recorded: number[]): Collection => ({
  status: 'read',
  state: joinMigrations(
    orderMigrations(defined.map((timestamp) => `A${timestamp}`)),
    new Set(recorded.map((timestamp) => `A${timestamp}`)),
  ),
  ...took,
});
const failed = (detail?: string): Collection => ({
  status: 'failed',
  reason: 'unreachable',
  ...(detail !== undefined && { detail }),
  ...took,
});
const [one, two, three] = [1_700_000_000_001, 1_700_000_000_002, 1_700_000_000_003] as const;

let logger: RecordingLogger;
beforeEach(() => Logger.overrideLogger((logger = new RecordingLogger())));
afterEach(() => Logger.overrideLogger(undefined as never));

describe('logCollection', () => {
  it('logs the first collection, the failure and the recovery once each', () => {
    const collections = [
      read([one], []),
      read([one], [one]),
      failed('ECONNREFUSED'),
      failed(),
      read([one], [one]),
      read([one], [one]),
    ];
    collections.forEach((collection, index) => logCollection('default', collections[index - 1], collection));
    expect(logger.lines).toEqual([
      'log default: migrations: 0 applied, 1 unapplied',
      'warn default: migrations could not be read (unreachable: ECONNREFUSED). Metrics report -1 until the database is readable again.',
      'log default: migrations readable again: 1 applied, 0 unapplied',
    ]);
  });

  it('names what else is out of the ordinary', () => {
    logCollection('default', undefined, read([one, two], [two, three]));
    logCollection('other', undefined, failed());
    expect(logger.lines).toEqual([
      'log default: migrations: 2 applied, 1 unapplied, 1 unknown to this code, 1 out of order',
      'warn other: migrations could not be read (unreachable). Metrics report -1 until the database is readable again.',
    ]);
  });

  it('is one line whatever the alias', () => {
    logCollection('a\nWARN [Bank] b\u2028c\u001b[2J', undefined, failed());
    expect(logger.lines).toEqual([
      expect.stringMatching(/^warn a\\u000aWARN \[Bank\] b\\u2028c\\u001b\[2J: migrations could not be read/),
    ]);
  });
});
