/**
 * Whether a client prefers HTML to JSON. A browser asks for HTML; a client that accepts anything or sends no
 * header gets JSON.
 *
 * @param accept - the header `Accept`
 */
export function prefersHtml(accept: string | undefined): boolean {
  const qualities = new Map(
    (accept ?? '').split(',').map((entry) => {
      const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      return [type, quality === undefined ? 1 : Number(quality) || 0] as const;
    }),
  );
  const html = qualities.get('text/html') ?? 0;
  return html > 0 && html >= (qualities.get('application/json') ?? 0);
}
