// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: a tree of forks, storms of children that exit at once, pipes between them, exec, and
 * counters in shared memory.
 */
#include "stress.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t *shared;

/* Each process of the tree adds its number; a parent's exit status sums its children's. */
static unsigned tree(unsigned depth, unsigned width, uint64_t number) {
  __atomic_fetch_add(&shared[0], number, __ATOMIC_SEQ_CST);
  __atomic_fetch_add(&shared[1], 1, __ATOMIC_SEQ_CST);
  unsigned sum = number & 15;
  if (depth == 0) return sum;
  pid_t children[8];
  for (unsigned i = 0; i < width; i++) {
    fflush(stdout);
    children[i] = fork();
    CHECK(children[i] >= 0, "fork");
    if (children[i] == 0) _exit(tree(depth - 1, width, number * 7 + i + 1) & 0xff);
  }
  for (unsigned i = 0; i < width; i++) {
    int status;
    CHECK(waitpid(children[i], &status, 0) == children[i] && WIFEXITED(status), "status %x", status);
    sum += WEXITSTATUS(status);
  }
  return sum;
}

/* `count` children at the same time, which end in whatever order. */
static uint64_t storm(struct numbers *numbers, unsigned count) {
  uint64_t expected = 0, got = 0;
  for (unsigned i = 0; i < count; i++) {
    unsigned status = below(numbers, 200);
    expected += status;
    pid_t child = fork();
    CHECK(child >= 0, "fork %u", i);
    if (child == 0) {
      uint64_t digest = DIGEST_START;
      for (unsigned j = 0; j < status * 10; j++) digest = digest_word(digest, j);
      __atomic_fetch_xor(&shared[2], digest, __ATOMIC_SEQ_CST);
      _exit(status);
    }
  }
  for (unsigned i = 0; i < count; i++) {
    int status;
    CHECK(wait(&status) > 0 && WIFEXITED(status), "status %x", status);
    got += WEXITSTATUS(status);
  }
  CHECK(got == expected, "statuses sum up to %lu, not %lu", got, expected);
  return got;
}

/* A chain of processes, each of which passes on what it read, changed. */
static uint64_t chain(uint64_t seed, unsigned length, unsigned words) {
  int first[2], input;
  CHECK(pipe(first) == 0, "pipe");
  input = first[0];
  for (unsigned i = 0; i < length; i++) {
    int channel[2];
    CHECK(pipe(channel) == 0, "pipe");
    if (fork() == 0) {
      close(first[1]);
      close(channel[0]);
      uint64_t word;
      while (read(input, &word, 8) == 8) {
        word = word * 3 + i;
        if (write(channel[1], &word, 8) != 8) _exit(1);
      }
      _exit(0);
    }
    close(input);
    close(channel[1]);
    input = channel[0];
  }
  uint64_t digest = DIGEST_START, word;
  for (unsigned i = 0; i < words; i++) {
    word = seed + i;
    CHECK(write(first[1], &word, 8) == 8 && read(input, &word, 8) == 8, "word %u", i);
    digest = digest_word(digest, word);
  }
  close(first[1]);
  CHECK(read(input, &word, 8) == 0, "end of the chain");
  close(input);
  for (unsigned i = 0; i < length; i++) wait(NULL);
  return digest;
}

static uint64_t execs(unsigned count) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < count; i++) {
    pid_t child = i % 2 == 0 ? fork() : vfork();
    if (child == 0) {
      execl(i % 3 == 0 ? "/bin/true" : "/bin/false", "program", (char *)NULL);
      _exit(9);
    }
    int status;
    waitpid(child, &status, 0);
    sum += (uint64_t)WEXITSTATUS(status) << (i % 60);
  }
  return sum;
}

int main(int count, char **values) {
  uint64_t seed = argument(count, values, 1, 1), scale = argument(count, values, 2, 1);
  struct numbers numbers = numbers_from(seed);
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < scale; i++) {
    digest = digest_word(digest, tree(4, 3, seed + i));
    digest = digest_word(digest, storm(&numbers, 120));
    digest = digest_word(digest, chain(seed + i, 12, 60));
    digest = digest_word(digest, execs(20));
  }
  printf("processes %lu digest %016lx\n", shared[1], digest_bytes(digest, shared, 24));
  return 0;
}
