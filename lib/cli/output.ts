import { fstatSync, writeFileSync } from 'node:fs';
import { oneLine } from '../logger';
import { CommandError } from './command-error';

/** A stream of the process: on a file descriptor, or of a test. */
type Stream = NodeJS.WriteStream & { readonly fd?: number };

/** As after `| head`. */
const READER_IS_GONE: readonly string[] = ['EPIPE', 'ERR_STREAM_DESTROYED'];

/** Where a command prints: its result on stdout, everything else on stderr. */
export class Output {
  private readonly writeOut: Stream['write'];
  private readonly writeError: Stream['write'];
  private isQuiet = false;

  constructor(
    private readonly stdout: Stream,
    private readonly stderr: Stream,
  ) {
    this.writeOut = stdout.write.bind(stdout);
    this.writeError = stderr.write.bind(stderr);
    // A reader that goes away, as `head` does, is no reason to fail.
    stdout.on('error', () => undefined);
    stderr.on('error', () => undefined);
  }

  /** Keeps stdout for the result: the application's own files print to stderr from now on, if at all. */
  divert(isQuiet: boolean): void {
    this.isQuiet = isQuiet;
    this.stdout.write = isQuiet ? drop : this.writeError;
    if (isQuiet) this.stderr.write = drop;
  }

  /**
   * Resolves when it is written, or when nobody reads it any more.
   *
   * @throws {@link CommandError} if it cannot be written, as on a full disk
   */
  async result(text: string): Promise<void> {
    if (this.isQuiet) return;
    try {
      // Node.js ignores that a file took only a part.
      const { fd } = this.stdout;
      if (fd !== undefined && fstatSync(fd).isFile()) writeFileSync(fd, text);
      else await this.write(text);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!READER_IS_GONE.includes(code))
        throw new CommandError(`The output could not be written (${code}).`);
    }
  }

  private write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.writeOut(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Writes one line to stderr. */
  note(line: string): void {
    if (!this.isQuiet) this.writeError(`${oneLine(line)}\n`);
  }

  /** Columns of the terminal; `Infinity` if it is none. */
  get width(): number {
    return this.stdout.isTTY ? this.stdout.columns || Infinity : Infinity;
  }

  /** Whether the result may have colors: on a terminal, and as FORCE_COLOR and NO_COLOR say. */
  get hasColors(): boolean {
    const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
    if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
    return this.stdout.isTTY && !NO_COLOR && TERM !== 'dumb';
  }
}

const drop = ((_chunk: unknown, encodingOrDone?: unknown, done?: unknown) => {
  const callback = typeof encodingOrDone === 'function' ? encodingOrDone : done;
  if (typeof callback === 'function') process.nextTick(callback);
  return true;
}) as Stream['write'];
