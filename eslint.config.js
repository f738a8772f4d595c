import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Which packages each package may import: dependencies point one way (docs/ARCHITECTURE.md).
 * A package that isn't listed here fails the architecture test.
 */
export const allowedImports = {
  core: [],
  protocol: ['core'],
  lifecycle: [],
  wire: ['lifecycle', 'protocol'],
  store: ['core', 'lifecycle', 'protocol'],
  stub: ['protocol'],
  client: ['core', 'lifecycle', 'protocol'],
  dispatcher: ['core', 'lifecycle', 'protocol', 'store', 'wire'],
  worker: ['core', 'lifecycle', 'protocol', 'wire'],
  rexec: ['core', 'lifecycle', 'protocol', 'stub', 'wire'],
  testkit: ['core', 'lifecycle', 'protocol'],
  simulator: ['core', 'dispatcher', 'lifecycle', 'protocol', 'store', 'wire', 'worker'],
};

const everyPackage = Object.keys(allowedImports);

/** Patterns that keep imports on package roots and inside the allowed set. */
function importPatterns(allowed) {
  const forbidden = everyPackage.filter((name) => !allowed.includes(name)).map((name) => `@pogo/${name}`);
  return [
    {
      group: ['@pogo/*/*', '**/packages/**', '../../*/src/**'],
      message: 'Import a package by its root only.',
    },
    ...(forbidden.length > 0
      ? [
          {
            group: forbidden,
            message: 'This package may not depend on that one: see allowedImports in eslint.config.js.',
          },
        ]
      : []),
  ];
}

const noProcess = {
  globals: [{ name: 'process', message: '`process` belongs in main.ts: pass in what is needed.' }],
  paths: [
    { name: 'node:process', message: '`process` belongs in main.ts: pass in what is needed.' },
    { name: 'process', message: '`process` belongs in main.ts: pass in what is needed.' },
  ],
};

const perPackage = everyPackage.map((name) => ({
  files: [`packages/${name}/src/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: importPatterns(allowedImports[name]), paths: noProcess.paths },
    ],
    'no-restricted-globals': ['error', ...noProcess.globals],
  },
}));

export default tseslint.config(
  { ignores: ['**/dist/**', '**/build/**', '**/node_modules/**', 'coverage/**'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      eqeqeq: 'error',
      'no-control-regex': 'off',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  ...perPackage,
  {
    // The checker shares nothing with what it checks: of the product it knows the log's text and what hosts saw.
    files: ['packages/simulator/src/checker/**/*.ts', 'packages/simulator/src/namespaces/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: importPatterns([]), paths: noProcess.paths }] },
  },
  {
    files: ['packages/*/src/main.ts', 'packages/*/src/*-main.ts'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
    },
  },
  {
    // The domain is pure: no I/O, no clock, no randomness, no timers.
    files: ['packages/core/src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...importPatterns([]),
            { group: ['node:*', 'fs', 'net', 'crypto'], message: 'core does no I/O.' },
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        ...noProcess.globals,
        ...[
          'Date',
          'setTimeout',
          'setInterval',
          'setImmediate',
          'queueMicrotask',
          'performance',
          'crypto',
          'fetch',
          'Buffer',
          'console',
        ].map((name) => ({ name, message: 'core is pure: no clock, timers, randomness or I/O.' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'core is pure: no randomness.' },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        performance: 'readonly',
      },
    },
  },
);
