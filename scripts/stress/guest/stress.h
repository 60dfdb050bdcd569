/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the stress programs share: numbers from a seed, a digest of results, and an end with a
 * reason.
 *
 * Each program takes SEED and SCALE, does the same work for the same two, whatever the number of
 * cores, and prints one line.
 */
#ifndef STRESS_H
#define STRESS_H

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled",
 * 2016.
 */
struct numbers {
  uint64_t state;
};

static inline uint64_t next(struct numbers *numbers) {
  uint64_t x = numbers->state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  numbers->state = x;
  return x * 0x2545f4914f6cdd1dull;
}

static inline uint32_t below(struct numbers *numbers, uint32_t bound) { return (next(numbers) >> 33) % bound; }

static inline struct numbers numbers_from(uint64_t seed) {
  struct numbers numbers = {seed * 0x9e3779b97f4a7c15ull + 0x1234567};
  if (numbers.state == 0) numbers.state = 1;
  for (int i = 0; i < 8; i++) next(&numbers);
  return numbers;
}

/* FNV-1a, 64 bits. */
#define DIGEST_START 0xcbf29ce484222325ull

static inline uint64_t digest_bytes(uint64_t digest, const void *bytes, size_t count) {
  const unsigned char *byte = bytes;
  for (size_t i = 0; i < count; i++) digest = (digest ^ byte[i]) * 0x100000001b3ull;
  return digest;
}

static inline uint64_t digest_word(uint64_t digest, uint64_t word) { return digest_bytes(digest, &word, sizeof word); }

#define CHECK(condition, ...)                                        \
  do {                                                               \
    if (!(condition)) {                                              \
      printf("WRONG at %s:%d: %s: ", __FILE__, __LINE__, #condition); \
      printf(__VA_ARGS__);                                           \
      printf("\n");                                                  \
      fflush(stdout);                                                \
      exit(1);                                                       \
    }                                                                \
  } while (0)

static inline uint64_t argument(int count, char **values, int index, uint64_t otherwise) {
  return count > index ? strtoull(values[index], NULL, 0) : otherwise;
}

#endif
