import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { pageOf } from '../../../lib/status/page';
import { CONTENT_SECURITY_POLICY } from '../../../lib/status/style';
import { reportOf } from '../../../lib/verdict/report';
import { failedCollection, readCollection, snapshotOf } from '../../support/snapshots';

const HOSTILE = `<img src=x onerror="alert('1')">&\`\${1}1700000000001`;
const page = (...snapshots: Parameters<typeof reportOf>[0]) => pageOf(reportOf(snapshots, {}));

describe('pageOf', () => {
  it('escapes everything that comes from outside', () => {
    const text = page(
      snapshotOf({ connection: HOSTILE, database: HOSTILE, collection: readCollection([HOSTILE], []) }),
    );
    expect(text).not.toContain('<img');
    expect(text.match(/&lt;img src=x onerror=&quot;alert\(&#39;1&#39;\)&quot;&gt;&amp;/g)).toHaveLength(3);
  });

  it('allows its own style by its hash, and nothing else', () => {
    const styles = [...page().matchAll(/<style>([^]*?)<\/style>/g)].map(([, style]) => style ?? '');
    expect(styles).toHaveLength(1);
    const hash = createHash('sha256')
      .update(styles[0] ?? '')
      .digest('base64');
    expect(CONTENT_SECURITY_POLICY).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(page()).not.toMatch(/<script|style=|https?:/);
  });

  it.each([
    ['OK', [snapshotOf({ collection: readCollection(['A1700000000001'], ['A1700000000001']) })]],
    ['1 unapplied', [snapshotOf({ collection: readCollection(['A1700000000001'], []) })]],
    ['Unreadable', [snapshotOf({ collection: failedCollection('denied') })]],
    ['OK', []],
    [
      '1 unapplied, 1 unreadable',
      [
        snapshotOf({ collection: failedCollection('unreachable') }),
        snapshotOf({ connection: 'b', collection: readCollection(['A1700000000001'], []) }),
      ],
    ],
    [
      'Unreadable',
      [
        snapshotOf({ collection: failedCollection('unreachable') }),
        snapshotOf({ connection: 'b', collection: failedCollection('denied') }),
        snapshotOf({ connection: 'c', collection: readCollection([], []) }),
      ],
    ],
  ])('says %s at a glance', (words, snapshots) => {
    const banner = /<p class="verdict">(.*)<\/p>/.exec(page(...snapshots))?.[1];
    expect(banner?.replaceAll(/<\/?span>/g, '')).toBe(words);
    expect(page(...snapshots)).toContain(`<title>${words}: migrations</title>`);
  });

  it('names what the policy forbids, though nothing is unapplied', () => {
    const report = reportOf(
      [snapshotOf({ collection: readCollection(['A1700000000001'], ['A1700000000001', 'B1700000000002']) })],
      { allowUnknown: false },
    );
    const text = pageOf(report);
    expect(text).toContain('<header class="bad">');
    expect(text).toContain('<p class="verdict">1 unknown</p>');
    expect(text).toContain('<p class="mark">1 unknown, ahead of this code</p>');
  });

  it('is OK with what the policy allows, and says so', () => {
    const report = reportOf([snapshotOf({ collection: readCollection(['A1700000000001'], []) })], {
      allowUnapplied: 1,
    });
    const text = pageOf(report);
    expect(text).toContain('<p class="verdict">OK</p>');
    expect(text).toContain('<p class="mark">OK, 1 unapplied allowed</p>');
  });

  it('is red as soon as anything is known to be wrong, and amber if nothing but a reading is missing', () => {
    const unreadable = snapshotOf({ collection: failedCollection('timeout') });
    const unapplied = snapshotOf({ connection: 'b', collection: readCollection(['A1700000000001'], []) });
    const fine = snapshotOf({ connection: 'c', collection: readCollection([], []) });
    expect(page(unreadable, unapplied)).toContain('<header class="bad">');
    expect(page(unreadable, fine)).toContain('<header class="unsure">');
    expect(page(fine)).toContain('<header class="ok">');
  });

  it('marks a database that is ahead of the code, though that is allowed', () => {
    const ahead = snapshotOf({
      collection: readCollection(['A1700000000001'], ['A1700000000001', 'B1700000000002']),
    });
    const text = page(ahead, snapshotOf({ connection: 'b', collection: readCollection([], []) }));
    expect(text).toContain('<header class="ok">');
    expect(text).toContain('<p>All 2 connections are OK; 1 is ahead of this code</p>');
    expect([...text.matchAll(/<p class="mark">(.*?)<\/p>/g)].map(([, mark]) => mark)).toEqual([
      'OK, ahead of this code',
      'OK',
    ]);
  });

  it('says how many the code defines, though the database cannot be read', () => {
    const text = page(snapshotOf({ defined: 1234, collection: failedCollection('unreachable') }));
    expect(text).toContain('<dt>Defined</dt><dd>1,234</dd>');
    expect(text.match(/<dd>not known<\/dd>/g)).toHaveLength(4);
  });

  it('is headed with the title, escaped', () => {
    const report = reportOf([snapshotOf({ collection: readCollection(['A1700000000001'], []) })], {});
    expect(pageOf(report)).toContain('<h1>Migrations</h1>');
    expect(pageOf(report)).toContain('<title>1 unapplied: migrations</title>');
    expect(pageOf(report, 'orders · production')).toContain('<h1>orders · production</h1>');
    expect(pageOf(report, 'orders · production')).toContain(
      '<title>1 unapplied: orders · production</title>',
    );
    expect(pageOf(report, HOSTILE)).not.toContain('<img');
  });

  it('puts the connections at fault first', () => {
    const text = page(
      snapshotOf({ connection: 'fine', collection: readCollection([], []) }),
      snapshotOf({ connection: 'faulty', collection: failedCollection('timeout') }),
    );
    expect([...text.matchAll(/<bdi>(fine|faulty)</g)].map(([, name]) => name)).toEqual(['faulty', 'fine']);
    expect(text).toContain('<p>1 of 2 connections needs attention</p>');
  });

  it('opens a short list of unapplied names, and no long one', () => {
    const names = Array.from({ length: 21 }, (_, index) => `A${1700000000000 + index}`);
    const pageWith = (count: number) =>
      page(snapshotOf({ collection: readCollection(names.slice(0, count), []) }));
    expect(pageWith(20)).toContain('<details open>');
    expect(pageWith(21)).toContain('<details>');
  });

  it('lists the names, and says what is not known', () => {
    const text = page(
      snapshotOf({ connection: 'a', collection: readCollection(['A1700000000001'], ['B1700000000002']) }),
      snapshotOf({ connection: 'b', collection: failedCollection('denied') }),
    );
    expect(text.match(/<li>(.*?)<\/li>/g)).toEqual([
      '<li>A1700000000001</li>',
      '<li>B1700000000002</li>',
      '<li>A1700000000001</li>',
    ]);
    expect(text).toContain('<p class="mark">Unreadable</p>');
    expect(text).toContain(
      '<p class="reason">Could not be read: denied. The database refuses the user, or the user may not read the migrations table. ' +
        'Check user and password, and grant SELECT on the migrations table.</p>',
    );
    expect(text.match(/<dd>not known<\/dd>/g)).toHaveLength(5);
  });
});
