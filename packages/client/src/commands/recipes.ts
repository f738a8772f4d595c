import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { loadConfiguration } from '../configuration/configuration.js';
import type { Environment } from '../environment.js';
import { type ExitCode, type Result, usageFailure } from '../failure.js';
import { recipeDocument, recipeList, recipeText } from '../render/recipe-text.js';
import { findRecipe } from '../recipes/cookbook.js';
import { loadCookbook, noCookbook, useCookbook, wrongCookbook } from '../recipes/load-cookbook.js';
import { contradiction } from '../run/contradiction.js';
import { jobOptions } from '../run/job-options.js';
import { printed } from './printed.js';
import { reportProblems } from './report-problems.js';

export default command({
  name: 'recipes',
  summary: 'Lists, shows or checks recipes: runs that a cookbook describes, for `pogo run -R`.',
  operands: 'list  |  show NAME  |  check [FILE|URL]',
  operandCount: { min: 1 },
  completes: ['list', 'show', 'check'],
  completesAfter: { show: 'recipe', check: 'file' },
  examples: [
    'pogo recipes list -C cookbook.yaml',
    'pogo recipes show restart           # of the cookbook that the configuration names',
    'pogo recipes show restart --json',
    'pogo recipes check cookbook.yaml    # what is wrong with it, by line',
    'pogo recipes check https://example.com/cookbook.yaml',
  ],
  options: {
    cookbook: jobOptions.cookbook,
    config: jobOptions.config,
    json: flag('--json', 'as a JSON document'),
    names: flag('--names', 'with list: their names alone, one a line'),
  },
  async run({ environment, options, operands }) {
    const { cookbook, config, json = false, names = false } = options;
    const [action, operand, ...rest] = operands;
    const configuration = await loadConfiguration(environment, config);
    if (!configuration.ok) return configuration;
    const where = configuration.value.get('cookbook', cookbook);
    if (json && names) return contradiction('--json', '--names');
    if (names && action !== 'list') return usageFailure('usage', '--names goes with `pogo recipes list`');
    if (rest.length === 0) {
      if (action === 'list' && operand === undefined)
        return list(environment, where, json ? 'json' : names ? 'names' : 'table');
      if (action === 'show' && operand !== undefined) return show(environment, where, operand, json);
      if (action === 'check' && (operand === undefined || cookbook === undefined))
        return check(environment, operand ?? where, json);
    }
    return usageFailure(
      'usage',
      'pogo recipes takes list, show NAME, or check [FILE|URL]; pogo recipes --help shows examples',
    );
  },
});

async function list(
  environment: Environment,
  where: string | undefined,
  form: 'json' | 'names' | 'table',
): Promise<Result<ExitCode>> {
  const cookbook = await useCookbook(environment, where);
  if (!cookbook.ok) return cookbook;
  const { file, recipes } = cookbook.value;
  if (form === 'names') return printed(environment, [...recipes.keys()].map((name) => `${name}\n`).join(''));
  if (form === 'json')
    return printedJson(environment, { file, recipes: [...recipes.values()].map(recipeDocument) });
  if (recipes.size === 0) environment.stderr.write(`${file} has no recipe\n`);
  return printed(environment, recipeList(cookbook.value));
}

async function show(
  environment: Environment,
  where: string | undefined,
  name: string,
  json: boolean,
): Promise<Result<ExitCode>> {
  const cookbook = await useCookbook(environment, where);
  if (!cookbook.ok) return cookbook;
  const recipe = findRecipe(cookbook.value, name);
  if (!recipe.ok) return recipe;
  if (json) return printedJson(environment, { file: cookbook.value.file, ...recipeDocument(recipe.value) });
  return printed(environment, recipeText(recipe.value));
}

async function check(
  environment: Environment,
  where: string | undefined,
  json: boolean,
): Promise<Result<ExitCode>> {
  if (where === undefined) return noCookbook();
  const loaded = await loadCookbook(environment, where);
  if (!loaded.ok) return loaded;
  const { file, checked } = loaded.value;
  if (!checked.ok) return reportProblems(environment, wrongCookbook(file, checked.problems), json);
  const names = [...checked.cookbook.recipes.keys()];
  if (json) return printedJson(environment, { ok: true, file, recipes: names });
  return printed(environment, `${names.length} ${names.length === 1 ? 'recipe' : 'recipes'}\n`);
}

async function printedJson(environment: Environment, document: unknown): Promise<Result<ExitCode>> {
  return printed(environment, `${JSON.stringify(document, undefined, 2)}\n`);
}
