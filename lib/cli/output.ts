import { oneLine } from '../logger';

type Stream = NodeJS.WriteStream;

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

  /** Resolves when it is written. */
  result(text: string): Promise<void> {
    if (this.isQuiet) return Promise.resolve();
    return new Promise((resolve) => this.writeOut(text, () => resolve()));
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
