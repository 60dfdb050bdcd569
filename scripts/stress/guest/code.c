// SPDX-License-Identifier: GPL-2.0-only
/*
 * Code that changes: functions written at run time, called, written over and called again, through
 * one writable mapping, through two mappings of the same memory, with protections that alternate,
 * from a file, and by threads; with the cache maintenance that the architecture asks for. What each
 * function must return is worked out beside it.
 */
#include "stress.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, LONGEST = 40, RET = 0xd65f03c0 };

typedef uint64_t (*function)(uint64_t);

static void publish(void *start, size_t bytes) { __builtin___clear_cache((char *)start, (char *)start + bytes); }

/*
 * Writes a function of x0 at `code`, and gives what it returns for `input`. Operations: ADD, SUB,
 * EOR, ORR, LSR of the register with itself or a constant.
 */
static unsigned emit(uint32_t *code, struct numbers *numbers, unsigned length, uint64_t input, uint64_t *result) {
  unsigned at = 0;
  uint64_t x0 = input, x1 = 0;
  code[at++] = 0xaa0003e1; /* mov x1, x0 */
  x1 = x0;
  while (at < length) {
    uint32_t immediate = below(numbers, 4096), shift = 1 + below(numbers, 62);
    switch (below(numbers, 6)) {
      case 0:
        code[at++] = 0x91000000 | immediate << 10; /* add x0, x0, #immediate */
        x0 += immediate;
        break;
      case 1:
        code[at++] = 0xd1000000 | immediate << 10; /* sub x0, x0, #immediate */
        x0 -= immediate;
        break;
      case 2:
        code[at++] = 0xca010000 | shift << 10; /* eor x0, x0, x1, lsl #shift */
        x0 ^= x1 << shift;
        break;
      case 3:
        code[at++] = 0x8b410000 | shift << 10; /* add x0, x0, x1, lsr #shift */
        x0 += x1 >> shift;
        break;
      case 4:
        code[at++] = 0x9b017c00; /* mul x0, x0, x1 */
        x0 *= x1;
        break;
      default:
        code[at++] = 0xaa000021 | shift << 10; /* orr x1, x1, x0, lsl #shift */
        x1 |= x0 << shift;
    }
  }
  code[at++] = RET;
  *result = x0;
  return at;
}

static uint64_t write_and_call(uint32_t *writable, uint32_t *executable, struct numbers *numbers) {
  uint64_t input = next(numbers), expected;
  unsigned length = emit(writable, numbers, 2 + below(numbers, LONGEST), input, &expected);
  publish(executable, length * 4);
  uint64_t got = ((function)executable)(input);
  CHECK(got == expected, "a function of %u instructions returned %lx, not %lx", length, got, expected);
  return got;
}

static void *pages(size_t bytes, int protection) {
  void *got = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(got != MAP_FAILED, "mmap");
  return got;
}

/* One page, written over and over. */
static uint64_t same_place(struct numbers *numbers, uint64_t rounds) {
  uint32_t *code = pages(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    uint32_t *at = code + below(numbers, PAGE / 4 - LONGEST - 4);
    digest = digest_word(digest, write_and_call(at, at, numbers));
  }
  munmap(code, PAGE);
  return digest;
}

/* Written through one mapping, executed through another. */
static uint64_t two_mappings(struct numbers *numbers, uint64_t rounds) {
  int memory = memfd_create("code", 0);
  CHECK(ftruncate(memory, PAGE) == 0, "ftruncate");
  uint32_t *writable = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  uint32_t *executable = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, memory, 0);
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    unsigned at = below(numbers, PAGE / 4 - LONGEST - 4);
    digest = digest_word(digest, write_and_call(writable + at, executable + at, numbers));
  }
  munmap(writable, PAGE);
  munmap(executable, PAGE);
  close(memory);
  return digest;
}

/*
 * Writable or executable, never both; and the pages given back and taken again at the same address.
 */
