import { type Command, COMMANDS, defaultOf, type FlagRow, rows } from './flags';

const NAME = 'nestjs-prometheus-migrations';

const EXAMPLES: Readonly<Record<Command, readonly string[]>> = {
  check: [
    'check --data-source dist/data-source.js',
    'check -d orders=src/orders.ts -d users=src/users.ts --json',
    'check --module dist/app.module.js --wait 300',
    'check --data-source dist/data-source.js --fail-on unapplied,drift',
  ],
  metrics: [
    'metrics --data-source dist/data-source.js',
    'metrics --data-source dist/data-source.js --textfile migrations.prom',
  ],
  review: [
    'review --data-source src/data-source.ts --base origin/main',
    'review -d src/data-source.ts -b origin/main --format github',
    'review -d src/data-source.ts -b main --allow CreateCarts1767225600000',
  ],
};

const EXIT_CODES: Readonly<Record<Command, readonly string[]>> = {
  check: [
    '0    every migration is applied',
    '1    a migration is unapplied, or a condition of --fail-on applies',
    '2    the result is not known: a database or its drift cannot be read, or a file or a flag is wrong',
    '130  interrupted (SIGINT)',
  ],
  metrics: [
    '0    every connection could be read',
    '2    a connection could not be read (metrics are still printed), or a file or flag is wrong',
    '130  interrupted (SIGINT)',
  ],
  review: [
    '0    there is no finding that --fail-on names',
    '1    there is a finding that --fail-on names and that is not allowed',
    '2    the result is not known: git does not have the base, or a file or a flag is wrong',
    '130  interrupted (SIGINT)',
  ],
};

/** Returns the help of the whole command line or of one command. */
export function helpOf(command: Command | undefined): string {
  return command === undefined ? overview() : commandHelp(command);
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map(({ length }) => length));
  return [
    `Usage: ${NAME} <command> [flags]`,
    '',
    ...Object.entries(COMMANDS).map(([command, help]) => `  ${command.padEnd(width)}  ${help}`),
    '',
    `${NAME} <command> --help shows its flags. No command writes to a database.`,
    '',
  ].join('\n');
}

function commandHelp(command: Command): string {
  const flags = rows().filter(([, row]) => row.commands.includes(command));
  return [
    `Usage: ${NAME} ${command} --data-source <file>${command === 'review' ? ' --base <ref>' : ''} [flags]`,
    '',
    COMMANDS[command],
    PROMISES[command],
    '',
    'Flags:',
    ...flags.flatMap(([name, row]) => flagLines(name, row, command)),
    '',
    'Exit codes:',
    ...EXIT_CODES[command].map((line) => `  ${line}`),
    '',
    'Examples:',
    ...EXAMPLES[command].map((line) => `  ${NAME} ${line}`),
    '',
    'TypeScript files are loaded by @swc-node/register, ts-node or tsx, whichever of them is installed.',
    'Environment files are not loaded: load dotenv in your own files.',
    '',
  ].join('\n');
}

const WRITES_NOTHING = "It writes nothing to a database, whatever the DataSource's options say.";
const PROMISES: Readonly<Record<Command, string>> = {
  check: WRITES_NOTHING,
  metrics: WRITES_NOTHING,
  review: 'It connects to no database, fetches nothing, and changes nothing in the repository.',
};

const INDENT = 6;
const LINE = 90;

function flagLines(name: string, row: FlagRow, command: Command): string[] {
  const { short, value, multiple, help } = row;
  const fallback = defaultOf(row, command);
  const names = `  ${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` <${value}>`}`;
  const more = [multiple ? '(repeatable)' : '', fallback === undefined ? '' : `(default: ${fallback})`];
  return [
    [names, ...more].filter((part) => part !== '').join(' '),
    ...wrap(help, LINE - INDENT).map((line) => ' '.repeat(INDENT) + line),
  ];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
