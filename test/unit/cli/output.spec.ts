import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Output } from '../../../lib/cli/output';
import { RecordingStream } from '../../support/command';

let stdout: RecordingStream;
let stderr: RecordingStream;
let output: Output;

beforeEach(() => {
  for (const name of ['FORCE_COLOR', 'NO_COLOR', 'TERM']) vi.stubEnv(name, undefined);
  stdout = new RecordingStream();
  stderr = new RecordingStream();
  output = new Output(stdout.asStream, stderr.asStream);
});
afterEach(() => vi.unstubAllEnvs());

describe('Output', () => {
  it('prints the result to stdout, and lines to stderr', async () => {
    output.note('on its\nway');
    await output.result('done\n');
    expect([stdout.text, stderr.text]).toEqual(['done\n', 'on its\\u000away\n']);
  });

  it('keeps stdout for the result', async () => {
    output.divert(false);
    stdout.write('chatter\n');
    stderr.write('noise\n');
    await output.result('done\n');
    expect([stdout.text, stderr.text]).toEqual(['done\n', 'chatter\nnoise\n']);
  });

  it('prints nothing when quiet, and calls back all the same', async () => {
    output.divert(true);
    await new Promise<void>((resolve) => stdout.write('chatter\n', () => resolve()));
    await new Promise<void>((resolve) => stderr.write('noise\n', 'utf8', () => resolve()));
    output.note('on its way');
    await output.result('done\n');
    expect([stdout.text, stderr.text]).toEqual(['', '']);
  });

  it('outlasts a reader that goes away', async () => {
    stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await output.result('done\n');
    expect(stdout.text).toBe('');
  });

  it.each([
    [undefined, undefined, Infinity],
    [undefined, 80, Infinity],
    [true, 80, 80],
    [true, 0, Infinity],
    [true, undefined, Infinity],
  ])('with isTTY %s and columns %s it is %d wide', (isTTY, columns, width) => {
    Object.assign(stdout, { isTTY, columns });
    expect(output.width).toBe(width);
  });

  it.each([
    [undefined, {}, false],
    [true, {}, true],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [undefined, { FORCE_COLOR: '1' }, true],
    [undefined, { FORCE_COLOR: '' }, true],
    [undefined, { FORCE_COLOR: '3', NO_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: 'false' }, false],
  ])('with isTTY %s and %o it has colors: %s', (isTTY, environment, hasColors) => {
    Object.assign(stdout, { isTTY });
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    expect(Boolean(output.hasColors)).toBe(hasColors);
  });
});
