import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1';
import type { Job } from 'kubernetes-types/batch/v1';
import type { Container, PodSpec } from 'kubernetes-types/core/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EXIT } from '../../lib/cli/exit';
import { parseInvocation } from '../../lib/cli/flags';
import { codeBlocks, page } from '../support/documents';
import { workflowErrors } from '../support/github-workflow';
import { kubernetesErrors, type Manifest } from '../support/kubernetes';

const COMMAND = 'node_modules/.bin/nestjs-prometheus-migrations';
const FOLDER = join(__dirname, '../../monitoring/kubernetes');
const read = (name: string) => parse(readFileSync(join(FOLDER, name), 'utf8')) as object;

const files = readdirSync(FOLDER).map((name) => ({ name, content: read(name) }));
const blocks = ['kubernetes', 'helm', 'argo-cd', 'pipelines', 'command-line'].flatMap((name) =>
  codeBlocks(page(`docs/${name}.md`), 'yaml').map((code, index) => ({
    name: `${name}.md, block ${index + 1}`,
    code,
    content: parse(code) as object,
  })),
);
const workflows = blocks.filter(({ content }) => 'jobs' in content);
const gitlab = blocks.filter(({ content }) => 'migrations' in content);
/** The schemas of custom resources are not part of Kubernetes. */
const isCustom = ({ content }: Manifest) =>
  'apiVersion' in content && /monitoring/.test(String(content.apiVersion));
const manifests: Manifest[] = [...files, ...blocks].filter(
  (one) => !isCustom(one) && ![...workflows, ...gitlab].some(({ name }) => name === one.name),
);

const job = read('migration-job.example.yaml') as Job;
const deployment = read('deployment.example.yaml') as Deployment;
const podOf = ({ spec }: { spec?: { template?: { spec?: PodSpec } } }) => spec?.template?.spec as PodSpec;
const containersOf = ({ initContainers = [], containers = [] }: Partial<PodSpec>) => [
  ...initContainers,
  ...containers,
];
const argsOf = ({ args = [] }: Container) => parseInvocation(args);

describe('the manifests', () => {
  const broken = (name: string, change: (copy: Job) => unknown) => {
    const content = structuredClone(job);
    change(content);
    return { name, content };
  };
  const BROKEN = [
    broken('an unknown field', ({ spec }) => Object.assign(spec ?? {}, { backofLimit: 3 })),
    broken('an unknown field of a container', (copy) =>
      Object.assign(podOf(copy).containers[0] ?? {}, { arguments: [] }),
    ),
    broken('a number that is a string', ({ spec }) => Object.assign(spec ?? {}, { backoffLimit: '3' })),
    broken('a missing field', (copy) => delete (podOf(copy).containers[0] as Partial<Container>).name),
    broken('an unknown kind', (copy) => Object.assign(copy, { kind: 'Jobs' })),
  ];
  let errors: Map<string, string[]>;
  beforeAll(() => {
    errors = kubernetesErrors([...manifests, ...BROKEN]);
  });

  it('are all there', () => {
    expect(manifests.length).toBeGreaterThanOrEqual(9);
    expect(files.map(({ name }) => name)).toContain('migration-job.example.yaml');
  });

  it.each(manifests.map(({ name }) => name))('%s is what Kubernetes knows', (name) => {
    expect(errors.get(name)).toEqual([]);
  });

  it.each(BROKEN.map(({ name }) => name))('are refused for %s', (name) => {
    expect(errors.get(name)).not.toEqual([]);
  });

  const commands = [...files, ...blocks].flatMap(({ name, content }) => {
    const pod = 'spec' in content ? podOf(content as Job) : (content as Partial<PodSpec>);
    return containersOf(pod ?? {})
      .filter(({ command = [] }) => command.join().includes('nestjs-prometheus-migrations'))
      .map((container) => ({ container, name: `${container.name} of ${name}` }));
  });

  it.each(commands)('$name runs a command that there is, and never npx', ({ container }) => {
    expect(container.command).toEqual([COMMAND]);
    expect(argsOf(container)).toMatchObject({ command: 'check', dataSources: ['dist/data-source.js'] });
  });

  it('are shown by docs/kubernetes.md as they are', () => {
    const shown = (field: string) => blocks.find(({ content }) => field in content)?.content;
    const [waiting] = (shown('initContainers') as PodSpec).initContainers ?? [];
    const shownJob = blocks.find(({ content }) => 'kind' in content && content.kind === 'Job')?.content;

    expect(podOf(deployment).initContainers).toEqual([expect.objectContaining(waiting)]);
    expect(job).toMatchObject(shownJob as object);
  });

  it.each([
    ['the Job', job],
    ['the Deployment', deployment],
  ])('every container of %s is restricted, and bounded in memory', (_, manifest) => {
    expect(podOf(manifest).securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    for (const { securityContext, resources } of containersOf(podOf(manifest))) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(resources?.limits).toHaveProperty('memory');
    }
  });

  it('the Job fails at once where something is unapplied, and only there', () => {
    const final = job.spec?.podFailurePolicy?.rules.filter(({ action }) => action === 'FailJob');

    expect(final).toEqual([{ action: 'FailJob', onExitCodes: { operator: 'In', values: [EXIT.unapplied] } }]);
    expect(podOf(job).restartPolicy).toBe('Never');
  });

  it('the Deployment waits for less time than its rollout may take', () => {
    const [waiting] = podOf(deployment).initContainers ?? [];

    expect(waiting && argsOf(waiting).wait).toBeLessThan(deployment.spec?.progressDeadlineSeconds ?? 600);
  });
});

