import type { DataSource } from 'typeorm';

type Send = () => Promise<unknown>;

/**
 * Puts something between a DataSource and its database: every statement that a query runner sends from
 * now on goes through it.
 */
export function interceptStatements(
  dataSource: DataSource,
  intercept: (send: Send) => Promise<unknown>,
): void {
  const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
  const intercepted = new WeakSet<object>();
  dataSource.createQueryRunner = (mode) => {
    const runner = createQueryRunner(mode);
    // SQLite's drivers give out the same one each time.
    if (intercepted.has(runner)) return runner;
    intercepted.add(runner);
    const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(runner, { query: (...args: unknown[]) => intercept(() => query(...args)) });
    return runner;
  };
}

/** Holds the statements of a DataSource back until the function that it returns is called. */
export function holdStatements(dataSource: DataSource): () => void {
  let answer!: () => void;
  const released = new Promise<void>((resolve) => (answer = resolve));
  interceptStatements(dataSource, async (send) => {
    await released;
    return send();
  });
  return answer;
}
