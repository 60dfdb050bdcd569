// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads: mutexes, condition variables, barriers, raw futexes and atomics, all under contention;
 * sums that only lost updates can change.
 */
#include "stress.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 6, QUEUE = 8 };

static uint64_t scale;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t guarded, atomic_sum, swapped;
static pthread_barrier_t barrier;
static uint64_t cells[THREADS];

static void *contend(void *argument) {
  uint64_t self = (uint64_t)argument;
  struct numbers numbers = numbers_from(self + 1);
  for (uint64_t i = 0; i < 2000 * scale; i++) {
    uint64_t value = below(&numbers, 1000);
    pthread_mutex_lock(&mutex);
    guarded += value;
    pthread_mutex_unlock(&mutex);
    __atomic_fetch_add(&atomic_sum, value, __ATOMIC_SEQ_CST);
    uint64_t old = __atomic_load_n(&swapped, __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(&swapped, &old, old + value * 3, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    }
  }
  return NULL;
}

/* Phases between barriers: each cell becomes the sum of its neighbours of the phase before. */
static void *phases(void *argument) {
  uint64_t self = (uint64_t)argument;
  for (uint64_t phase = 0; phase < 60 * scale; phase++) {
    uint64_t mixed = cells[(self + 1) % THREADS] * 31 + cells[(self + THREADS - 1) % THREADS] + phase;
    pthread_barrier_wait(&barrier);
    cells[self] = mixed;
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static uint64_t queue[QUEUE], queued, taken_sum, taken_count;
static unsigned head, produced_by;

static void *produce(void *argument) {
  struct numbers numbers = numbers_from(100 + (uint64_t)argument);
  for (uint64_t i = 0; i < 500 * scale; i++) {
    uint64_t value = next(&numbers) >> 20;
    pthread_mutex_lock(&mutex);
    while (queued == QUEUE) pthread_cond_wait(&emptied, &mutex);
    queue[(head + queued++) % QUEUE] = value;
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&mutex);
  }
  pthread_mutex_lock(&mutex);
  produced_by++;
  pthread_cond_broadcast(&filled);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static void *consume(void *argument) {
  (void)argument;
  for (;;) {
    pthread_mutex_lock(&mutex);
    while (queued == 0 && produced_by < THREADS / 2) pthread_cond_wait(&filled, &mutex);
    if (queued == 0) {
      pthread_mutex_unlock(&mutex);
      return NULL;
    }
    taken_sum += queue[head];
    head = (head + 1) % QUEUE;
    queued--;
    taken_count++;
    pthread_cond_signal(&emptied);
    pthread_mutex_unlock(&mutex);
  }
}

/* Two threads hand a number back and forth with nothing between them but a word and the kernel. */
static uint32_t turn;
static uint64_t ball;

static void *ping(void *argument) {
  uint32_t self = (uint32_t)(uint64_t)argument;
  for (uint64_t i = 0; i < 300 * scale; i++) {
    uint32_t seen;
    while ((seen = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) % 2 != self) {
      syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    ball = ball * 6364136223846793005ull + self + 1;
    __atomic_store_n(&turn, seen + 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
  return NULL;
}

static __thread uint64_t local;

static void *briefly(void *argument) {
  local = (uint64_t)argument * 7;
  __atomic_fetch_add(&atomic_sum, local, __ATOMIC_RELAXED);
  return (void *)(local + 1);
}

static void run(unsigned count, void *(*first)(void *), void *(*second)(void *)) {
  pthread_t threads[THREADS];
  for (uint64_t i = 0; i < count; i++) {
    CHECK(pthread_create(&threads[i], NULL, i % 2 == 0 ? first : second, (void *)i) == 0, "thread %d", (int)i);
  }
  for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

int main(int count, char **values) {
  uint64_t seed = argument(count, values, 1, 1);
  scale = argument(count, values, 2, 1);
  for (int i = 0; i < THREADS; i++) cells[i] = seed + i;
  ball = seed;
  pthread_barrier_init(&barrier, NULL, THREADS);
  run(THREADS, contend, contend);
  CHECK(guarded == atomic_sum && swapped == guarded * 3, "%lu %lu %lu", guarded, atomic_sum, swapped);
  run(THREADS, phases, phases);
  run(THREADS, produce, consume);
  CHECK(taken_count == THREADS / 2 * 500 * scale, "%lu taken", taken_count);
  run(2, ping, ping);
  uint64_t returned = 0;
  for (uint64_t i = 0; i < 40 * scale; i++) {
    pthread_t thread;
    void *result;
    CHECK(pthread_create(&thread, NULL, briefly, (void *)i) == 0, "thread %lu", i);
    pthread_join(thread, &result);
    returned += (uint64_t)result;
  }
  uint64_t digest = digest_bytes(DIGEST_START, cells, sizeof cells);
  digest = digest_word(digest_word(digest_word(digest, atomic_sum), taken_sum), ball + returned);
  printf("guarded %lu taken %lu digest %016lx\n", guarded, taken_count, digest);
  return 0;
}
