import tseslint from 'typescript-eslint'
export default [
  {
    files: ['src/**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { ts: tseslint.plugin },
    rules: {
      'ts/no-floating-promises': 'error',
      'ts/no-misused-promises': 'error',
      'ts/switch-exhaustiveness-check': 'error',
    },
  },
]
