import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LONGEST_TIMER } from '../clock';
import { suggestion } from '../options/did-you-mean';
import { FINDINGS } from '../review/judge';
import { FORBIDDEN } from '../verdict/verdict';
import { CommandError } from './command-error';

export const COMMANDS = {
  check: 'Checks whether every migration is applied. The exit code is the result.',
  metrics: 'Prints the metrics once, for a textfile collector or a Job.',
  review: 'Finds problems with the migrations of a branch before the merge.',
} as const;
export type Command = keyof typeof COMMANDS;

/** One flag of the command line. */
export interface FlagRow {
  readonly short?: string;
  /** Placeholder of the value in the help; a flag without one is a switch. */
  readonly value?: string;
  /** Whether the flag can be repeated. */
  readonly multiple?: boolean;
  /** The commands that have this flag. */
  readonly commands: readonly Command[];
  readonly help: string;
  readonly default?: string | Readonly<Partial<Record<Command, string>>>;
  /** Parses the value; `undefined` if it is invalid. */
  readonly parse?: (text: string, command: Command) => unknown;
  /** The rule for a value, as a sentence. */
  readonly rule?: string | ((command: Command) => string);
}

/** Values of `--fail-on`. An unreadable database is not among them: it always exits with 2. */
const FAIL_ON: Readonly<Partial<Record<Command, readonly string[]>>> = {
  check: [...FORBIDDEN.filter((forbidden) => forbidden !== 'unreadable'), 'drift'],
  review: FINDINGS,
};
const FAIL_ON_NAMES = Object.entries(FAIL_ON)
  .map(([command, names]) => `${command}: ${names.join(', ')}`)
  .join('; ');
/** Formats of `review`. */
const FORMATS: readonly string[] = ['text', 'json', 'github'];

const ALL = Object.keys(COMMANDS) as readonly Command[];
const REPORTS: readonly Command[] = ['check', 'review'];
const READS: readonly Command[] = ['check', 'metrics'];

