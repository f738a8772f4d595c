/**
 * Plans as files (`pogo plan -o`). A file holds no credentials; what it says was looked at, so that it is written for its
 * owner alone, and one that others could have changed is not run.
 */
import { open, rename, rm } from 'node:fs/promises';
import { specDigest, maxPlanFileBytes, type PlanFile, planFileSchema } from '@pogo/protocol';
import { exitCodes, failed, type Result, success, usageFailure } from '../failure.js';
import { systemErrorText } from '../system-error.js';

/** Written beside it first, so that no reader sees half of it, and no mode of an earlier file stays. */
export async function writePlanFile(
  path: string,
  plan: PlanFile,
  uniqueId: string,
): Promise<Result<undefined>> {
  const beside = `${path}.${uniqueId}`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(planFileSchema.parse(plan), undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    return success(undefined);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    return failed({
      code: 'unwritable-file',
      message: `plan ${path}: ${systemErrorText(error)}`,
      exitCode: exitCodes.error,
    });
  }
}

export async function readPlanFile(path: string): Promise<Result<PlanFile>> {
  const text = await readText(path);
  if (!text.ok) return text;
  let value: unknown;
  try {
    value = JSON.parse(text.value);
  } catch {
    return notAPlan(path, 'it is no JSON');
  }
  const parsed = planFileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const where = issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
    return notAPlan(path, `${where}${issue.message}`);
  }
  const { spec, digest } = parsed.data;
  const computed = specDigest(spec);
  if (computed === digest) return success(parsed.data);
  return usageFailure(
    'plan-edited',
    `plan ${path}: its spec has the digest ${computed}, and ${digest} is written in it: it was changed since it was made, so plan again`,
  );
}

async function readText(path: string): Promise<Result<string>> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    return usageFailure('unreadable-file', `plan ${path}: ${systemErrorText(error)}`);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return notAPlan(path, 'it is no regular file');
    if ((stat.mode & 0o022) !== 0) {
      const shown = (stat.mode & 0o777).toString(8).padStart(4, '0');
      return usageFailure(
        'plan-file-writable',
        `plan ${path} has mode ${shown}, so that others may have changed what it runs: look at it, then chmod 600 ${path}`,
      );
    }
    if (stat.size > maxPlanFileBytes)
      return usageFailure('file-too-large', `plan ${path} has more than ${maxPlanFileBytes} bytes`);
    return success(await file.readFile('utf8'));
  } catch (error) {
    return usageFailure('unreadable-file', `plan ${path}: ${systemErrorText(error)}`);
  } finally {
    await file.close();
  }
}

function notAPlan(path: string, why: string): Result<never> {
  return usageFailure(
    'not-a-plan',
    `${path} is no plan that this release can run (${why}): make one with \`pogo plan -o ${path} …\``,
  );
}
