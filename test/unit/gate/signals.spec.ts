import { afterEach, describe, expect, it } from 'vitest';
import { HandledSignals } from '../../../lib/gate/signals';

const SIGNAL = 'SIGUSR2';
const handler = () => {};

describe('HandledSignals', () => {
  const watches: HandledSignals[] = [];
  let told = 0;
  const watch = () => {
    const signals = new HandledSignals(() => (told += 1));
    watches.push(signals);
    return signals;
  };
  const listeners = () => process.listenerCount(SIGNAL);

  afterEach(() => {
    for (const signals of watches.splice(0)) signals.close();
    process.off(SIGNAL, handler);
    told = 0;
    expect(listeners()).toBe(0);
  });

  it('tells of a signal whose handler was there before, or is added later', () => {
    process.on(SIGNAL, handler);
    watch();
    process.emit(SIGNAL);
    expect(told).toBe(1);
    process.off(SIGNAL, handler);

    watch();
    expect(listeners()).toBe(0);
    process.once(SIGNAL, handler);
    process.emit(SIGNAL);
    expect(told).toBe(2);
  });

  it('leaves a signal that nobody else handles, or nobody any more, to its default', () => {
    watch();
    watch();
    expect(listeners()).toBe(0);
    process.on(SIGNAL, handler);
    expect(listeners()).toBe(2);
    process.off(SIGNAL, handler);
    expect(listeners()).toBe(0);
  });

  it('is not there when the handlers of the signal run', () => {
    let seen: number | undefined;
    const counting = () => (seen = listeners());
    process.on(SIGNAL, counting);
    watch();
    watch();
    process.emit(SIGNAL);
    process.off(SIGNAL, counting);
    expect({ told, seen }).toEqual({ told: 2, seen: 1 });
  });

  it('takes no notice of signals that end no process, and of other events', () => {
    const before = process.listenerCount('SIGWINCH');
    process.on('SIGWINCH', handler);
    watch();
    expect(process.listenerCount('SIGWINCH')).toBe(before + 1);
    process.off('SIGWINCH', handler);
  });

  it('tells all of one signal, with one listener: Node warns of more than ten', () => {
    const counts = () => [SIGNAL, 'newListener', 'removeListener'].map((name) => process.listenerCount(name));
    process.on(SIGNAL, handler);
    const before = counts();
    for (let index = 0; index < 20; index += 1) watch();
    expect(counts()).toEqual(before.map((count) => count + 1));
    process.emit(SIGNAL);
    expect(told).toBe(20);
    expect(counts()).toEqual(before);
  });

  it('goes on for the others when one is closed', () => {
    process.on(SIGNAL, handler);
    const closed = watch();
    watch();
    closed.close();
    closed.close();
    process.emit(SIGNAL);
    expect(told).toBe(1);
  });

  it('leaves no listener behind', () => {
    const count = () => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
    process.on(SIGNAL, handler);
    const before = count();
    watch().close();
    expect(count()).toBe(before);
  });
});
