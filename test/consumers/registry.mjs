// A registry that has the packed tarball. It redirects to the real one for every other package.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const UPSTREAM = 'https://registry.npmjs.org';

/** Starts it. Package managers find it by `npm_config_registry`. */
export async function startRegistry(manifest, tarball) {
  const { name, version } = manifest;
  const content = readFileSync(tarball);
  const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`;
  const shasum = createHash('sha1').update(content).digest('hex');
  const server = createServer(({ url }, response) => {
    const { port } = server.address();
    if (url === `/${name}`) {
      const dist = { tarball: `http://127.0.0.1:${port}/${name}.tgz`, integrity, shasum };
      const packument = {
        name,
        'dist-tags': { latest: version },
        versions: { [version]: { ...manifest, dist } },
      };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(packument));
    } else if (url === `/${name}.tgz`) response.end(content);
    else response.writeHead(307, { location: UPSTREAM + url }).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
