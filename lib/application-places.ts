import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';

/**
 * Returns the possible places of the application: the started script, the main module and the working
 * directory.
 */
export function applicationPlaces(): readonly string[] {
  const files = [process.argv[1], require.main?.filename, join(process.cwd(), 'package.json')];
  return [...new Set(files.filter((file): file is string => file !== undefined && isAbsolute(file)))];
}

/**
 * Loads a package as the application resolves it, from each possible place. A test runner may resolve another
 * copy than the application, so a copy that is already loaded comes first.
 *
 * @param onError - called with the error of each place where the package is missing or broken
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
