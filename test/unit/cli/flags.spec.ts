import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../lib/cli/command-error';
import { COMMANDS, defaultOf, FLAGS, parseInvocation, rows } from '../../../lib/cli/flags';

const parse = (text: string) => parseInvocation(text === '' ? [] : text.split(' '));

describe('parseInvocation', () => {
  it('has the defaults that the help names', () => {
    expect(parse('check')).toEqual({
      command: 'check',
      dataSources: [],
      module: undefined,
      imports: [],
      requires: [],
      timeout: 3000,
      wait: 0,
      failOn: ['unapplied'],
      drift: false,
      driftIgnore: [],
      driftBaseline: undefined,
      base: undefined,
      allow: [],
      format: 'text',
      json: false,
      quiet: false,
      output: undefined,
      textfile: undefined,
      help: false,
      version: false,
    });
  });

  it.each([
    ['', { command: undefined }],
    ['check -d a.js --data-source b=b.js', { dataSources: ['a.js', 'b=b.js'] }],
    ['check --data-source=a.js', { dataSources: ['a.js'] }],
    ['--json check', { command: 'check', json: true }],
    ['check -m app.js', { module: 'app.js' }],
    ['check -r a -r b --import c --import d', { requires: ['a', 'b'], imports: ['c', 'd'] }],
    ['check -q', { quiet: true }],
    ['check --wait 0.5 --timeout 1', { wait: 0.5, timeout: 1 }],
    ['check --wait 2147483.647 --timeout 2147483647', { wait: 2147483.647, timeout: 2147483647 }],
    ['check --fail-on unknown,out-of-order', { failOn: ['unknown', 'out-of-order'] }],
    ['check --fail-on unapplied', { failOn: ['unapplied'] }],
    ['check --drift', { drift: true, failOn: ['unapplied'] }],
    ['check --fail-on drift', { drift: true, failOn: ['drift'] }],
    ['check --drift --drift-ignore a.* --drift-ignore b', { driftIgnore: ['a.*', 'b'] }],
    ['check --fail-on drift --drift-ignore a', { drift: true, driftIgnore: ['a'] }],
    ['check --drift-baseline a.json --drift', { driftBaseline: join(process.cwd(), 'a.json') }],
    ['metrics --textfile a.prom', { command: 'metrics', textfile: join(process.cwd(), 'a.prom') }],
    ['check -o /tmp/report.json', { output: '/tmp/report.json' }],
    ['review', { failOn: ['late', 'edited', 'removed', 'clash', 'not-loaded'] }],
    ['review --fail-on no-down,late', { failOn: ['no-down', 'late'] }],
    ['review -b origin/main --allow A1 --allow B2', { base: 'origin/main', allow: ['A1', 'B2'] }],
    ['review --json', { format: 'json' }],
    ['review --format github', { format: 'github' }],
    ['-h', { help: true }],
    ['metrics -h', { command: 'metrics', help: true }],
    ['-v', { version: true }],
  ])('understands "%s"', (text, invocation) => expect(parse(text)).toMatchObject(invocation));

  it('takes an empty list of names with spaces between', () => {
    expect(parseInvocation(['check', '--fail-on', 'unknown, unapplied']).failOn).toEqual([
      'unknown',
      'unapplied',
    ]);
  });

  it.each([
    ['chekc', '"chekc" is not a command. Did you mean check?'],
    ['METRICS', '"METRICS" is not a command. Did you mean metrics?'],
    ['migrate', '"migrate" is not a command. Use one of: check, metrics, review.'],
    ['toString', '"toString" is not a command. Use one of: check, metrics, review.'],
    ['check a.js', '"a.js" is not expected. Pass files as --data-source a.js'],
    ['check -- --json', '"--json" is not expected. Pass files as --data-source --json'],
    ['check --data-sources a.js', '--data-sources is not a flag. Did you mean --data-source?'],
    ['check --datasource a.js', '--datasource is not a flag. Did you mean --data-source?'],
    ['check --jsno', '--jsno is not a flag. Did you mean --json?'],
    ['check --no-json', '--no-json is not a flag. Use one of: '],
    ['check --toString', '--toString is not a flag. Use one of: --data-source, --module, '],
    ['check --__proto__', '--__proto__ is not a flag. Use one of: --data-source, '],
    ['check -x', '-x is not a flag. Use one of: '],
    ['check -qx', '-x is not a flag. Use one of: '],
    ['check --base main', '--base is not a flag of check, but of review.'],
    ['review --timeout 5', '--timeout is not a flag of review, but of check and metrics.'],
    ['review --format xml', '--format is "xml". Give one of text, json, github.'],
    ['review --fail-on unapplied', '--fail-on is "unapplied". Give one or more of late, edited, removed, '],
    ['check --drift-ignore a', '--drift-ignore needs --drift or --fail-on drift.'],
    ['check --fail-on unapplied --drift-baseline a', '--drift-baseline needs --drift or --fail-on drift.'],
    ['check --drift-ignore --drift', '--drift-ignore needs --drift or --fail-on drift.'],
    ['check --drift --drift-baseline a --drift-baseline b', '--drift-baseline is given twice. '],
    ['check --drift=yes', '--drift takes no value. Leave "yes" out.'],
    ['metrics --drift', '--drift is not a flag of metrics, but of check.'],
    ['review --fail-on drift', '--fail-on is "drift". Give one or more of late, edited, '],
    ['check --textfile a', '--textfile is not a flag of check, but of metrics.'],
    ['metrics --output a', '--output is not a flag of metrics, but of check and review.'],
    ['metrics --wait 5', '--wait is not a flag of metrics, but of check.'],
    ['metrics --json', '--json is not a flag of metrics, but of check and review.'],
    ['metrics -q', '-q is not a flag of metrics, but of check and review.'],
    ['metrics --fail-on unknown', '--fail-on is not a flag of metrics, but of check and review.'],
    ['check --json=yes', '--json takes no value. Leave "yes" out.'],
    ['check --data-source', '--data-source needs a value: --data-source <[alias=]file[#export]>'],
    ['check -d', '-d needs a value: -d <[alias=]file[#export]>'],
    ['check --module=', '--module needs a value: --module <file>'],
    [
      'check --module a --module b',
      '--module is given twice. Only --data-source, --import, --require, --drift-ignore, --allow can be repeated.',
    ],
    ['check --wait 5 --wait 6', '--wait is given twice. '],
    ['check -m a --module b', '--module is given twice. '],
    ['check --timeout 0', '--timeout is "0". Give a number of milliseconds, from 1 to 2147483647.'],
    ['check --timeout 3s', '--timeout is "3s". Give a number of milliseconds, '],
    ['check --timeout 2147483648', '--timeout is "2147483648". Give a number of milliseconds, '],
    ['check --timeout 1e3', '--timeout is "1e3". '],
    ['check --timeout Infinity', '--timeout is "Infinity". '],
    ['check --wait -1', '--wait is "-1". Give a number of seconds, from 0 to 2147483.'],
    ['check --wait soon', '--wait is "soon". '],
    ['check --wait 9999999', '--wait is "9999999". '],
    ['check --wait --json', '--wait is "--json". '],
    [
      'check --fail-on pending',
      '--fail-on is "pending". Give one or more of unapplied, unknown, out-of-order, no-migrations, drift, separated by commas. If the result is not known, the exit code is always 2.',
    ],
    ['check --fail-on unknown,', '--fail-on is "unknown,". '],
    ['check --fail-on unreadable', '--fail-on is "unreadable". Give one or more of unapplied, unknown, '],
    ['check --fail-on unapplied,unreadable', '--fail-on is "unapplied,unreadable". Give one or more of '],
  ])('refuses "%s"', (text, message) => {
    expect(() => parse(text)).toThrow(CommandError);
    expect(() => parse(text)).toThrow(message);
  });
});

describe('FLAGS', () => {
  it('have letters that differ', () => {
    const letters = rows().flatMap(([, { short }]) => (short === undefined ? [] : [short]));
    expect(new Set(letters).size).toBe(letters.length);
  });

  it.each(rows())('--%s: its default is one that it takes', (_name, row) => {
    for (const command of row.commands) {
      const fallback = defaultOf(row, command);
      if (fallback !== undefined) expect(row.parse?.(fallback, command)).toBeDefined();
    }
    expect(row.parse === undefined).toBe(row.rule === undefined);
  });

  it.each(rows())('--%s is documented in sentences', (_name, { help, commands }) => {
    expect(help).toMatch(/^[A-Z].*[.:]`?\.?$/);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(COMMANDS).toHaveProperty(command);
  });

  it('names every flag of the contract', () => {
    expect(Object.keys(FLAGS)).toEqual(
      expect.arrayContaining([
        'data-source',
        'module',
        'import',
        'require',
        'json',
        'wait',
        'timeout',
        'quiet',
        'fail-on',
        'drift',
        'drift-ignore',
        'drift-baseline',
        'textfile',
        'base',
        'allow',
        'format',
      ]),
    );
  });
});
