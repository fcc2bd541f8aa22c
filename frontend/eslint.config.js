import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['.svelte-kit/', 'src/lib/api/schema.ts'] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    rules: {
      'max-lines': ['error', 250],
      'no-console': 'error',
      'no-restricted-globals': [
        'error',
        { name: 'fetch', message: 'Only lib/api speaks with the server.' },
        { name: 'EventSource', message: 'Only lib/api speaks with the server.' },
        { name: 'XMLHttpRequest', message: 'Only lib/api speaks with the server.' },
      ],
      // It takes every local Set for state.
      'svelte/prefer-svelte-reactivity': 'off',
      // There is one base path, the root.
      'svelte/no-navigation-without-resolve': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
    },
  },
  { files: ['src/lib/api/**'], rules: { 'no-restricted-globals': 'off' } },
  { files: ['src/lib/strings/**'], rules: { 'max-lines': 'off' } },
);
