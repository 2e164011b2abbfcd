import { Monitor } from '../monitor/monitor';
import { type MigrationsReport, reportOf } from '../verdict/report';
import type { Policy } from '../verdict/verdict';
import { waitForMigrations } from '../verdict/waiting';
import { CONCURRENCY, Connections } from './connections';
import { forbidDrift, isDriftUnknown, knownDrift, notesOn, withDrift } from './drift';
import { EXIT } from './exit';
import type { Invocation } from './flags';
import type { Output } from './output';
import { textOf } from './report-text';
import { inputsOf, loadSources } from './sources';
import { writeWhole } from './write-whole';

/** Format of a report in a file. */
const PLAIN = { width: Infinity, hasColors: false };
/** Milliseconds between two reads while waiting. */
const INTERVAL = 1000;

/**
 * Checks whether every migration is applied. Resolves to the exit code.
 *
 * @param decide - called with the exit code as soon as the report is printed, before the connections are
 * closed
 */
export async function check(
  invocation: Invocation,
  output: Output,
  decide: (code: number) => void = () => undefined,
): Promise<number> {
  const { timeout, wait, json, output: file, drift, failOn } = invocation;
  const known = knownDrift(invocation);
  const connections = new Connections(timeout, { withEntities: drift });
  const sources = await loadSources(invocation, connections);
  const monitor = new Monitor({
    dataSources: Object.fromEntries(sources),
    exclude: [],
    refresh: 'scrape',
    maxAge: 0,
    timeout,
    concurrency: CONCURRENCY,
    connectionError: connections.errorOf,
  });
  const policy = policyOf(invocation);
  const read = async () => {
    await connections.openAll(sources, (line) => output.note(line));
    return monitor.readNow();
  };
  try {
    const waited = await waitForMigrations(await read(), {
      policy,
      timeout: wait * 1000,
      interval: INTERVAL,
      read,
      log: (line) => output.note(line),
    });
    const snapshots = drift ? await withDrift(waited, sources, monitor, known) : waited;
    const allowing = reportOf(snapshots, policy);
    const report = failOn.includes('drift') ? forbidDrift(allowing) : allowing;
    for (const line of drift ? notesOn(report, known) : []) output.note(line);
    const text = json
      ? `${JSON.stringify(report, undefined, 2)}\n`
      : textOf(snapshots, report, file === undefined ? output : PLAIN);
    if (file === undefined) await output.result(text);
    else writeWhole('--output', file, text, inputsOf(invocation, sources));
    const code = exitCodeOf(report);
    decide(code);
    return code;
  } finally {
    await monitor.stop();
    await connections.close();
  }
}

/** Builds the policy: everything that `--fail-on` does not name is allowed. */
function policyOf({ failOn }: Invocation): Policy {
  return {
    allowUnapplied: failOn.includes('unapplied') ? 0 : Infinity,
    allowUnknown: !failOn.includes('unknown'),
    allowOutOfOrder: !failOn.includes('out-of-order'),
    allowNoMigrations: !failOn.includes('no-migrations'),
  };
}

function exitCodeOf({ status, ok, connections }: MigrationsReport): number {
  if (status === 'unreadable' || connections.some(isDriftUnknown)) return EXIT.unknown;
  return ok ? EXIT.upToDate : EXIT.unapplied;
}
