import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { wait } from '../../../lib/clock';
import { Collector } from '../../../lib/migration/collector';
import { fakeClock, realClock } from '../../support/clock';
import { SimulatedDatabase } from '../../support/simulated-database';

beforeEach(fakeClock);
afterEach(realClock);

describe('Collector', () => {
  it('sends nothing once it is let go, though it was waiting for migrations to load until then', async () => {
    const database = new SimulatedDatabase(true);
    const options = { type: 'sap', migrations: ['nowhere/*.js'] };
    const buildMetadatas = () => wait(1000);
    Object.assign(database.dataSource, { migrations: [], options, buildMetadatas });
    const { state, released, destroy } = new Collector(database.dataSource, {
      timeout: 3000,
      mayStayOpen: () => true,
      connectionError: () => undefined,
    }).begin();
    const failed = expect(state).rejects.toThrow('timeout');
    expect(destroy()).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    await Promise.all([failed, released]);
    expect([database.statements.size, database.clients.length]).toEqual([0, 0]);
  });
});
