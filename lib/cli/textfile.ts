import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CommandError } from './command-error';

/** For the collector's user, who is another. */
const READABLE_BY_ALL = 0o644;

/**
 * Replaces a file whole or not at all. Written in one turn of the event loop, so that no signal can end
 * the process with the temporary file left behind.
 *
 * @throws {@link CommandError} if it cannot be written
 */
export function writeTextfile(name: string, content: string): void {
  const file = resolve(name);
  // The collector reads every file that ends in .prom.
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
  try {
    const descriptor = openSync(temporary, 'wx', READABLE_BY_ALL);
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    chmodSync(temporary, READABLE_BY_ALL);
    renameSync(temporary, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') rmSync(temporary, { force: true });
    throw new CommandError(
      `--textfile ${name} could not be written (${code}). Check that its folder exists and is writable.`,
    );
  }
}
