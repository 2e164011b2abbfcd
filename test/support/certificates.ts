import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const openssl = (...args: readonly string[]) => promisify(execFile)('openssl', args);

/** A certificate that is signed by itself; clients refuse those that are not valid. */
export type CertificateKind = 'valid' | 'expired' | 'of another host';

/** Certificates of one key, one of which is in the file that a server reads. */
export class Certificates {
  private constructor(private readonly folder: string) {}

  static async create(): Promise<Certificates> {
    const certificates = new Certificates(await mkdtemp(join(tmpdir(), 'certificates-')));
    const { key, folder } = certificates;
    // The server may run as another user.
    await chmod(folder, 0o755);
    const request = (name: string) => ['-new', '-key', key, '-subj', `/CN=${name}`];
    await openssl('genrsa', '-out', key, '2048');
    await openssl('req', '-x509', ...request('localhost'), '-days', '2', '-out', certificates.path('valid'));
    await openssl(
      ...['req', '-x509', ...request('other.example'), '-days', '2'],
      ...['-out', certificates.path('of another host')],
    );
    await openssl('req', ...request('localhost'), '-out', join(folder, 'request'));
    await openssl(
      ...['x509', '-req', '-in', join(folder, 'request'), '-signkey', key, '-days', '-1'],
      ...['-out', certificates.path('expired')],
    );
    await certificates.use('valid');
    return certificates;
  }

  get key(): string {
    return join(this.folder, 'key.pem');
  }

  /** The file of the server. */
  get file(): string {
    return join(this.folder, 'server.pem');
  }

  /** Puts a certificate into the file of the server, which has to read it again. */
  use(kind: CertificateKind): Promise<void> {
    return copyFile(this.path(kind), this.file);
  }

  /** The certificate, as a client that trusts it needs it. */
  read(kind: CertificateKind): Promise<string> {
    return readFile(this.path(kind), 'utf8');
  }

  readKey(): Promise<string> {
    return readFile(this.key, 'utf8');
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  private path(kind: CertificateKind): string {
    return join(this.folder, `${kind}.pem`);
  }
}
