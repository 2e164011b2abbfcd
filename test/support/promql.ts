import { parser } from '@prometheus-io/lezer-promql';

/** A part of an expression, and where it is. */
export type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** @throws where the expression is no PromQL */
export function assertPromql(expression: string): void {
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      const text = expression.slice(from, to);
      // The parser, made for an editor, forgives a string that is never closed.
      const unclosed = type.is('StringLiteral') && (text.length < 2 || !text.endsWith(text.charAt(0)));
      if (type.isError || unclosed) {
        throw new Error(`No PromQL at ${from}: ${expression.slice(0, from)}⟶${expression.slice(from)}`);
      }
    },
  });
}

/** What an expression consists of, of one kind: `VectorSelector`, `AggregateExpr`, … */
export function nodesOf(expression: string, kind: string): SyntaxNode[] {
  const nodes: SyntaxNode[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, node }) => {
      if (type.is(kind)) nodes.push(node);
    },
  });
  return nodes;
}

/** The metrics that an expression asks for by name, each once. A `__name__=~"…"` is no name. */
export function metricNamesIn(expression: string): string[] {
  const textOf = (node: SyntaxNode | null) => (node ? expression.slice(node.from, node.to) : undefined);
  const names = nodesOf(expression, 'VectorSelector').map((selector) =>
    textOf(selector.getChild('Identifier')),
  );
  const matched = nodesOf(expression, 'UnquotedLabelMatcher')
    .filter(
      (matcher) =>
        textOf(matcher.getChild('LabelName')) === '__name__' && textOf(matcher.getChild('MatchOp')) === '=',
    )
    .map((matcher) => textOf(matcher.getChild('StringLiteral'))?.slice(1, -1));
  return [...new Set([...names, ...matched].filter((name) => name !== undefined))];
}

/** The metric that a series belongs to: those of a histogram have endings of their own. */
export function metricOf(name: string): string {
  return name.replace(/(?<=_seconds)_(bucket|sum|count)$/, '');
}
