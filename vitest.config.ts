import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/build.ts', 'test/setup.ts'],
    setupFiles: ['test/leaks.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
})