static uint64_t alternating(struct numbers *numbers, uint64_t rounds) {
  uint32_t *code = pages(PAGE, PROT_READ | PROT_WRITE);
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    uint64_t input = next(numbers), expected;
    unsigned length = emit(code, numbers, 2 + below(numbers, LONGEST), input, &expected);
    publish(code, length * 4);
    CHECK(mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0, "mprotect");
    uint64_t got = ((function)code)(input);
    CHECK(got == expected, "%lx, not %lx", got, expected);
    digest = digest_word(digest, got);
    if (i % 3 == 0) {
      munmap(code, PAGE);
      void *again = mmap(code, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      CHECK(again == code, "mmap");
    } else {
      CHECK(mprotect(code, PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
    }
  }
  munmap(code, PAGE);
  return digest;
}

/*
 * A loop whose branches are changed while it is hot: each link goes to one of two arms, on pages of
 * their own.
 */
static uint64_t changed_branches(struct numbers *numbers, uint64_t rounds) {
  enum { LINKS = 12, STRIDE = PAGE / 4 };
  uint32_t *code = pages((LINKS + 1) * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  unsigned arm[LINKS];
  for (unsigned link = 0; link < LINKS; link++) {
    uint32_t *at = code + link * STRIDE;
    at[0] = 0x14000001 + 0;                  /* b to at[1]; patched below to at[4] */
    at[1] = 0x91000400 | (link + 1) << 10;   /* add x0, x0, #… */
    at[2] = 0x8b010000;                      /* add x0, x0, x1 */
    at[3] = 0x14000000 | (STRIDE - 3);       /* b to the next link */
    at[4] = 0xca010400;                      /* eor x0, x0, x1, lsl #1 */
    at[5] = 0xd1000400 | (link + 1) << 10;   /* sub x0, x0, #… */
    at[6] = 0x14000000 | (STRIDE - 6);
    arm[link] = 0;
  }
  uint32_t *last = code + LINKS * STRIDE;
  last[0] = 0xf1000421;                                                       /* subs x1, x1, #1 */
  last[1] = 0x54000001 | ((uint32_t)(-(LINKS * STRIDE + 1)) & 0x7ffff) << 5; /* b.ne to the first link */
  last[2] = RET;
  publish(code, (LINKS + 1) * PAGE);
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    unsigned link = below(numbers, LINKS);
    arm[link] ^= 1;
    code[link * STRIDE] = 0x14000000 | (arm[link] ? 4 : 1);
    publish(code + link * STRIDE, 4);
    uint64_t input = next(numbers), turns = 1 + below(numbers, 30), expected = input;
    for (uint64_t x1 = turns; x1 > 0; x1--) {
      for (unsigned j = 0; j < LINKS; j++) {
        uint32_t *at = code + j * STRIDE;
        uint64_t constant = arm[j] ? (at[5] >> 10 & 0xfff) : (at[1] >> 10 & 0xfff);
        expected = arm[j] ? (expected ^ x1 << 1) - constant : expected + constant + x1;
      }
    }
    uint64_t got = ((uint64_t(*)(uint64_t, uint64_t))code)(input, turns);
    CHECK(got == expected, "%lu turns gave %lx, not %lx", turns, got, expected);
    digest = digest_word(digest, got);
  }
  munmap(code, (LINKS + 1) * PAGE);
  return digest;
}

/* More functions than a translator keeps for long, each called several times, some replaced. */
static uint64_t many(struct numbers *numbers, unsigned count) {
  enum { SPACE = 64 };
  uint32_t *code = pages(count * SPACE * 4, PROT_READ | PROT_WRITE | PROT_EXEC);
  uint64_t *inputs = malloc(count * 8), *results = malloc(count * 8), digest = DIGEST_START;
  for (unsigned i = 0; i < count; i++) {
    inputs[i] = next(numbers);
    emit(code + i * SPACE, numbers, 2 + below(numbers, LONGEST), inputs[i], &results[i]);
  }
  publish(code, count * SPACE * 4);
  for (unsigned i = 0; i < count * 4; i++) {
    unsigned which = below(numbers, count);
    if (i % 16 == 0) {
      inputs[which] = next(numbers);
      emit(code + which * SPACE, numbers, 2 + below(numbers, LONGEST), inputs[which], &results[which]);
      publish(code + which * SPACE, SPACE * 4);
    }
    uint64_t got = ((function)(code + which * SPACE))(inputs[which]);
    CHECK(got == results[which], "function %u returned %lx, not %lx", which, got, results[which]);
    digest = digest_word(digest, got);
  }
  munmap(code, count * SPACE * 4);
  free(inputs);
  free(results);
  return digest;
}

/* Code in a file's page, changed with write(2). */
static uint64_t from_file(struct numbers *numbers, uint64_t rounds) {
  int file = memfd_create("program", 0);
  CHECK(ftruncate(file, PAGE) == 0, "ftruncate");
  uint32_t *executable = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    uint32_t text[LONGEST + 4];
    uint64_t input = next(numbers), expected;
    unsigned length = emit(text, numbers, 2 + below(numbers, LONGEST), input, &expected);
    CHECK(pwrite(file, text, length * 4, 0) == (ssize_t)(length * 4), "pwrite");
    publish(executable, length * 4);
    uint64_t got = ((function)executable)(input);
    CHECK(got == expected, "%lx, not %lx", got, expected);
    digest = digest_word(digest, got);
  }
  munmap(executable, PAGE);
  close(file);
  return digest;
}

static uint64_t rounds_of_threads;

static void *in_a_thread(void *argument) {
  struct numbers numbers = numbers_from((uint64_t)argument);
  return (void *)(same_place(&numbers, rounds_of_threads) ^ two_mappings(&numbers, rounds_of_threads));
}

int main(int count, char **values) {
  uint64_t seed = argument(count, values, 1, 1), scale = argument(count, values, 2, 1);
  struct numbers numbers = numbers_from(seed);
  uint64_t digest = same_place(&numbers, 1500 * scale);
  digest = digest_word(digest, two_mappings(&numbers, 1000 * scale));
  digest = digest_word(digest, alternating(&numbers, 400 * scale));
  digest = digest_word(digest, changed_branches(&numbers, 800 * scale));
  digest = digest_word(digest, many(&numbers, 1500 * scale));
  digest = digest_word(digest, from_file(&numbers, 300 * scale));
  rounds_of_threads = 300 * scale;
  pthread_t threads[4];
  for (uint64_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, in_a_thread, (void *)(seed + i));
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    digest = digest_word(digest, (uint64_t)result);
  }
  printf("digest %016lx\n", digest);
  return 0;
}