/** All flags. The parser and the help use this table, and the documentation is checked against it. */
export const FLAGS = {
  'data-source': {
    short: 'd',
    value: '[alias=]file[#export]',
    multiple: true,
    commands: ALL,
    help: 'A file that exports a TypeORM DataSource; #export names one of several. Repeat it for several. Without an alias the connection is called "default", or after the export or the file if there are several without one.',
  },
  module: {
    short: 'm',
    value: 'file',
    commands: ALL,
    help: 'A file that exports a Nest module: every DataSource that its application would export is read. Constructors and factories of its providers run; lifecycle hooks such as onModuleInit do not.',
  },
  import: {
    value: 'module',
    multiple: true,
    commands: ALL,
    help: 'An ES module to load first, as with `node --import`.',
  },
  require: {
    short: 'r',
    value: 'module',
    multiple: true,
    commands: ALL,
    help: 'A CommonJS module to load first, as with `node --require`.',
  },
  timeout: {
    value: 'ms',
    commands: READS,
    default: '3000',
    help: 'Milliseconds in which a connection must be made, and again in which it must answer.',
    parse: (text) => numberWithin(text, 1, LONGEST_TIMER),
    rule: `Give a number of milliseconds, from 1 to ${LONGEST_TIMER}.`,
  },
  wait: {
    value: 'seconds',
    commands: ['check'],
    default: '0',
    help: 'Seconds to wait until another process has applied the migrations. Ends as soon as they are applied, or if waiting cannot help.',
    parse: (text) => numberWithin(text, 0, LONGEST_TIMER / 1000),
    rule: `Give a number of seconds, from 0 to ${Math.floor(LONGEST_TIMER / 1000)}.`,
  },
  'fail-on': {
    value: 'list',
    commands: REPORTS,
    default: { check: 'unapplied', review: FINDINGS.filter((kind) => kind !== 'no-down').join() },
    help: `Reasons to exit with 1, separated by commas. ${FAIL_ON_NAMES}. If the result is not known, the exit code is always 2.`,
    parse: (text, command) => {
      const names = text.split(',').map((name) => name.trim());
      return names.every((name) => FAIL_ON[command]?.includes(name)) ? names : undefined;
    },
    rule: (command) =>
      `Give one or more of ${FAIL_ON[command]?.join(', ')}, separated by commas. If the result is not known, the exit code is always 2.`,
  },
  drift: {
    commands: ['check'],
    help: 'Report how the schema differs from the entities, too (docs/drift.md). Only --fail-on drift changes the exit code. The entities are loaded.',
  },
  'drift-ignore': {
    value: 'pattern',
    multiple: true,
    commands: ['check'],
    help: 'Known differences to ignore: table.name or change:table.name, with * for anything. With --drift or --fail-on drift.',
  },
  'drift-baseline': {
    value: 'file',
    commands: ['check'],
    help: 'A JSON list of known differences to ignore; those that no longer exist are reported. With --drift or --fail-on drift.',
  },
  base: {
    short: 'b',
    value: 'ref',
    commands: ['review'],
    help: 'The branch that this one will be merged into, such as origin/main; or a tag or a commit. It must be in this clone: nothing is fetched.',
  },
  allow: {
    value: 'migration',
    multiple: true,
    commands: ['review'],
    help: 'The name of a migration whose findings are all allowed.',
  },
  format: {
    value: 'format',
    commands: ['review'],
    default: 'text',
    help: `How the report is printed: ${FORMATS.join(', ')}. github adds annotations, which a workflow of GitHub shows at the lines of a pull request.`,
    parse: (text) => (FORMATS.includes(text) ? text : undefined),
    rule: `Give one of ${FORMATS.join(', ')}.`,
  },
  json: {
    commands: REPORTS,
    help: 'Print the report as JSON (docs/report.schema.json, docs/review.schema.json).',
  },
  quiet: {
    short: 'q',
    commands: REPORTS,
    help: 'Print nothing: only the exit code counts. Processes and workers that your files start may still print.',
  },
  output: {
    short: 'o',
    value: 'path',
    commands: REPORTS,
    help: 'Write the report to this file instead, completely or not at all. Processes and workers that your files start may print to stdout, but not into this file.',
  },
  textfile: {
    value: 'path',
    commands: ['metrics'],
    help: 'Write the metrics to this file instead, completely or not at all, for the textfile collector of node_exporter.',
  },
  help: { short: 'h', commands: ALL, help: 'Print the help.' },
  version: { short: 'v', commands: ALL, help: 'Print the version.' },
} as const satisfies Readonly<Record<string, FlagRow>>;

export type Flag = keyof typeof FLAGS;

