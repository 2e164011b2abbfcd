import { describe, expect, it } from 'vitest';
import { prefersHtml } from '../../../lib/status/accept';

describe('prefersHtml', () => {
  it.each([
    'text/html',
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'application/json;q=0.5, text/html;q=0.9',
    'TEXT/HTML ; charset=utf-8',
  ])('a browser: %s', (accept) => expect(prefersHtml(accept)).toBe(true));

  it.each([
    undefined,
    '',
    '*/*',
    'application/json',
    'application/json, text/plain, */*',
    'application/json, text/html;q=0.9',
    'text/html;q=0',
    'text/html;q=much',
    ';;,,=',
  ])('anything else: %s', (accept) => expect(prefersHtml(accept)).toBe(false));
});
