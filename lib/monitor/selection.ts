import type { DataSource } from 'typeorm';
import { type DataSourceCandidate, nameDataSources } from '../data-source/alias';
import { sameDatabases } from '../data-source/same-database';
import { logger, nameOfError } from '../logger';

export interface SelectionOptions {
  readonly dataSources: Readonly<Record<string, DataSource>>;
  readonly exclude: readonly string[];
}

/** Which connections a caller wants: the exported ones or all. */
export type Scope = 'exported' | 'all';

/** Holds the known connections and their aliases, and decides which of them are exported. */
export class Selection {
  private readonly byHand = new Map<string, DataSource>();
  private readonly forgotten = new Set<string>();
  /** Warnings that still apply, so that each is logged once. */
  private warned: ReadonlySet<string> = new Set();
  private exportsAll = false;
  /** Set when a caller wants all connections. Until then the container is not searched. */
  private knowsAll = false;
  private found: readonly DataSourceCandidate[] = [];
  private byAlias: ReadonlyMap<string, DataSource> = new Map();
  private byDataSource: ReadonlyMap<DataSource, readonly string[]> = new Map();

  /** @param explore - finds the DataSources of the container */
  constructor(
    private readonly options: SelectionOptions,
    private readonly explore: () => readonly DataSourceCandidate[],
  ) {}

  /** All known connections, by alias. */
  get known(): ReadonlyMap<string, DataSource> {
    return this.byAlias;
  }

  /** Returns the aliases in a scope. */
  aliases(scope: Scope): readonly string[] {
    const all = [...this.byAlias.keys()];
    return scope === 'all' || this.exportsAll ? all : all.filter((alias) => this.byHand.has(alias));
  }

  /** Returns the DataSources in a scope, each once. */
  dataSources(scope: Scope): ReadonlySet<DataSource> {
    return new Set(this.aliases(scope).map((alias) => this.byAlias.get(alias) as DataSource));
  }

  aliasesOf(dataSource: DataSource): readonly string[] {
    return this.byDataSource.get(dataSource) ?? [];
  }

  /** Exports all connections from now on: those of the options and those in the container. */
  includeAll(): void {
    this.exportsAll = true;
  }

  /** Looks for new DataSources in the container. */
  update(scope: Scope): void {
    if (scope === 'exported' && !this.exportsAll) return;
    const found = this.find();
    if (this.knowsAll && areSame(found, this.found)) return;
    this.knowsAll = true;
    this.found = found;
    this.select();
  }

  add(alias: string, dataSource: DataSource): void {
    this.byHand.set(alias, dataSource);
    this.forgotten.delete(alias);
    this.select();
  }

  forget(alias: string): void {
    this.byHand.delete(alias);
    // Remember the alias only if the options or the container still use it; otherwise it would stay in memory
    // for ever.
    if (this.nameAll(this.find()).named.has(alias)) this.forgotten.add(alias);
    this.select();
  }

  /**
   * Finds the DataSources of the container. A provider that throws must not break a scrape: then the last
   * result is used.
   */
  private find(): readonly DataSourceCandidate[] {
    try {
      return this.explore();
    } catch (error) {
      this.warnOnce(
        'explore',
        `The application's providers could not be searched for DataSources (${nameOfError(error)}): ` +
          'those found before are exported. Pass others as the option dataSources.',
      );
      return this.found;
    }
  }

  private nameAll(found: readonly DataSourceCandidate[]) {
    return nameDataSources(
      candidatesOf([...this.byHand, ...Object.entries(this.options.dataSources)]),
      found,
    );
  }

  private select(): void {
    const { named, clashes } = this.knowsAll
      ? this.nameAll(this.found)
      : nameDataSources(candidatesOf(this.byHand), []);
    this.byAlias = new Map(
      [...named].filter(
        ([alias]) =>
          !this.forgotten.has(alias) && (this.byHand.has(alias) || !this.options.exclude.includes(alias)),
      ),
    );
    const aliases = new Map<DataSource, string[]>();
    for (const [alias, dataSource] of this.byAlias) {
      const others = aliases.get(dataSource);
      if (others === undefined) aliases.set(dataSource, [alias]);
      else others.push(alias);
    }
    this.byDataSource = aliases;
    this.warn(clashes);
  }

  private warn(clashes: readonly string[]): void {
    const pairs = this.knowsAll ? sameDatabases(this.byAlias) : [];
    const warnings = new Map([
      ...clashes.map((alias) => [`alias ${alias}`, clashWarning(alias)] as const),
      ...pairs.map(([first, second]) => [`pair ${first} ${second}`, pairWarning(first, second)] as const),
    ]);
    for (const [key, message] of warnings) if (!this.warned.has(key)) logger.warn(message);
    const explore = this.warned.has('explore') ? ['explore'] : [];
    this.warned = new Set([...warnings.keys(), ...explore]);
  }

  private warnOnce(key: string, message: string): void {
    if (this.warned.has(key)) return;
    this.warned = new Set([...this.warned, key]);
    logger.warn(message);
  }
}

function candidatesOf(named: Iterable<readonly [string, DataSource]>): DataSourceCandidate[] {
  return Array.from(named, ([alias, dataSource]) => ({ alias, dataSource }));
}

function clashWarning(alias: string): string {
  return (
    `More than one DataSource is called "${alias}": the later ones are exported as "${alias}#2" and so on. ` +
    'Give each a name of its own, as in TypeOrmModule.forRoot({ name }).'
  );
}

function pairWarning(first: string, second: string): string {
  return (
    `"${first}" and "${second}" are the same database: its migrations are exported twice. ` +
    `Leave one out with the option exclude, as in exclude: ['${second}'].`
  );
}

function areSame(a: readonly DataSourceCandidate[], b: readonly DataSourceCandidate[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ alias, dataSource }, index) => alias === b[index]?.alias && dataSource === b[index].dataSource)
  );
}
