/** The first of them that is found to be so, all asked at the same time; undefined when none is. `isSo` doesn't reject. */
export function firstThat<T>(all: readonly T[], isSo: (one: T) => Promise<boolean>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const asked = all.map(async (one) => {
      if (await isSo(one)) resolve(one);
    });
    void Promise.all(asked).then(() => resolve(undefined));
  });
}
