import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CommandError } from '../../../lib/cli/command-error';
import { writeWhole } from '../../../lib/cli/write-whole';

const calls = vi.hoisted(() => ({ list: [] as string[], failing: '' }));
vi.mock('node:fs', async (original) => {
  const actual = await original<typeof fs>();
  const told = (name: 'openSync' | 'fsyncSync' | 'writeFileSync' | 'chmodSync' | 'renameSync') =>
    ((...args: unknown[]) => {
      calls.list.push(`${name} ${typeof args[0] === 'string' ? args[0] : ''}`.trim());
      if (calls.failing === name)
        throw Object.assign(new Error(`${name} failed: secret`), { code: 'ENOSPC' });
      return (actual[name] as (...args: unknown[]) => unknown)(...args);
    }) as never;
  const mocked = {
    openSync: told('openSync'),
    fsyncSync: told('fsyncSync'),
    writeFileSync: told('writeFileSync'),
    chmodSync: told('chmodSync'),
    renameSync: told('renameSync'),
  };
  return { ...actual, ...mocked, default: { ...actual, ...mocked } };
});

let folder: string;
let file: string;

beforeEach(() => {
  calls.failing = '';
  folder = mkdtempSync(join(tmpdir(), 'textfile-'));
  file = join(folder, 'migrations.prom');
  writeFileSync(file, 'as it was\n');
  calls.list.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeWhole', () => {
  it('replaces the file, and leaves nothing else behind', () => {
    writeWhole('--textfile', file, 'new\n');
    expect(readFileSync(file, 'utf8')).toBe('new\n');
    expect(readdirSync(folder)).toEqual(['migrations.prom']);
  });

  it('makes the file if there is none', () => {
    rmSync(file);
    writeWhole('--textfile', file, 'new\n');
    expect(readdirSync(folder)).toEqual(['migrations.prom']);
  });

  it('writes a file beside it that the collector does not read, and flushes it before it is renamed', () => {
    writeWhole('--textfile', file, 'new\n');
    expect(calls.list.map((call) => call.split(' ')[0])).toEqual([
      'openSync',
      'writeFileSync',
      'fsyncSync',
      'chmodSync',
      'renameSync',
    ]);
    const temporary = calls.list[0]?.split(' ')[1] ?? '';
    expect(temporary.startsWith(`${folder}/.`)).toBe(true);
    expect(temporary).not.toMatch(/\.prom$/);
    expect(calls.list.at(-1)).toBe(`renameSync ${temporary}`);
  });

  it('is readable for the collector, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      writeWhole('--textfile', file, 'new\n');
    } finally {
      process.umask(umask);
    }
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  it.each(['openSync', 'writeFileSync', 'fsyncSync', 'chmodSync', 'renameSync'])(
    'leaves the file as it was if %s fails',
    (step) => {
      calls.failing = step;
      expect(() => writeWhole('--textfile', file, 'new\n')).toThrow(
        new CommandError(
          `--textfile ${file} could not be written (ENOSPC). Check that its folder exists and is writable.`,
        ),
      );
      expect(readFileSync(file, 'utf8')).toBe('as it was\n');
      expect(readdirSync(folder)).toEqual(['migrations.prom']);
    },
  );

  it('says so if there is no folder', () => {
    expect(() => writeWhole('--textfile', join(folder, 'gone/migrations.prom'), '')).toThrow('(ENOENT)');
  });

  it.each(['migrations.prom/x', `${'x'.repeat(250)}`, `${'x'.repeat(300)}`])(
    'says so if the path cannot be one: %s',
    (name) => {
      expect(() => writeWhole('--output', join(folder, name), '')).toThrow(
        /could not be written \((ENOTDIR|ENAMETOOLONG)\)/,
      );
      expect(readdirSync(folder)).toEqual(['migrations.prom']);
    },
  );

  it('replaces no file that the command reads, not even through a link', () => {
    const link = join(folder, 'link.prom');
    symlinkSync(file, link);
    for (const [output, input] of [
      [file, file],
      [link, file],
      [file, link],
    ] as const) {
      expect(() => writeWhole('--output', output, 'new\n', [join(folder, 'gone'), input])).toThrow(
        `--output ${output} is a file that this command reads.`,
      );
    }
    expect(readFileSync(file, 'utf8')).toBe('as it was\n');
  });

  it('says so if it is a folder', () => {
    mkdirSync(join(folder, 'folder'));
    expect(() => writeWhole('--textfile', join(folder, 'folder'), '')).toThrow('folder is not a file.');
    expect(readdirSync(folder).sort()).toEqual(['folder', 'migrations.prom']);
  });

  it('replaces no device', () => {
    const device = join(folder, 'null');
    symlinkSync('/dev/null', device);
    expect(() => writeWhole('--textfile', device, 'new\n')).toThrow('null is not a file.');
    expect(readlinkSync(device)).toBe('/dev/null');
  });

  it('writes where a link leads, and keeps the link', () => {
    const link = join(folder, 'link.prom');
    symlinkSync(file, link);
    writeWhole('--textfile', link, 'new\n');
    expect([readlinkSync(link), readFileSync(file, 'utf8')]).toEqual([file, 'new\n']);
  });

  it('is not kept from it by what a process that was killed has left behind', () => {
    // In a container, each process has the number of the last one.
    writeFileSync(join(folder, `.migrations.prom.${process.pid}.tmp`), 'half of it');
    writeWhole('--textfile', file, 'new\n');
    expect(readFileSync(file, 'utf8')).toBe('new\n');
  });
});
