import type { Given } from '../recipes/apply-recipe.js';
import { type Result, success, usageFailure } from '../failure.js';
import type { JobContext, JobOptions } from './prepare-job.js';

/**
 * What was given on the command line, with the recipe that it names laid under it.
 *
 * @param declared the options that the command has
 */
export async function withRecipe<O extends JobOptions>(
  context: Pick<JobContext, 'environment' | 'configuration'>,
  given: Given<O>,
  declared: Readonly<Record<string, unknown>>,
): Promise<Result<Given<O>>> {
  const { recipe, cookbook } = given.options;
  if (recipe === undefined) {
    if (cookbook === undefined) return success(given);
    const message = '--cookbook says where recipes are, and none is named: add -R NAME';
    return usageFailure('no-recipe', message);
  }
  const { applyRecipe } = await import('../recipes/apply-recipe.js');
  return applyRecipe(recipe, given, { ...context, known: Object.keys(declared) });
}
