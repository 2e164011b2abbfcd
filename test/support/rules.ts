import { parse, stringify } from 'yaml';

/** A rule of a rules file, as far as it is looked at here. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: { readonly severity: string };
  readonly annotations?: { readonly runbook_url: string };
}

interface RuleFile {
  groups: { rules: Rule[] }[];
}

/** All rules of a rules file, in its order. */
export function rulesIn(text: string): Rule[] {
  return (parse(text) as RuleFile).groups.flatMap(({ rules }) => rules);
}

/**
 * A rules file with only the rules that test cases name, and those that these depend on.
 * The results are the same: a rule reads no series but those that its expression names.
 */
export function rulesNamedIn(cases: unknown, rulesFile: string): string {
  const file = parse(rulesFile) as RuleFile;
  const needed = new Set<Rule>();
  const addNamedIn = (source: string) => {
    const words = new Set(source.match(/[\w:]+/g));
    for (const rule of file.groups.flatMap(({ rules }) => rules)) {
      if (needed.has(rule) || !words.has(nameOf(rule))) continue;
      needed.add(rule);
      addNamedIn(rule.expr);
    }
  };
  addNamedIn(stringsIn(cases).join('\n'));
  for (const group of file.groups) group.rules = group.rules.filter((rule) => needed.has(rule));
  return stringify(file);
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function nameOf({ record, alert }: Rule): string {
  return record ?? alert ?? '';
}

/** The names of the alerts among rules. */
export function alertsIn(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ alert }) => alert ?? []);
}
