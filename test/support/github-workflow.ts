import { register } from 'node:module';

/** GitHub's own parser imports JSON without the attribute that Node.js wants. */
const HOOKS = `export const load = (url, context, next) =>
  next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context);`;
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);

/** What GitHub would refuse of a workflow: fields that it does not know, and expressions it cannot evaluate. */
export async function workflowErrors(content: string): Promise<string[]> {
  const { NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');
  const { context } = parseWorkflow({ name: 'deploy.yml', content }, new NoOperationTraceWriter());
  return context.errors.getErrors().map(({ message }) => message);
}