describe('the pipelines', () => {
  const [workflow] = workflows;
  const steps = () =>
    (workflow?.content as { jobs: { migrations: { steps: { run?: string }[] } } }).jobs.migrations.steps;

  it('GitHub knows every field of the workflow', async () => {
    expect(workflows).toHaveLength(1);
    expect(await workflowErrors(workflow?.code ?? '')).toEqual([]);
  });

  it.each([
    ['runs-on:', 'run-on:'],
    ['timeout-minutes:', 'timeout-minute:'],
    ['- run: npm ci', '- runs: npm ci'],
    ['secrets.DATABASE_URL', 'secret.DATABASE_URL'],
  ])('GitHub does not know %s as %s', async (field, misspelt) => {
    expect(await workflowErrors((workflow?.code ?? '').replace(field, misspelt))).not.toEqual([]);
  });

  describe('the step of GitHub Actions', () => {
    const folder = mkdtempSync(join(tmpdir(), 'step-'));
    afterAll(() => rmSync(folder, { recursive: true }));
    const stub = (name: string, script: string) => {
      writeFileSync(join(folder, name), `#!/bin/bash\n${script}\n`);
      chmodSync(join(folder, name), 0o755);
    };

    /** Runs the step as GitHub does, with a command that exits with these codes in turn. */
    function run(...codes: number[]) {
      const calls = join(folder, 'calls');
      writeFileSync(calls, '');
      stub('sleep', '');
      stub('npx', `codes=(${codes.join(' ')}); n=$(wc -l < ${calls}); echo >> ${calls}; exit "\${codes[n]}"`);
      const script = steps().at(-1)?.run ?? '';
      const { status } = spawnSync('bash', ['-e', '-c', script], {
        env: { PATH: [folder, process.env['PATH']].join(delimiter) },
      });
      return { status, calls: readFileSync(calls, 'utf8').length };
    }

    it.each([
      { codes: [0], status: 0 },
      { codes: [1], status: 1 },
      { codes: [2, 0], status: 0 },
      { codes: [2, 1], status: 1 },
      { codes: [2, 2, 2], status: 2 },
    ])('exits with $status after $codes', ({ codes, status }) => {
      expect(run(...codes)).toEqual({ status, calls: codes.length });
    });
  });

  it('GitLab retries exit code 2, and nothing else', () => {
    expect(gitlab.map(({ content }) => content)).toEqual([
      {
        migrations: {
          stage: 'deploy',
          image: expect.any(String) as string,
          retry: { max: 2, exit_codes: EXIT.unknown },
          script: expect.any(Array) as string[],
        },
      },
    ]);
  });
});
