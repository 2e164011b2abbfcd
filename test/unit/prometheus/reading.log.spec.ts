import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReadingOutcome } from '../../../lib/migration/migration.reader';
import { joinMigrations, orderMigrations } from '../../../lib/migration/migration.state';
import { logReading } from '../../../lib/prometheus/reading.log';
import { RecordingLogger } from '../../support/logs';

const took = { startedAt: 0, at: 0, durationSeconds: 0 };
const read = (defined: number[], recorded: number[]): ReadingOutcome => ({
  status: 'read',
  state: joinMigrations(
    orderMigrations(defined.map((timestamp) => `A${timestamp}`)),
    new Set(recorded.map((timestamp) => `A${timestamp}`)),
  ),
  ...took,
});
const failed = (detail?: string): ReadingOutcome => ({
  status: 'failed',
  reason: 'unreachable',
  ...(detail !== undefined && { detail }),
  ...took,
});
const [one, two, three] = [1_700_000_000_001, 1_700_000_000_002, 1_700_000_000_003] as const;

let logger: RecordingLogger;
beforeEach(() => Logger.overrideLogger((logger = new RecordingLogger())));
afterEach(() => Logger.overrideLogger(undefined as never));

describe('logReading', () => {
  it('logs the first reading, the fall and the recovery once each', () => {
    const outcomes = [
      read([one], []),
      read([one], [one]),
      failed('ECONNREFUSED'),
      failed(),
      read([one], [one]),
      read([one], [one]),
    ];
    outcomes.forEach((outcome, index) => logReading('default', outcomes[index - 1], outcome));
    expect(logger.lines).toEqual([
      'log default: 0 applied, 1 unapplied',
      'warn default: migrations could not be read (unreachable: ECONNREFUSED). They read -1 until they can.',
      'log default: readable again, 1 applied, 0 unapplied',
    ]);
  });

  it('names what else is out of the ordinary', () => {
    logReading('default', undefined, read([one, two], [two, three]));
    logReading('other', undefined, failed());
    expect(logger.lines).toEqual([
      'log default: 2 applied, 1 unapplied, 1 unknown to this code, 1 out of order',
      'warn other: migrations could not be read (unreachable). They read -1 until they can.',
    ]);
  });
});
