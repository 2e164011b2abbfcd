import { readFileSync } from 'node:fs';
import type { DataSource, QueryRunner } from 'typeorm';
import { compareBaseline, isBaseline } from '../drift/baseline';
import { ignoreDrift, pathOf } from '../drift/ignore';
import { judgeDrift } from '../drift/judge';
import type { DriftDifference, DriftReading, DriftSkip } from '../drift/reading';
import { driftReportOf, type KnownDrift } from '../drift/report';
import { derive } from '../drift/schema-view';
import { firstNames } from '../first-names';
import type { Monitor } from '../monitor/monitor';
import type { Snapshot } from '../monitor/snapshots';
import type { ConnectionReport, MigrationsReport } from '../verdict/report';
import { CommandError } from './command-error';
import type { Invocation } from './flags';
import { GuardedDataSource } from './guarded';
import { SENDS_NO_WRITE } from './read-only-runner';
import { isRead } from './read-statement';

/** Milliseconds that the drift check of one connection may take. */
const TIMEOUT = 30_000;
/** The jq filter that creates a baseline from a report. */
export const BASELINE_FILTER = '[.connections[].drift.differences[]]';

/**
 * Reads the known differences of the command line.
 *
 * @throws {@link CommandError} for an invalid baseline
 */
export function knownDrift({ driftIgnore, driftBaseline }: Invocation): KnownDrift {
  return {
    ignore: driftIgnore,
    baseline: driftBaseline === undefined ? [] : baselineIn(driftBaseline),
  };
}

function baselineIn(file: string): readonly DriftDifference[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(
      `--drift-baseline ${file} could not be read (${(error as NodeJS.ErrnoException).code}). ${MAKE_BASELINE}`,
    );
  }
  const value = parsed(text);
  if (isBaseline(value)) return value;
  throw new CommandError(`--drift-baseline ${file} is not a JSON list of differences. ${MAKE_BASELINE}`);
}

const MAKE_BASELINE = `Make it with: check --drift --json … | jq '${BASELINE_FILTER}'`;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Adds the drift of each connection to its snapshot, one connection after the other. */
export async function withDrift(
  snapshots: readonly Snapshot[],
  sources: ReadonlyMap<string, DataSource>,
  monitor: Monitor,
  known: KnownDrift,
): Promise<readonly Snapshot[]> {
  const judged: Snapshot[] = [];
  for (const snapshot of snapshots) {
    const dataSource = sources.get(snapshot.connection);
    const isRead = dataSource !== undefined && snapshot.collection?.status === 'read';
    const reading: DriftReading = isRead
      ? await read(snapshot.connection, dataSource, monitor)
      : { skipped: 'unreadable', checkedAt: Date.now() };
    judged.push({ ...snapshot, drift: driftReportOf(reading, known) });
  }
  return judged;
}

function read(alias: string, dataSource: DataSource, monitor: Monitor): Promise<DriftReading> {
  const state = async () => {
    const reading = await monitor.readOne(alias, dataSource);
    return reading.status === 'read' ? reading.state : undefined;
  };
  const options = { timeout: TIMEOUT, whole: true };
  return judgeDrift(asApplicationHasIt(dataSource), state, options);
}

/**
 * Restores the cache that the guard has removed, because its table belongs to the schema. A statement that
 * the guard takes for a write fails instead of returning nothing, which would look like drift.
 */
function asApplicationHasIt(dataSource: DataSource): DataSource {
  return derive(dataSource, {
    queryResultCache: GuardedDataSource.of(dataSource)?.cache,
    createQueryRunner: (mode?: 'master' | 'slave') => refusingWrites(dataSource.createQueryRunner(mode)),
  });
}

function refusingWrites(runner: QueryRunner): QueryRunner {
  const query = runner.query.bind(runner);
  runner.query = (...parameters: Parameters<typeof query>) =>
    isRead(parameters[0]) ? query(...parameters) : Promise.reject(new Error(SENDS_NO_WRITE));
  return runner;
}

/** Violations that already explain why drift was not judged. */
const CAUSES: Readonly<Partial<Record<DriftSkip, readonly string[]>>> = {
  unapplied: ['unapplied', 'unknown', 'out-of-order'],
  unreadable: ['unreadable'],
};

/** Applies a policy that allows neither drift nor unknown drift. */
export function forbidDrift(report: MigrationsReport): MigrationsReport {
  const connections = report.connections.map((connection): ConnectionReport => {
    const { drift, failedOn } = connection;
    const isCaused =
      drift?.skipped !== undefined && CAUSES[drift.skipped]?.some((cause) => has(failedOn, cause));
    if (drift?.statements === 0 || isCaused) return connection;
    return { ...connection, ok: false, failedOn: [...failedOn, 'drift'] };
  });
  return { ...report, ok: connections.every(({ ok }) => ok), connections };
}

/** Whether drift is forbidden but not known. */
export function isDriftUnknown({ failedOn, drift }: ConnectionReport): boolean {
  return failedOn.includes('drift') && drift?.statements === null;
}

/** Lists the known differences that no longer exist. It needs the drift of every connection. */
export function notesOn(
  { connections }: MigrationsReport,
  { ignore = [], baseline = [] }: KnownDrift,
): string[] {
  if (connections.some(({ drift }) => drift?.skipped !== undefined)) return [];
  const all = connections.flatMap(({ drift }) => [...(drift?.differences ?? []), ...(drift?.ignored ?? [])]);
  const { unmatched } = ignoreDrift(all, ignore);
  const gone = compareBaseline(all, baseline).gone.map(pathOf);
  const { shown, more } = firstNames(gone);
  return [
    ...new Set(unmatched.map((entry) => `--drift-ignore ${String(entry)} matches no difference: remove it.`)),
    ...(gone.length === 0
      ? []
      : [
          `--drift-baseline has differences that no longer exist: ${shown.join(', ')}` +
            `${more > 0 ? `, and ${more} more` : ''}. Remove them.`,
        ]),
  ];
}

function has(list: readonly string[], item: string): boolean {
  return list.includes(item);
}
