// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: mmap, munmap, mprotect, mremap, madvise, shared and private file pages and copy-on-write,
 * against a model of what each page holds.
 */
#include "stress.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, SLOTS = 200 };

/* What a slot of address space should be: `seed` says what its page holds, 0 is zeros. */
struct slot {
  int mapped, protection;
  uint64_t seed;
};

static sigjmp_buf fault;
static unsigned char *area;
static struct slot slots[SLOTS];
static uint64_t faults;

static void on_fault(int signal) { siglongjmp(fault, signal); }

static uint64_t word_of(uint64_t seed, unsigned index) { return seed == 0 ? 0 : (seed + index) * 0x9e3779b97f4a7c15ull; }

static void fill(unsigned slot, uint64_t seed) {
  uint64_t *words = (uint64_t *)(area + slot * PAGE);
  for (unsigned i = 0; i < PAGE / 8; i++) words[i] = word_of(seed, i);
  slots[slot].seed = seed;
}

static uint64_t read_slot(unsigned slot, unsigned index) {
  volatile uint64_t *words = (volatile uint64_t *)(area + slot * PAGE);
  int expected = slots[slot].mapped && (slots[slot].protection & PROT_READ);
  if (sigsetjmp(fault, 1) != 0) {
    CHECK(!expected, "slot %u faulted", slot);
    faults++;
    return 1;
  }
  uint64_t word = words[index];
  CHECK(expected, "slot %u did not fault", slot);
  CHECK(word == word_of(slots[slot].seed, index), "slot %u word %u holds %lx", slot, index, word);
  return word;
}

static void write_slot(unsigned slot, uint64_t seed) {
  int expected = slots[slot].mapped && (slots[slot].protection & PROT_WRITE);
  if (sigsetjmp(fault, 1) != 0) {
    CHECK(!expected, "slot %u refused a write", slot);
    faults++;
    return;
  }
  fill(slot, seed);
  CHECK(expected, "slot %u took a write", slot);
}

static void map(unsigned slot, unsigned count, int protection) {
  unsigned char *at = area + slot * PAGE;
  void *got = mmap(at, count * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(got == at, "mmap");
  for (unsigned i = 0; i < count; i++) slots[slot + i] = (struct slot){1, protection, 0};
}

static uint64_t churn(struct numbers *numbers, uint64_t steps) {
  static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE};
  uint64_t digest = DIGEST_START;
  for (uint64_t step = 0; step < steps; step++) {
    unsigned count = 1 + below(numbers, 12), slot = below(numbers, SLOTS - count);
    unsigned char *at = area + slot * PAGE;
    switch (below(numbers, 8)) {
      case 0:
        map(slot, count, protections[below(numbers, 4)]);
        break;
      case 1:
        CHECK(munmap(at, count * PAGE) == 0, "munmap");
        for (unsigned i = 0; i < count; i++) slots[slot + i].mapped = 0;
        break;
      case 2: {
        int protection = protections[below(numbers, 4)];
        for (unsigned i = 0; i < count; i++) {
          if (!slots[slot + i].mapped) continue;
          CHECK(mprotect(at + i * PAGE, PAGE, protection) == 0, "mprotect");
          slots[slot + i].protection = protection;
        }
        break;
      }
      case 3:
        for (unsigned i = 0; i < count; i++) {
          if (!slots[slot + i].mapped) continue;
          CHECK(madvise(at + i * PAGE, PAGE, MADV_DONTNEED) == 0, "madvise");
          slots[slot + i].seed = 0;
        }
        break;
      case 4: {
        unsigned to = below(numbers, SLOTS);
        if (to == slot || !slots[slot].mapped) break;
        void *moved = mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + to * PAGE);
        CHECK(moved == area + to * PAGE, "mremap");
        slots[to] = slots[slot];
        slots[slot].mapped = 0;
        break;
      }
      default:
        for (unsigned i = 0; i < count; i++) {
          if (below(numbers, 2) == 0) write_slot(slot + i, next(numbers) | 1);
          digest = digest_word(digest, read_slot(slot + i, below(numbers, PAGE / 8)));
        }
    }
  }
  return digest;
}

/* A child changes every writable page and sees its own; the parent sees none of it. */
static uint64_t copy_on_write(struct numbers *numbers) {
  uint64_t value = next(numbers) | 1;
  int channel[2];
  CHECK(pipe(channel) == 0, "pipe");
  pid_t child = fork();
  if (child == 0) {
    uint64_t digest = DIGEST_START;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
      write_slot(slot, value + slot);
      digest = digest_word(digest, read_slot(slot, slot));
    }
    _exit(write(channel[1], &digest, sizeof digest) == sizeof digest ? 0 : 1);
  }
  uint64_t digest;
  int status;
  CHECK(read(channel[0], &digest, sizeof digest) == sizeof digest, "the child's digest");
  waitpid(child, &status, 0);
  CHECK(status == 0, "child %x", status);
  close(channel[0]);
  close(channel[1]);
  for (unsigned slot = 0; slot < SLOTS; slot++) digest = digest_word(digest, read_slot(slot, slot));
  return digest;
}

/* Pages of a file, mapped shared twice and privately once. */
static uint64_t file_pages(struct numbers *numbers, uint64_t steps) {
  enum { COUNT = 16 };
  int file = memfd_create("pages", 0);
  CHECK(ftruncate(file, COUNT * PAGE) == 0, "ftruncate");
  uint64_t *one = mmap(NULL, COUNT * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  uint64_t *two = mmap(NULL, COUNT * PAGE, PROT_READ, MAP_SHARED, file, 0);
  uint64_t *own = mmap(NULL, COUNT * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  uint64_t digest = DIGEST_START;
  for (uint64_t step = 0; step < steps; step++) {
    unsigned index = below(numbers, COUNT * PAGE / 8);
    uint64_t value = next(numbers);
    one[index] = value;
    CHECK(two[index] == value, "shared pages differ");
    own[index] = ~value;
    CHECK(one[index] == value, "a private page is shared");
    uint64_t read_back = 0;
    CHECK(pread(file, &read_back, 8, index * 8) == 8 && read_back == value, "the file holds %lx", read_back);
    digest = digest_word(digest, own[index] ^ two[(index * 7) % (COUNT * PAGE / 8)]);
  }
  munmap(one, COUNT * PAGE);
  munmap(two, COUNT * PAGE);
  munmap(own, COUNT * PAGE);
  close(file);
  return digest;
}

int main(int count, char **values) {
  uint64_t seed = argument(count, values, 1, 1), scale = argument(count, values, 2, 1);
  struct numbers numbers = numbers_from(seed);
  area = mmap(NULL, SLOTS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED, "area");
  for (unsigned slot = 0; slot < SLOTS; slot++) slots[slot] = (struct slot){1, PROT_NONE, 0};
  signal(SIGSEGV, on_fault);
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < 4 * scale; i++) {
    digest = digest_word(digest, churn(&numbers, 600));
    digest = digest_word(digest, copy_on_write(&numbers));
  }
  digest = digest_word(digest, file_pages(&numbers, 2000 * scale));
  printf("faults %lu digest %016lx\n", faults, digest);
  return 0;
}
