/** Cookbooks, damaged: taken, or refused with places inside of the text and reasons; what is taken can be shown. */
import { type FuzzAnswer, fuzz, mutateText, problemFault, type SeededRandom } from '@pogo/testkit';
import { expect, test } from 'vitest';
import { recipeDocument, recipeList, recipeText } from '../src/render/recipe-text.js';
import { maxCookbookProblems } from '../src/recipes/checking.js';
import { checkCookbook } from '../src/recipes/cookbook.js';

const cases = 10_000;
/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 4_070_001;

const corpus = [
  `- name: careful
  concurrent: 25%
  max-failures: 3
- name: restart
  based_on: careful
  parameters:
    service: { description: unit }
    where: { type: hosts, default: '@frontend' }
    coast: { type: choice, choices: [east, west] }
  target: '{{where}}&@coast:{{coast}}'
  command: [systemctl, restart, '{{service}}']
  run-as: root
- { name: restart-nginx, based_on: restart, concurrent: 10%, parameters: { service: { default: nginx } } }
`,
  `- name: space
  parameters:
    directory: { default: /var/log }
    lines: { type: integer, min: 1, max: 100, default: 5 }
    all: { type: boolean, default: false }
  target: [ 'web[1-4]', db1 ]
  exclude: 'web{{lines}}'
  command: |
    d={{directory}}
    du -xk "{{directory}}" '{{directory}}' | sort -rn | head -n {{lines}} # a comment
  gather: '{{all}}'
  no-progress: true
`,
  '- {name: up, file: up.sh, args: [--to, "{{v}}"], parameters: {v: {}}, auth: [publickey, password], port: 2222}\n',
];
const tokens = [
  ...[
    '- name: x\n',
    'based_on: careful',
    'based_on: restart',
    'parameters:',
    'type: hosts',
    'default: ',
    'min: 3',
  ],
  ...[
    '{{',
    '}}',
    '{{service}}',
    '{{where}}',
    '{{lines}}',
    '{{{{',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|',
    '>',
    ': ',
    ', ',
    '- ',
  ],
  ...['&a ', '*a', '!x ', '<<: ', '---\n', '~', 'true', 'false', '1.5', '\n  ', '\n', '\t', '# ', '? '],
  ...[
    '`',
    '$(',
    '<<',
    '\\',
    '$',
    '((',
    'shell: true',
    'argv: true',
    'password: x',
    'hostfile: -',
    '__proto__: x\n',
    '\ufeff',
  ],
];

function generate(random: SeededRandom): string {
  return mutateText(random, { corpus, tokens, changes: 2 });
}

function check(text: string): FuzzAnswer {
  const checked = checkCookbook({ content: text, file: 'c.yaml', isLocal: true });
  if (checked.ok) {
    for (const recipe of checked.cookbook.recipes.values()) {
      if (recipeText(recipe) === '') return { fault: 'a recipe that shows nothing' };
      const document = recipeDocument(recipe);
      if (new Set(document.values.map(({ key }) => key)).size !== document.values.length)
        return { fault: 'a key twice' };
    }
    return recipeList(checked.cookbook) === '' && checked.cookbook.recipes.size > 0
      ? { fault: 'a list that shows nothing' }
      : 'accepted';
  }
  const { problems } = checked;
  if (problems.length === 0 || problems.length > maxCookbookProblems)
    return { fault: 'a wrong number of problems' };
  return problems.map((problem) => problemFault(text, problem)).find(Boolean) ?? 'rejected';
}

test('every sample is good before it is damaged', () => {
  for (const text of corpus) expect(check(text), text).toBe('accepted');
});

test(
  `${cases} damaged cookbooks are taken, or refused with line and reason`,
  async () => {
    const report = await fuzz({ name: 'cookbook', cases, seed, generate, check });
    console.log(report.text);
    expect(report.accepted).toBeGreaterThan(cases / 20);
    expect(report.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);
