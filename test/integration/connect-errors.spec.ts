import { Logger } from '@nestjs/common';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { MongoClient, type MongoClientOptions } from 'mongodb';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { Registry } from 'prom-client';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MigrationsExporter } from '../../lib';
import { failureOf } from '../../lib/migration/failure';
import { type CertificateKind, Certificates } from '../support/certificates';
import { RecordingLogger } from '../support/logs';
import { hasMariadbServer, ownMariadb, ownPostgres, type OwnServer } from '../support/own-servers';

let certificates: Certificates;
beforeAll(async () => {
  certificates = await Certificates.create();
});
afterAll(() => certificates.remove());

/** Why a connection cannot be made, as a log shows it: reason and code. */
async function failureWith(options: object): Promise<string> {
  try {
    const dataSource = new DataSource(options as DataSourceOptions);
    await dataSource.initialize();
    await dataSource.destroy();
    return 'connected';
  } catch (error) {
    const { reason, detail } = failureOf(error, (options as DataSourceOptions).type);
    return `${reason}: ${detail}`;
  }
}

/** A host for which the certificate is. */
const named = (url: string) => url.replace('127.0.0.1', 'localhost');
/** With a password that has to be encoded. */
const SECRET = 'se#cret/';

describe('PostgreSQL', () => {
  let server: OwnServer;
  let administrator: Client;

  beforeAll(async () => {
    server = await ownPostgres();
    await server.start();
    if (process.getuid?.() === 0) await promisify(execFile)('chown', ['postgres', certificates.key]);
    administrator = new Client({ connectionString: server.url });
    await administrator.connect();
  });
  afterAll(async () => {
    await administrator.end();
    await server.remove();
  });

  const reload = () => administrator.query('SELECT pg_reload_conf()');
  const options = (more: object) => ({ type: 'postgres', url: named(server.url), ...more });

  it.each([
    ['TLS of a server that has none', () => options({ ssl: true }), 'unreachable: no-tls'],
    [
      'a URL that cannot be parsed',
      () => ({ type: 'postgres', url: `postgres://u:${SECRET}@127.0.0.1/x` }),
      'unreachable: ERR_INVALID_URL',
    ],
    [
      'a URL that cannot be decoded',
      () => ({ type: 'postgres', url: 'postgres://u:se%cret@127.0.0.1/x' }),
      'unreachable: URIError',
    ],
    [
      'a connection string that cannot be parsed',
      () => ({ type: 'postgres', extra: { connectionString: `postgres://u:${SECRET}@127.0.0.1/x` } }),
      'unreachable: ERR_INVALID_URL',
    ],
    ['no such port', () => options({ url: undefined, port: 99_999 }), 'unreachable: ERR_SOCKET_BAD_PORT'],
    ['no such socket', () => ({ type: 'postgres', host: '/nowhere' }), 'unreachable: ENOENT'],
    ['no such host', () => ({ type: 'postgres', host: 'x.invalid' }), /^unreachable: (ENOTFOUND|EAI_AGAIN)$/],
    ['no such database', () => options({ url: `${server.url}_` }), 'unreachable: 3D000'],
    [
      'another password',
      () => options({ url: server.url.replace(':postgres@', ':other@') }),
      'denied: 28P01',
    ],
  ])('says why there is no connection: %s', async (_what, create, expected) => {
    expect(await failureWith(create())).toMatch(expected);
  });

  describe('with TLS', () => {
    beforeAll(async () => {
      await administrator.query(`ALTER SYSTEM SET ssl_cert_file = '${certificates.file}'`);
      await administrator.query(`ALTER SYSTEM SET ssl_key_file = '${certificates.key}'`);
      await administrator.query('ALTER SYSTEM SET ssl = on');
      await reload();
      await vi.waitFor(async () => expect(await trusting('valid')).toBe('connected'));
    });

    const trusting = async (kind: CertificateKind) =>
      failureWith(options({ ssl: { ca: await certificates.read(kind) } }));

    it('says that nobody vouches for the certificate', async () => {
      expect(await failureWith(options({ ssl: true }))).toBe('unreachable: DEPTH_ZERO_SELF_SIGNED_CERT');
    });

    it('says that the own key cannot be read', async () => {
      expect(await failureWith(options({ ssl: { key: 'x', cert: 'x' } }))).toBe(
        'unreachable: ERR_OSSL_PEM_NO_START_LINE',
      );
    });

    it.each([
      ['expired', 'unreachable: CERT_HAS_EXPIRED'],
      ['of another host', 'unreachable: ERR_TLS_CERT_ALTNAME_INVALID'],
    ] as const)('says that the certificate is %s', async (kind, expected) => {
      await certificates.use(kind);
      await reload();
      await expect.poll(() => trusting(kind)).toBe(expected);
    });

    it('logs why a connection that was there cannot be made again', async () => {
      await certificates.use('valid');
      await reload();
      await expect.poll(() => trusting('valid')).toBe('connected');
      const ssl = { ca: await certificates.read('valid') };
      const dataSource = await new DataSource(options({ ssl }) as DataSourceOptions).initialize();
      const exporter = new MigrationsExporter({
        dataSources: { orders: dataSource },
        registry: new Registry(),
      });
      const logger = new RecordingLogger();
      Logger.overrideLogger(logger);
      try {
        await certificates.use('expired');
        await reload();
        await expect.poll(() => trusting('valid')).toBe('unreachable: CERT_HAS_EXPIRED');
        const others = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()';
        await administrator.query(`${others} AND backend_type = 'client backend'`);
        // Until then a collection could take the connection that is ended, and would fail for that.
        const { master } = dataSource.driver as unknown as { master: { totalCount: number } };
        await expect.poll(() => master.totalCount).toBe(0);
        expect((await exporter.exportMigrations())[0]).toMatchObject({ reason: 'unreachable' });
        expect(logger.lines).toContainEqual(
          expect.stringContaining('orders: migrations could not be read (unreachable: CERT_HAS_EXPIRED)'),
        );
      } finally {
        Logger.overrideLogger(undefined as never);
        exporter.close();
        await dataSource.destroy();
      }
    });
  });
});

