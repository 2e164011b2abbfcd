import { Monitor } from '../monitor/monitor';
import { type MigrationsReport, reportOf } from '../verdict/report';
import type { Policy } from '../verdict/verdict';
import { waitForMigrations } from '../verdict/waiting';
import { CONCURRENCY, Connections } from './connections';
import { EXIT } from './exit';
import type { Invocation } from './flags';
import type { Output } from './output';
import { textOf } from './report-text';
import { loadSources } from './sources';

/** Milliseconds between two reads of a wait. */
const INTERVAL = 1000;

/** Tells whether every migration is applied. Resolves to the exit code. */
export async function check(invocation: Invocation, output: Output): Promise<number> {
  const { timeout, wait, json } = invocation;
  const connections = new Connections(timeout);
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
    const snapshots = await waitForMigrations(await read(), {
      policy,
      timeout: wait * 1000,
      interval: INTERVAL,
      read,
      tell: (line) => output.note(line),
    });
    const report = reportOf(snapshots, policy);
    await output.result(
      json ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(snapshots, report, output),
    );
    return exitCodeOf(report);
  } finally {
    await monitor.stop();
    await connections.close();
  }
}

/** What `--fail-on` does not name is allowed. */
function policyOf({ failOn }: Invocation): Policy {
  return {
    allowUnapplied: failOn.includes('unapplied') ? 0 : Infinity,
    allowUnknown: !failOn.includes('unknown'),
    allowOutOfOrder: !failOn.includes('out-of-order'),
  };
}

function exitCodeOf({ status, ok }: MigrationsReport): number {
  if (status === 'unreadable') return EXIT.unknown;
  return ok ? EXIT.upToDate : EXIT.unapplied;
}
