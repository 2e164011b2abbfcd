import { type Finding, type FindingKind, FINDINGS } from './judge';

/** A comment that allows a finding. */
export interface Allowance {
  readonly kinds: readonly FindingKind[];
  readonly reason: string;
  /** Path from the repository's root. */
  readonly file: string;
  readonly line: number;
}

/** A comment that looks like an allowance but cannot be parsed. */
export interface BrokenAllowance {
  readonly file: string;
  readonly line: number;
}

const MARK = /^\s*(?:.*?(?:\/\/|\/\*)|\*)\s*migration-review:(.*)$/;
const ALLOWANCE = /^\s*allow\s+([\w-]+(?:\s*,\s*[\w-]+)*)\s+because\s+(\S.*?)\s*(?:\*\/\s*)?$/;

/** Finds the allowances in the comments of a file. */
export function allowancesIn(file: string, text: string): (Allowance | BrokenAllowance)[] {
  if (!text.includes('migration-review:')) return [];
  return text.split('\n').flatMap((content, index) => {
    const [, words] = MARK.exec(content) ?? [];
    if (words === undefined) return [];
    const [, kinds = '', reason = ''] = ALLOWANCE.exec(words) ?? [];
    const named = kinds.split(',').map((kind) => kind.trim());
    const place = { file, line: index + 1 };
    return areKinds(named) ? [{ ...place, kinds: named, reason }] : [place];
  });
}

function areKinds(names: readonly string[]): names is FindingKind[] {
  return names.every((name) => (FINDINGS as readonly string[]).includes(name));
}

/** The source of an allowance, with its reason if it has one. */
export type AllowedBy = { readonly by: 'flag' } | { readonly by: 'comment'; readonly reason: string };

/** Matches findings with allowances, and finds the unused ones. */
export class Allowances {
  private readonly comments: readonly Allowance[];
  private readonly broken: readonly BrokenAllowance[];
  private readonly used = new Set<string | Allowance>();

  /**
   * @param names - names of migrations from the command line
   * @param comments - the allowances of all judged files
   */
  constructor(
    private readonly names: readonly string[],
    comments: readonly (Allowance | BrokenAllowance)[],
  ) {
    this.comments = comments.filter((comment) => 'kinds' in comment);
    this.broken = comments.filter((comment) => !('kinds' in comment));
  }

  allow({ kind, migration, file }: Finding): AllowedBy | undefined {
    const isNamed = this.names.includes(migration);
    const comment = this.comments.find((each) => each.file === file && each.kinds.includes(kind));
    if (isNamed) this.used.add(migration);
    if (comment !== undefined) this.used.add(comment);
    if (comment !== undefined) return { by: 'comment', reason: comment.reason };
    return isNamed ? { by: 'flag' } : undefined;
  }

  /**
   * Returns notes about unused and broken allowances. Call it after `allow()` was called for every finding.
   */
  notes(): string[] {
    const names = [...new Set(this.names)].filter((name) => !this.used.has(name));
    return [
      ...names.map((name) => `--allow ${name} is not needed: that migration has no finding. Remove it.`),
      ...this.comments
        .filter((comment) => !this.used.has(comment))
        .map(
          ({ file, line, kinds }) =>
            `${file}:${line} allows ${kinds.join(', ')}, but there is no such finding any more. Remove the comment.`,
        ),
      ...this.broken.map(
        ({ file, line }) =>
          `${file}:${line} allows nothing. Write: migration-review: allow edited because … (or another of ${FINDINGS.join(', ')}).`,
      ),
    ];
  }
}
