import { isDataSource } from '../data-source/brand';
import { describe, InvalidOptionError, NotADataSourceError } from '../prometheus-migrations.errors';
import { EXPORTER_OPTIONS, isPlainObject, MODULE_OPTIONS, type OptionRow, RUN_OPTIONS } from './option.table';
import type {
  InstrumentMigrationsOptions,
  MigrationsExporterOptions,
  PrometheusMigrationsModuleOptions,
  ResolvedExporterOptions,
  ResolvedModuleOptions,
  ResolvedRunOptions,
} from './option.types';
import { checkPaths } from './paths';

/** `process.env`, or what stands for it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Checks the exporter's options and fills in the environment and the defaults.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 */
export function resolveExporterOptions(
  options: MigrationsExporterOptions,
  environment: Environment,
): ResolvedExporterOptions {
  return resolve(EXPORTER_OPTIONS, options, environment) as unknown as ResolvedExporterOptions;
}

/**
 * Checks the module's options and fills in the environment and the defaults.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 */
export function resolveModuleOptions(
  options: PrometheusMigrationsModuleOptions,
  environment: Environment,
): ResolvedModuleOptions {
  const resolved = resolve(MODULE_OPTIONS, options, environment) as unknown as ResolvedModuleOptions;
  checkPaths(resolved);
  return resolved;
}

/**
 * Checks the options of `instrumentMigrations` and fills in the environment and the defaults.
 *
 * @throws {@link InvalidOptionError} for a value that cannot work
 */
export function resolveRunOptions(
  options: InstrumentMigrationsOptions,
  environment: Environment,
): ResolvedRunOptions {
  return resolve(RUN_OPTIONS, options, environment) as unknown as ResolvedRunOptions;
}

/** The winner of an option, its environment variable and its default. */
interface Winner {
  /** The option or the variable, as a message names it. */
  readonly from: string;
  /** As it was given. */
  readonly given: unknown;
  readonly value: unknown;
  readonly fix: OptionRow['fix'];
}

function resolve(
  rows: Readonly<Record<string, OptionRow<unknown>>>,
  options: object,
  environment: Environment,
): Record<string, unknown> {
  if (!isPlainObject(options)) {
    throw new InvalidOptionError(
      'the options',
      `is ${describe(options)}`,
      'Pass an object, or leave it out; a factory has to return one.',
    );
  }
  const unknown = Object.keys(options).find((option) => !Object.hasOwn(rows, option));
  if (unknown !== undefined) {
    const known = Object.keys(rows).join(', ');
    throw new InvalidOptionError(unknown, 'is not an option', `Known are: ${known}.`);
  }
  const explicit = Object.keys(options).filter((option) => options[option] !== undefined);
  const groups = new Set(
    explicit.map((option) => rows[option]?.group).filter((group) => group !== undefined),
  );

  const winners = Object.entries(rows).map(([option, row]) => {
    const isExplicit = row.group !== undefined && groups.has(row.group);
    return [option, row, winner(option, row, options, isExplicit ? {} : environment)] as const;
  });
  const values = Object.fromEntries(winners.map(([option, , { value }]) => [option, value]));
  for (const [, row, { from, given, value, fix }] of winners) {
    const isUnparsed = value === undefined && given !== undefined;
    if (!isUnparsed && row.valid(value, values)) continue;
    throw new InvalidOptionError(from, `is ${describe(given)}`, typeof fix === 'string' ? fix : fix(value));
  }
  return values;
}

function winner(
  option: string,
  row: OptionRow<unknown>,
  options: Readonly<Record<string, unknown>>,
  environment: Environment,
): Winner {
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
 * Checks an alias and the DataSource that is to be exported under it.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError}
 */
export function checkDataSource(alias: string, dataSource: unknown): void {
  if (typeof alias !== 'string' || alias === '') {
    throw new InvalidOptionError('the alias of a DataSource', `is ${describe(alias)}`, 'Give it a name.');
  }
  if (!isDataSource(dataSource)) throw new NotADataSourceError(undefined, alias, dataSource);
}