/** The parsed command line. */
export interface Invocation {
  readonly command: Command | undefined;
  readonly dataSources: readonly string[];
  readonly module: string | undefined;
  readonly imports: readonly string[];
  readonly requires: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
  /** Seconds. */
  readonly wait: number;
  readonly failOn: readonly string[];
  /** Whether to check drift: with `--drift`, or if `failOn` names it. */
  readonly drift: boolean;
  readonly driftIgnore: readonly string[];
  /** Absolute path, like `output`. */
  readonly driftBaseline: string | undefined;
  readonly base: string | undefined;
  readonly allow: readonly string[];
  readonly format: string;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Absolute path: a loaded file may change the working directory. */
  readonly output: string | undefined;
  /** Absolute path, like `output`. */
  readonly textfile: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

/** @throws {@link CommandError} for an invalid command, flag or value */
export function parseInvocation(args: readonly string[]): Invocation {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(rows().map(([name, row]) => [name, parseOption(row)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words = tokens.filter((token) => token.kind === 'positional').map(({ value }) => value);
  const options = tokens.filter((token) => token.kind === 'option');
  // Check these first: the value of an unknown flag would be taken for a command.
  for (const { name, rawName } of options) checkName(name, rawName);
  const command = commandOf(words);
  for (const option of options) checkFlag(option, command);
  checkRepeated(options.map(({ name }) => name));
  const text = (flag: Flag) => values[flag] as string | undefined;
  const path = (flag: Flag) => {
    const given = text(flag);
    return given === undefined ? undefined : resolve(given);
  };
  const list = (flag: Flag) => (values[flag] as string[] | undefined) ?? [];
  const parsed = <T>(flag: 'timeout' | 'wait' | 'fail-on' | 'format') =>
    FLAGS[flag].parse(text(flag) ?? defaultOf(FLAGS[flag], command) ?? '', command ?? 'check') as T;
  const failOn = parsed<readonly string[] | undefined>('fail-on') ?? [];
  const drift = values['drift'] === true || failOn.includes('drift');
  if (!drift) checkWithoutDrift(options.map(({ name }) => name));
  return {
    command,
    dataSources: list('data-source'),
    module: text('module'),
    imports: list('import'),
    requires: list('require'),
    timeout: parsed('timeout'),
    wait: parsed('wait'),
    failOn,
    drift,
    driftIgnore: list('drift-ignore'),
    driftBaseline: path('drift-baseline'),
    base: text('base'),
    allow: list('allow'),
    format: values['json'] === true ? 'json' : parsed('format'),
    json: values['json'] === true,
    quiet: values['quiet'] === true,
    output: path('output'),
    textfile: path('textfile'),
    help: values['help'] === true,
    version: values['version'] === true,
  };
}

/** Returns the rows of {@link FLAGS} in order. */
export function rows(): [name: string, row: FlagRow][] {
  return Object.entries<FlagRow>(FLAGS);
}

/** Returns the default of a command's flag. */
export function defaultOf({ default: fallback }: FlagRow, command: Command = 'check'): string | undefined {
  return typeof fallback === 'object' ? fallback[command] : fallback;
}

function parseOption({ short, value, multiple = false }: FlagRow) {
  const type = value === undefined ? ('boolean' as const) : ('string' as const);
  return { type, multiple, ...(short !== undefined && { short }) };
}

function commandOf([word, ...rest]: readonly string[]): Command | undefined {
  if (word === undefined) return undefined;
  if (!Object.hasOwn(COMMANDS, word)) {
    throw new CommandError(`"${word}" is not a command. ${suggestion(word, Object.keys(COMMANDS))}`);
  }
  const [surplus] = rest;
  if (surplus !== undefined) {
    throw new CommandError(`"${surplus}" is not expected. Pass files as --data-source ${surplus}`);
  }
  return word as Command;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
}

function checkName(name: string, rawName: string): void {
  if (Object.hasOwn(FLAGS, name)) return;
  const known = Object.keys(FLAGS).map((flag) => `--${flag}`);
  throw new CommandError(`${rawName} is not a flag. ${suggestion(rawName, known)}`);
}

function checkFlag({ name, rawName, value }: OptionToken, command: Command | undefined): void {
  const row: FlagRow = FLAGS[name as Flag];
  if (command !== undefined && !row.commands.includes(command)) {
    throw new CommandError(`${rawName} is not a flag of ${command}, but of ${row.commands.join(' and ')}.`);
  }
  if (row.value === undefined) {
    if (value !== undefined) throw new CommandError(`${rawName} takes no value. Leave "${value}" out.`);
  } else if (value === undefined || value === '') {
    throw new CommandError(`${rawName} needs a value: ${rawName} <${row.value}>`);
  } else if (row.parse !== undefined && row.parse(value, command ?? 'check') === undefined) {
    const rule = typeof row.rule === 'function' ? row.rule(command ?? 'check') : row.rule;
    throw new CommandError(`${rawName} is "${value}". ${rule}`);
  }
}

/** Rejects repeated flags: only the last value would be used. */
function checkRepeated(names: readonly string[]): void {
  const isRepeatable = (name: string) => (FLAGS[name as Flag] as FlagRow).multiple === true;
  const twice = names.find((name, index) => !isRepeatable(name) && names.indexOf(name) < index);
  if (twice === undefined) return;
  const repeatable = Object.keys(FLAGS).filter(isRepeatable);
  throw new CommandError(
    `--${twice} is given twice. Only ${repeatable.map((name) => `--${name}`).join(', ')} can be repeated.`,
  );
}

/** Rejects flags for drift without a drift check. */
function checkWithoutDrift(names: readonly string[]): void {
  const needing = names.find((name) => name.startsWith('drift-'));
  if (needing !== undefined) throw new CommandError(`--${needing} needs --drift or --fail-on drift.`);
}

function numberWithin(text: string, lowest: number, highest: number): number | undefined {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return value >= lowest && value <= highest ? value : undefined;
}
