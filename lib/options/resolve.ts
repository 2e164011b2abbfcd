import { isDataSource } from '../data-source/brand';
import { describe, InvalidOptionError, NotADataSourceError } from '../prometheus-migrations.errors';
import { suggestion } from './did-you-mean';
import { isPlainObject, type OptionRow, type Rows } from './option.table';

/** `process.env` or a replacement in tests. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The effective value of an option: from the option, its environment variable or its default. */
interface Winner {
  readonly option: string;
  readonly row: OptionRow;
  /** Name of the option or the variable, for messages. */
  readonly from: string;
  /** The value before parsing. */
  readonly given: unknown;
  readonly value: unknown;
  readonly fix: OptionRow['fix'];
}

/** The position of nested options. */
interface Place {
  /** Name of the option that contains them. */
  readonly parent?: string;
  readonly isOpen?: boolean | undefined;
}

/**
 * Checks options and fills in the environment and the defaults.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 */
export function resolve<Resolved extends object>(
  rows: Rows<Resolved>,
  options: object,
  environment: Environment,
  { parent, isOpen = false }: Place = {},
): Resolved {
  const nameOf = (option: string) => (parent === undefined ? option : `${parent}.${option}`);
  if (!isPlainObject(options)) {
    const fix = 'Pass an object, or leave it out; a factory has to return one.';
    throw new InvalidOptionError(parent ?? 'the options', `is ${describe(options)}`, fix);
  }
  const unknown = Object.keys(options).find((option) => !Object.hasOwn(rows, option));
  if (unknown !== undefined && !isOpen) {
    const fix = suggestion(unknown, Object.keys(rows), nameOf);
    throw new InvalidOptionError(nameOf(unknown), 'is not an option', fix);
  }

  const winners = winnersOf(rows, options, environment);
  const values = Object.fromEntries(winners.map(({ option, value }) => [option, value]));
  for (const { option, row, from, given, value, fix } of winners) {
    const isUnparsed = value === undefined && given !== undefined;
    if (isUnparsed || !row.valid(value, values)) {
      const problem = given === undefined ? 'is not set' : `is ${describe(given)}`;
      const name = from === option ? nameOf(option) : from;
      throw new InvalidOptionError(name, problem, typeof fix === 'string' ? fix : fix(value));
    }
    if (row.within === undefined || !isPlainObject(value)) continue;
    values[option] = resolve(row.within, value, {}, { parent: nameOf(option), isOpen: row.isOpen });
  }
  // Nested options that are not set are omitted, because they are merged or passed on.
  const set = parent === undefined ? values : definedOnly(values);
  return (isOpen ? { ...options, ...set } : set) as Resolved;
}

function definedOnly(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function winnersOf(
  rows: Readonly<Record<string, OptionRow>>,
  options: Readonly<Record<string, unknown>>,
  environment: Environment,
): Winner[] {
  const explicit = Object.keys(options).filter((option) => options[option] !== undefined);
  const groups = new Set(
    explicit.map((option) => rows[option]?.group).filter((group) => group !== undefined),
  );
  return Object.entries(rows).map(([option, row]) => {
    const isExplicit = row.group !== undefined && groups.has(row.group);
    return { option, row, ...winner(option, row, options, isExplicit ? {} : environment) };
  });
}

function winner(
  option: string,
  row: OptionRow,
  options: Readonly<Record<string, unknown>>,
  environment: Environment,
): Omit<Winner, 'option' | 'row'> {
  const given = options[option];
  if (given !== undefined) return { from: option, given, value: given, fix: row.fix };
  const text = row.variable === undefined ? undefined : environment[row.variable];
  if (row.variable === undefined || text === undefined || text === '') {
    return { from: option, given: row.default, value: row.default, fix: row.fix };
  }
  const value = row.parse === undefined ? text : row.parse(text);
  return { from: row.variable, given: text, value, fix: row.fixVariable ?? row.fix };
}

/**
 * Checks an alias and its DataSource.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError}
 */
export function checkDataSource(alias: string, dataSource: unknown): void {
  if (typeof alias !== 'string' || alias === '') {
    throw new InvalidOptionError('the alias of a DataSource', `is ${describe(alias)}`, 'Give it a name.');
  }
  if (!isDataSource(dataSource)) throw new NotADataSourceError(undefined, alias, dataSource);
}
