import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';

/** Where the application may be: the script that was started, the main module, and the working directory. */
export function applicationPlaces(): readonly string[] {
  const files = [process.argv[1], require.main?.filename, join(process.cwd(), 'package.json')];
  return [...new Set(files.filter((file): file is string => file !== undefined && isAbsolute(file)))];
}

/**
 * A package as the application finds it, from each of the places that it may be in. A test runner that was started may
 * find another copy than the application does: one that is loaded already is in use, and comes first.
 *
 * @param onError - called with what each place throws that has no such package, or a broken one
 */
export function ofApplication(name: string, onError: (error: unknown) => void): readonly unknown[] {
  const tryTo = <Result>(load: () => Result): readonly Result[] => {
    try {
      return [load()];
    } catch (error) {
      onError(error);
      return [];
    }
  };
  const found = applicationPlaces().flatMap((place) =>
    tryTo(() => {
      const find = createRequire(place);
      return { find, isInUse: find.cache[find.resolve(name)] !== undefined };
    }),
  );
  const inUse = found.filter(({ isInUse }) => isInUse);
  return [...inUse, ...found].flatMap(({ find }) => tryTo(() => find(name) as unknown));
}
