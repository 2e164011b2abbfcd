import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { PlaceHolder } from '../../../lib/migration/reader';
import { BoundedPlaces } from '../../../lib/monitor/places';

class Statement implements PlaceHolder {
  isUnderWay = false;
  isOverdue = false;
  canLetGo = true;

  start(): void {
    this.isUnderWay = true;
  }
  letGo(): boolean {
    if (this.canLetGo) this.isUnderWay = false;
    return this.canLetGo;
  }
}

function enter(places: BoundedPlaces, count: number): Statement[] {
  const statements = Array.from({ length: count }, () => new Statement());
  for (const statement of statements) places.enter(statement);
  return statements;
}
const underWay = (statements: readonly Statement[]) =>
  statements.flatMap(({ isUnderWay }, index) => (isUnderWay ? [index] : []));
const socket = () => new EventEmitter() as Socket;

describe('BoundedPlaces', () => {
  it('has no more than concurrency under way, and lets the next in when one leaves, in their order', () => {
    const places = new BoundedPlaces(2);
    const statements = enter(places, 4);
    expect(underWay(statements)).toEqual([0, 1]);
    places.leave(statements[1] as Statement);
    expect(underWay(statements)).toEqual([0, 1, 2]);
    // Who gives up waiting leaves nothing behind.
    places.leave(statements[3] as Statement);
    places.leave(statements[0] as Statement);
    places.leave(statements[2] as Statement);
    expect(places.isStuck).toBe(false);
    expect(underWay(enter(places, 3))).toEqual([0, 1]);
  });

  it('takes the place of one that is overdue, if its driver lets go of it', () => {
    const places = new BoundedPlaces(2);
    const [stubborn, hanging, next, last] = enter(places, 4) as [Statement, Statement, Statement, Statement];
    stubborn.isOverdue = hanging.isOverdue = true;
    stubborn.canLetGo = false;
    places.review();
    expect(underWay([stubborn, hanging, next, last])).toEqual([0, 2]);
    next.isOverdue = true;
    next.canLetGo = false;
    places.review();
    // Both are under way still, however long: nobody else may send a statement.
    expect(underWay([stubborn, hanging, next, last])).toEqual([0, 2]);
    expect(places.isStuck).toBe(true);
    places.leave(next);
    expect(underWay([last])).toEqual([0]);
  });

  it('is not stuck while the next waits for no more than its turn of the event loop', () => {
    const places = new BoundedPlaces(16);
    const statements = enter(places, 9);
    expect(underWay(statements)).toHaveLength(8);
    for (const statement of statements) statement.isOverdue = true;
    expect(places.isStuck).toBe(false);
  });

  it('has half of its places for connections that stay open, and lets in fewer statements for them', () => {
    const places = new BoundedPlaces(4);
    const [first, second, third] = [socket(), socket(), socket()] as [Socket, Socket, Socket];
    expect([first, second, third, first].map((each) => places.mayStayOpen(each))).toEqual([
      true,
      true,
      false,
      true,
    ]);
    const statements = enter(places, 4);
    expect(underWay(statements)).toEqual([0, 1]);
    // Closed by its pool, when it was idle for long.
    first.emit('close');
    expect(underWay(statements)).toEqual([0, 1, 2]);
    expect(places.mayStayOpen(third)).toBe(true);
  });

  it('lets somebody in however many connections stay open', () => {
    const places = new BoundedPlaces(1);
    expect(places.mayStayOpen(socket())).toBe(true);
    expect(underWay(enter(places, 2))).toEqual([0]);
  });

  it('waits for those under way when it is drained, but not for ever, and lets go of the rest', async () => {
    const places = new BoundedPlaces(2);
    const [quick, hanging, waiting] = enter(places, 3) as [Statement, Statement, Statement];
    hanging.isOverdue = true;
    const drained = places.drain(10_000);
    places.leave(quick);
    await drained;
    expect(underWay([hanging, waiting])).toEqual([]);

    const [slow] = enter(places, 1) as [Statement];
    await places.drain(20);
    expect(underWay([slow])).toEqual([]);
  });
});