describe.skipIf(!hasMariadbServer)('MariaDB', () => {
  let without: OwnServer;
  let server: OwnServer;

  beforeAll(async () => {
    without = await ownMariadb('--skip-ssl');
    server = await ownMariadb(`--ssl-cert=${certificates.file}`, `--ssl-key=${certificates.key}`);
    await certificates.use('valid');
    await Promise.all([without.start(), server.start()]);
  });
  afterAll(async () => {
    await without.remove();
    await server.remove();
  });

  const options = (more: object) => ({ type: 'mariadb', url: named(without.url), ...more });

  it.each([
    ['TLS of a server that has none', () => options({ ssl: {} }), 'unreachable: HANDSHAKE_NO_SSL_SUPPORT'],
    ['an unknown TLS profile', () => options({ ssl: 'nobody' }), 'unreachable: tls'],
    [
      'a URI that cannot be parsed',
      () => ({ type: 'mariadb', extra: { uri: `mysql://u:${SECRET}@127.0.0.1/x` } }),
      'unreachable: ERR_INVALID_URL',
    ],
    [
      'a URL that cannot be decoded',
      () => options({ url: 'mysql://u:se%cret@127.0.0.1/x' }),
      'unreachable: URIError',
    ],
    ['no such port', () => options({ url: undefined, port: 99_999 }), 'unreachable: ERR_SOCKET_BAD_PORT'],
    ['no such socket', () => ({ type: 'mariadb', socketPath: '/nowhere' }), 'unreachable: ENOENT'],
    ['no such database', () => options({ url: `${without.url}_` }), 'unreachable: ER_BAD_DB_ERROR'],
    [
      'another password',
      () => options({ url: without.url.replace('root@', 'root:other@') }),
      'denied: ER_ACCESS_DENIED_ERROR',
    ],
  ])('says why there is no connection: %s', async (_what, create, expected) => {
    expect(await failureWith(create())).toMatch(expected);
  });

  it.each([
    ['valid', 'connected'],
    ['expired', 'unreachable: HANDSHAKE_SSL_ERROR'],
    ['of another host', 'unreachable: HANDSHAKE_SSL_ERROR'],
  ] as const)('reads with a certificate that is %s: %s', async (kind, expected) => {
    await certificates.use(kind);
    const administrator = await createConnection(server.url);
    await administrator.query('FLUSH SSL');
    await administrator.end();
    const ssl = { ca: await certificates.read(kind), verifyIdentity: true };
    expect(await failureWith(options({ url: named(server.url), ssl }))).toBe(expected);
  });

  it('says that nobody vouches for the certificate', async () => {
    expect(await failureWith(options({ url: named(server.url), ssl: {} }))).toBe(
      'unreachable: HANDSHAKE_SSL_ERROR',
    );
  });
});

describe('MongoDB', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }
  /** TypeORM does not hand on how long the driver looks for a server. */
  async function failureOfDriver(url: string, tls: MongoClientOptions = {}): Promise<string> {
    const client = new MongoClient(url, { ...tls, serverSelectionTimeoutMS: 300 });
    const error = await client.connect().then(
      () => client.close(),
      (thrown: unknown) => thrown,
    );
    const { reason, detail } = failureOf(error, 'mongodb');
    return `${reason}: ${detail}`;
  }
  const url = (port: number) => `mongodb://u:secret@127.0.0.1:${port}/x`;

  it('says that nobody vouches for the certificate', async () => {
    const [key, cert] = [await certificates.readKey(), await certificates.read('valid')];
    const port = await listen(createTlsServer({ key, cert }).on('tlsClientError', () => {}));
    expect(await failureOfDriver(url(port), { tls: true })).toBe('unreachable: DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('says that the server has no TLS', async () => {
    const port = await listen(createServer((socket) => socket.on('error', () => {}).end('plain')));
    const failure = await failureOfDriver(url(port), { tls: true });
    expect(failure).toMatch(/^unreachable: ERR_SSL_/);
  });

  it('says that nothing listens', async () => {
    expect(await failureOfDriver(url(1))).toBe('unreachable: ECONNREFUSED');
  });

  it('says that the URL cannot be parsed', async () => {
    expect(await failureWith({ type: 'mongodb', url: 'mongodb://u:se%cret@127.0.0.1/x' })).toMatch(
      /^unreachable: (URIError|MongoParseError)$/,
    );
  });
});
