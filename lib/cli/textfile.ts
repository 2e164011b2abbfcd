import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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
  const file = targetOf(name);
  // The collector reads every file that ends in .prom. In containers, all processes have the same number.
  const suffix = randomBytes(6).toString('hex');
  const temporary = join(dirname(file), `.${basename(file)}.${suffix}.tmp`);
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
    rmSync(temporary, { force: true });
    throw new CommandError(
      `--textfile ${name} could not be written (${code}). Check that its folder exists and is writable.`,
    );
  }
}

/** Where a link leads. A device or a folder must not be replaced by a file. */
function targetOf(name: string): string {
  const file = resolve(name);
  if (!existsSync(file)) return file;
  if (!statSync(file).isFile()) {
    throw new CommandError(`--textfile ${name} is no file. Give the path of a file that ends in .prom.`);
  }
  return realpathSync(file);
}
