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
import { basename, dirname, join } from 'node:path';
import { CommandError } from './command-error';

/** Other users may read the file, such as the user of a collector. */
const READABLE_BY_ALL = 0o644;

/**
 * Replaces a file completely or not at all. It writes in one turn of the event loop, so that no signal can
 * end the process and leave the temporary file behind.
 *
 * @param flag - the flag that names the file, for messages
 * @param inputs - files that the command reads: none of them is replaced
 * @throws {@link CommandError} if it cannot be written
 */
export function writeWhole(
  flag: string,
  name: string,
  content: string,
  inputs: readonly string[] = [],
): void {
  const file = targetOf(flag, name);
  if (inputs.some((input) => existsSync(input) && realpathSync(input) === file)) {
    throw new CommandError(`${flag} ${name} is a file that this command reads. Give the path of another.`);
  }
  // A collector reads every file that ends in .prom, so the name ends in .tmp. It is random, because in
  // containers all processes have the same id.
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
    // The file may be missing, if it could not be opened.
    if (existsSync(temporary)) rmSync(temporary, { force: true });
    throw new CommandError(
      `${flag} ${name} could not be written (${code}). Check that its folder exists and is writable.`,
    );
  }
}

/** Resolves links. A device or a folder must not be replaced by a file. */
function targetOf(flag: string, name: string): string {
  if (!existsSync(name)) return name;
  if (!statSync(name).isFile()) {
    throw new CommandError(
      `${flag} ${name} is not a file. Give the path of an existing file or of a new one.`,
    );
  }
  return realpathSync(name);
}
