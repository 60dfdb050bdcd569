// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeps as in real life: daemons that wait most of the time, each by another of the kernel's ways,
 * for some seconds. No wait may end early, no clock may go back, no period may be lost; how late a
 * wait ends is the machine's affair.
 */
#include "stress.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MILLISECOND = 1000000 };

static uint64_t milliseconds;

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns) { return (struct timespec){ns / 1000000000, ns % 1000000000}; }

/* Waits for `period` milliseconds, time and again until all the time is over. */
static uint64_t repeat(unsigned period, void (*wait_for)(unsigned period)) {
  uint64_t count = milliseconds / period, wall = now(CLOCK_REALTIME);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t before = now(CLOCK_MONOTONIC);
    wait_for(period);
    uint64_t after = now(CLOCK_MONOTONIC), later = now(CLOCK_REALTIME);
    CHECK(after - before >= (uint64_t)period * MILLISECOND, "%u ms took %lu ns", period, after - before);
    CHECK(later > wall, "the clock went from %lu back to %lu", wall, later);
    wall = later;
  }
  return count;
}

static void by_nanosleep(unsigned period) {
  struct timespec until = timespec_of(now(CLOCK_MONOTONIC) + (uint64_t)period * MILLISECOND);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
  }
}

static void by_poll(unsigned period) { CHECK(poll(NULL, 0, period) == 0, "poll"); }

static void by_select(unsigned period) {
  struct timeval time = {period / 1000, period % 1000 * 1000};
  CHECK(select(0, NULL, NULL, NULL, &time) == 0, "select");
}

/* Nobody signals the condition. */
static void by_condition(unsigned period) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&condition, &attributes);
  struct timespec until = timespec_of(now(CLOCK_MONOTONIC) + (uint64_t)period * MILLISECOND);
  pthread_mutex_lock(&mutex);
  int result;
  do result = pthread_cond_timedwait(&condition, &mutex, &until);
  while (result == 0);
  pthread_mutex_unlock(&mutex);
  CHECK(result == ETIMEDOUT, "result %d", result);
}

static void by_signal(unsigned period) {
  sigset_t none;
  sigemptyset(&none);
  struct timespec time = timespec_of((uint64_t)period * MILLISECOND);
  CHECK(sigtimedwait(&none, NULL, &time) == -1 && errno == EAGAIN, "errno %d", errno);
}

/* A periodic timer: whoever comes late is told how many periods went by. */
static uint64_t by_timer(unsigned period) {
  int timer = timerfd_create(CLOCK_MONOTONIC, 0), group = epoll_create1(0);
  struct timespec interval = timespec_of((uint64_t)period * MILLISECOND);
  struct epoll_event event = {.events = EPOLLIN};
  CHECK(epoll_ctl(group, EPOLL_CTL_ADD, timer, &event) == 0, "epoll");
  uint64_t start = now(CLOCK_MONOTONIC), count = 0, wanted = milliseconds / period;
  CHECK(timerfd_settime(timer, 0, &(struct itimerspec){interval, interval}, NULL) == 0, "timer");
  while (count < wanted) {
    uint64_t expired = 0;
    CHECK(epoll_wait(group, &event, 1, -1) == 1 && read(timer, &expired, 8) == 8, "expired %lu", expired);
    count += expired;
    uint64_t elapsed = now(CLOCK_MONOTONIC) - start;
    CHECK(count <= elapsed / ((uint64_t)period * MILLISECOND), "%lu periods in %lu ns", count, elapsed);
  }
  close(timer);
  close(group);
  return wanted;
}

static const struct {
  unsigned period;
  void (*wait_for)(unsigned period);
} WAITS[] = {{50, by_nanosleep}, {70, by_poll}, {110, by_select}, {230, by_condition}, {90, by_signal}, {1000, by_nanosleep}};
enum { WAITERS = sizeof WAITS / sizeof *WAITS };

static void *waiter(void *argument) {
  uint64_t index = (uint64_t)argument;
  return (void *)(index < WAITERS ? repeat(WAITS[index].period, WAITS[index].wait_for) : by_timer(100));
}

/* A child that says each 250 ms that it is alive. */
static uint64_t heartbeats(void) {
  int channel[2];
  uint64_t count = milliseconds / 250, heard = 0;
  CHECK(pipe(channel) == 0, "pipe");
  pid_t child = fork();
  if (child == 0) {
    for (uint64_t i = 0; i < count; i++) {
      by_select(250);
      if (write(channel[1], "x", 1) != 1) _exit(1);
    }
    _exit(0);
  }
  close(channel[1]);
  char beat;
  while (read(channel[0], &beat, 1) == 1) heard++;
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0, "status %x", status);
  return heard;
}

int main(int count, char **values) {
  milliseconds = argument(count, values, 1, 1) * 1000;
  pthread_t threads[WAITERS + 1];
  for (uint64_t i = 0; i <= WAITERS; i++) CHECK(pthread_create(&threads[i], NULL, waiter, (void *)i) == 0, "thread");
  printf("heartbeats %lu waits", heartbeats());
  for (uint64_t i = 0; i <= WAITERS; i++) {
    void *waits;
    pthread_join(threads[i], &waits);
    printf(" %lu", (uint64_t)waits);
  }
  printf("\n");
  return 0;
}
