import { Monitor } from '../monitor/monitor';
import { EXPORTER_OPTIONS } from '../options/option.table';
import { resolve } from '../options/resolve';
import { newRegistry } from '../prometheus/client';
import { MigrationMetrics } from '../prometheus/metrics';
import { Connections } from './connections';
import { EXIT } from './exit';
import type { Invocation } from './flags';
import type { Output } from './output';
import { inputsOf, loadSources } from './sources';
import { writeWhole } from './write-whole';

/**
 * Prints the metrics once. Resolves to the exit code.
 *
 * @param decide - called with the exit code as soon as they are printed, before the connections are closed
 */
export async function metrics(
  invocation: Invocation,
  output: Output,
  decide: (code: number) => void = () => undefined,
): Promise<number> {
  const { timeout, textfile } = invocation;
  const connections = new Connections(timeout);
  const sources = await loadSources(invocation, connections);
  const options = resolve(
    EXPORTER_OPTIONS,
    {
      dataSources: Object.fromEntries(sources),
      timeout,
      // Show everything that the command line names, even if the application's environment excludes it.
      exclude: [],
      // Collecting the metrics must not read again.
      refresh: 'bootstrap',
    },
    process.env,
  );
  const monitor = new Monitor({ ...options, connectionError: connections.errorOf });
  const registry = newRegistry();
  try {
    await connections.openAll(sources, (line) => output.note(line));
    new MigrationMetrics(registry, options, monitor).publish();
    monitor.includeAll();
    const readings = await monitor.readExported();
    const exposition = await registry.metrics();
    if (textfile === undefined) await output.result(exposition);
    else writeWhole('--textfile', textfile, exposition, inputsOf(invocation, sources));
    const code = readings.every(({ status }) => status === 'read') ? EXIT.upToDate : EXIT.unknown;
    decide(code);
    return code;
  } finally {
    await monitor.stop();
    await connections.close();
  }
}
