import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { End } from '../../../lib/cli/end';

/** A process that notes its exit code instead of exiting. */
class FakeProcess extends EventEmitter {
  code: number | undefined;
  readonly reallyExit = (code: number): void => {
    this.code ??= code;
  };
}

function make() {
  const fake = new FakeProcess();
  const onEarly = vi.fn();
  const end = new End(fake as unknown as NodeJS.Process, onEarly);
  return { fake, end, onEarly };
}

describe('End', () => {
  it('ends the process with what the command decides', () => {
    const { fake, end, onEarly } = make();
    expect(end.isDecided).toBe(false);
    end.now(1);
    expect([fake.code, end.isDecided, onEarly.mock.calls.length]).toEqual([1, true, 0]);
  });

  it('keeps the first code', () => {
    const { fake, end } = make();
    end.decide(0);
    end.now(2);
    expect(fake.code).toBe(0);
  });

  it.each([
    ['exit', ['exit']],
    ['idle', ['beforeExit', 'exit']],
  ] as const)('could not tell if the process ends before that (%s)', (how, events) => {
    const { fake, onEarly } = make();
    for (const event of events) fake.emit(event, 0);
    expect([fake.code, onEarly.mock.calls]).toEqual([2, [[how]]]);
  });

  it('does not exit with the code that somebody else names', () => {
    const { fake } = make();
    fake.reallyExit(0);
    expect(fake.code).toBe(2);
  });

  it.each([[['exit']], [[]]])('listens again if its listeners are taken away (%j)', async (events) => {
    const { fake, onEarly } = make();
    for (let again = 0; again < 2; again += 1) {
      fake.removeAllListeners(...events);
      await Promise.resolve().then(() => new Promise(setImmediate));
    }
    expect([fake.listenerCount('exit'), fake.listenerCount('beforeExit')]).toEqual([1, 1]);
    fake.emit('beforeExit', 0);
    fake.emit('exit', 0);
    expect([fake.code, onEarly.mock.calls]).toEqual([2, [['idle']]]);
  });
});
