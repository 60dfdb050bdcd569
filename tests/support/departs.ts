/** Marks a departure in a test's table: `words` begin a line of docs/fidelity.md, which tests/fidelity.test.ts checks. Not a test. */
export const departs = (words: string): string => words;
