import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

interface FunctionProperty {
  readonly name: string;
  readonly value?: { readonly value?: { readonly scriptId?: string } };
}

/**
 * Lists the files that this process has loaded, and finds the file of a class. V8's inspector reports both
 * for every loader.
 */
export class Origins {
  private readonly session = new Session();
  /** The files of scripts, by V8's id. */
  private readonly scripts = new Map<string, string>();

  constructor() {
    this.session.connect();
    this.session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => {
      if (url.startsWith('file:')) this.scripts.set(scriptId, fileURLToPath(url));
    });
    this.session.post('Debugger.enable');
  }

  /** Returns the files loaded so far. */
  files(): string[] {
    return [...new Set([...this.scripts.values(), ...Object.keys(require.cache)])];
  }

  /** Returns the file of a class; `undefined` if it has none. */
  fileOf(value: unknown): string | undefined {
    Reflect.set(globalThis, PLACE, value);
    let file: string | undefined;
    const expression = `globalThis[Symbol.for(${JSON.stringify(PLACE.description)})]`;
    this.session.post('Runtime.evaluate', { expression }, (_error, evaluated) => {
      const { objectId } = evaluated.result;
      if (objectId === undefined) return;
      this.session.post('Runtime.getProperties', { objectId, ownProperties: true }, (_failed, properties) => {
        const all = (properties.internalProperties ?? []) as readonly FunctionProperty[];
        const location = all.find(({ name }) => name === '[[FunctionLocation]]');
        file = this.scripts.get(location?.value?.value?.scriptId ?? '');
      });
    });
    Reflect.deleteProperty(globalThis, PLACE);
    return file;
  }
}

/** The global through which the inspector gets the class. */
const PLACE = Symbol.for('nestjs-prometheus-migrations.origin');
