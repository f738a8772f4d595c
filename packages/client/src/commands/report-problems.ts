import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failed, type Result, success } from '../failure.js';
import { sayProblems, shownProblem, type WrongFile } from '../render/file-problems.js';
import { printed } from './printed.js';

/** Says what is wrong with a file; the answer is that, or exit code 2. */
export async function reportProblems(
  environment: Environment,
  wrong: WrongFile,
  json: boolean,
): Promise<Result<ExitCode>> {
  const { file, problems } = wrong;
  if (json) {
    const shown = problems.map((problem) => ({
      ...(problem.file !== file && { file: problem.file }),
      ...shownProblem(problem),
    }));
    const document = { ok: false, file, problems: shown };
    const written = await printed(environment, `${JSON.stringify(document, undefined, 2)}\n`);
    return written.ok && written.value === exitCodes.success ? success(exitCodes.usage) : written;
  }
  return failed(sayProblems(environment, wrong));
}
