import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { PROJECT, readProjectFile } from '../support/documents';
import { workflowErrors } from '../support/github-workflow';

interface Job {
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly steps?: readonly { readonly uses?: string; readonly run?: string; readonly with?: object }[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

const filesIn = (folder: string) =>
  readdirSync(join(PROJECT, folder))
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => `${folder}/${name}`);

const workflows = filesIn('.github/workflows').map((path) => {
  const text = readProjectFile(path);
  return { path, text, workflow: parse(text) as Workflow };
});
const workflowOf = (name: string) =>
  workflows.find(({ path }) => path === `.github/workflows/${name}.yml`) ?? expect.fail(`no ${name}.yml`);
const stepsOf = (workflow: Workflow) => Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps);

describe.each(workflows)('$path', ({ text, workflow }) => {
  it('has only fields that GitHub knows', async () => {
    expect(await workflowErrors(text)).toEqual([]);
    expect(await workflowErrors(text.replace('runs-on:', 'run-on:'))).not.toEqual([]);
  });

  it('has no permission that a job does not ask for', () => {
    expect(workflow.permissions).toEqual({});
    for (const job of Object.values(workflow.jobs)) expect(job.permissions).toBeDefined();
  });

  it('pins each action by its digest, with the version beside it', () => {
    const used = Array.from(text.matchAll(/uses: (.+)$/gm), ([, action = '']) => action);
    expect(used.length).toBeGreaterThan(0);
    for (const action of used)
      expect(action).toMatch(/^(\.\/\.github\/workflows\/\w+\.yml|[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
  });

  it('leaves no credentials in the checkout, and ends in time', () => {
    const checkouts = stepsOf(workflow).filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    for (const checkout of checkouts) expect(checkout.with).toEqual({ 'persist-credentials': false });
    for (const job of Object.values(workflow.jobs)) expect(job.uses ?? job['timeout-minutes']).toBeDefined();
  });
});

it('the same version of an action is the same digest everywhere', () => {
  const digests = new Map<string, Set<string>>();
  for (const { text } of workflows) {
    for (const [, action = '', digest = ''] of text.matchAll(/uses: ([\w-]+\/[\w-]+)[^@\s]*@(.+)$/gm))
      digests.set(action, (digests.get(action) ?? new Set()).add(digest));
  }
  for (const [action, found] of digests) expect([...found], action).toHaveLength(1);
});

it('CI runs the gate for pull requests and for what is merged', () => {
  const { workflow } = workflowOf('ci');
  expect(Object.keys(workflow.on)).toEqual(['pull_request', 'push', 'workflow_call']);
  expect(stepsOf(workflow).map(({ run }) => run)).toContain('bash .ci/run');
});

describe('a release', () => {
  const { workflow, text } = workflowOf('release');

  it('is published behind the gate, without a token', () => {
    expect(workflow.jobs['gate']?.uses).toBe('./.github/workflows/ci.yml');
    expect(workflow.jobs['publish']).toMatchObject({
      needs: 'gate',
      permissions: { contents: 'read', 'id-token': 'write' },
    });
    expect(text).not.toMatch(/secrets\.|NODE_AUTH_TOKEN/);
  });

  it('has the section of the changelog as its notes', () => {
    const script = join(PROJECT, 'scripts/release-notes.mjs');
    const notes = execFileSync(process.execPath, [script, '1.0.0'], { cwd: PROJECT, encoding: 'utf8' });
    expect(notes).toMatch(/^The first release\.\n/);
    expect(notes).not.toMatch(/^## /m);
    expect(readProjectFile('CHANGELOG.md')).toContain(notes.trim());
    const { status, stderr } = spawnSync(process.execPath, [script, '9.9.9'], {
      cwd: PROJECT,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([1, 'CHANGELOG.md has no section for 9.9.9.\n']);
  });
});

it.each(filesIn('.github/ISSUE_TEMPLATE').filter((path) => !path.endsWith('config.yml')))(
  '%s is a form that GitHub shows',
  (path) => {
    const form = parse(readProjectFile(path)) as {
      name: string;
      description: string;
      body: { type: string; id?: string; attributes: { label?: string; value?: string } }[];
    };
    expect([form.name, form.description]).toEqual([expect.any(String), expect.any(String)]);
    const ids = form.body.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { type, attributes } of form.body) {
      expect(['markdown', 'textarea']).toContain(type);
      expect(type === 'markdown' ? attributes.value : attributes.label).toEqual(expect.any(String));
    }
  },
);

it('Renovate keeps the versions that are old on purpose', () => {
  const { packageRules } = JSON.parse(readProjectFile('.github/renovate.json')) as {
    packageRules: { matchDepNames?: string[]; enabled?: boolean }[];
  };
  const [pattern = ''] = packageRules.flatMap(({ matchDepNames = [] }) => matchDepNames);
  const { devDependencies } = JSON.parse(readProjectFile('package.json')) as {
    devDependencies: Record<string, string>;
  };
  const aliases = Object.entries(devDependencies).filter(([, range]) => range.startsWith('npm:'));
  expect(aliases.length).toBeGreaterThan(0);
  for (const [name] of aliases) expect(name).toMatch(new RegExp(pattern.slice(1, -1)));
});
