import * as z from 'zod';
import { declarationSchema } from './parameters.js';
import { parameterNamePattern } from './template.js';

/** Most recipes that are based on one another in a row. */
export const maxBases = 16;

const recipeName = z
  .string({
    error: ({ input }) =>
      input === undefined ? 'the recipe has no name: give it one, as in name: restart' : 'expected a name',
  })
  .refine((name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name), {
    message: 'a name has up to 64 letters, digits, ".", "_" and "-", and begins with a letter or a digit',
    params: { code: 'invalid-name' },
  });

const parameterNames = z.record(z.string(), z.unknown(), {
  error: 'expected parameters by name, such as service: { type: string, default: nginx }',
});
const parameters = parameterNames
  .superRefine((declared, context) => {
    for (const name of Object.keys(declared)) {
      const message = parameterNamePattern.test(name)
        ? secretName(name) &&
          'the values of parameters are part of what everybody may read about a job: a secret is none, and comes from --secrets FILE or is asked for'
        : 'the name of a parameter has up to 64 letters, digits, "_" and "-", and begins with a letter';
      if (message === undefined) continue;
      const code = secretName(name) ? 'secret-in-recipe' : 'invalid-name';
      context.addIssue({ code: 'custom', path: [name], message, params: { code } });
    }
  })
  .pipe(z.record(z.string(), declarationSchema));

const texts = z.array(z.string({ error: 'expected a text' }), { error: 'expected a list of texts' });

/** A record; keys that aren't here are options of `pogo run`. */
const recordSchema = z.looseObject(
  {
    name: recipeName,
    based_on: z.string({ error: 'expected the name of one recipe' }).optional(),
    description: z.string({ error: 'expected a text' }).optional(),
    parameters: parameters.optional(),
    command: z
      .union([z.string(), texts.min(1)], {
        error: 'expected a text, or a list of program and arguments, such as [systemctl, restart, nginx]',
      })
      .optional(),
    args: texts.optional(),
  },
  { error: 'expected a recipe, such as { name: restart, command: [systemctl, restart, nginx] }' },
);
export type CookbookRecord = z.infer<typeof recordSchema>;

/** The keys of a record that aren't options. */
export const ownKeys: readonly string[] = Object.keys(recordSchema.shape);

export const cookbookSchema = z.array(recordSchema, {
  error: 'expected a list of recipes, each of which begins with "- name: …"',
});

const secretWords = ['password', 'passwd', 'passphrase', 'secret', 'secrets'];

/** Whether a name promises a secret: `db_password`. */
export function secretName(name: string): true | undefined {
  return (
    name
      .toLowerCase()
      .split(/[-_.]/)
      .some((word) => secretWords.includes(word)) || undefined
  );
}
