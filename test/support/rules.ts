import { parse } from 'yaml';

/** A rule of a rules file, as far as it is looked at here. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: { readonly severity: string };
  readonly annotations?: { readonly runbook_url: string };
}

/** All rules of a rules file, in its order. */
export function rulesIn(text: string): Rule[] {
  return (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
}

/** The names of the alerts among rules. */
export function alertsIn(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ alert }) => alert ?? []);
}
