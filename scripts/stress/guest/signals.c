// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: queued, from timers in the midst of arithmetic, from faults that the handler mends or
 * skips, nested, on a stack of their own, killing.
 */
#include "stress.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

static volatile sig_atomic_t ticks, skipped, mended, nested, deepest;
static unsigned char *pages;

static void on_tick(int signal) {
  (void)signal;
  ticks++;
  /* The interrupted code's vector registers have to come back. */
  asm volatile("movi v0.16b, #0xaa\n movi v8.16b, #0x55\n movi v31.16b, #0xff\n msr fpsr, xzr" ::: "v0", "v8", "v31");
}

static void on_skip(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  skipped++;
  ((ucontext_t *)context)->uc_mcontext.pc += 4;
}

static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  unsigned char *address = info->si_addr;
  if (address < pages || address >= pages + PAGES * PAGE) _exit(99);
  mended++;
  mprotect(pages + (address - pages) / PAGE * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

static void on_nested(int signal) {
  nested++;
  int depth = signal - SIGRTMIN;
  if (depth > deepest) deepest = depth;
  if (depth < 5) raise(signal + 1);
}

static void handle(int signal, void *handler, int flags) {
  struct sigaction action = {.sa_flags = flags};
  action.sa_handler = handler;
  sigaction(signal, &action, NULL);
}

static uint64_t arithmetic(struct numbers *numbers, uint64_t rounds) {
  double a = 1.5, b = 0.25;
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    uint64_t word = next(numbers);
    a = a * 0.999 + (double)(word >> 40);
    b = b / 1.001 + a;
    digest = (digest ^ word) * 0x100000001b3ull;
  }
  digest = digest_bytes(digest, &a, sizeof a);
  return digest_bytes(digest, &b, sizeof b);
}

int main(int count, char **values) {
  uint64_t seed = argument(count, values, 1, 1), scale = argument(count, values, 2, 1);
  struct numbers numbers = numbers_from(seed);
  uint64_t digest = DIGEST_START;

  sigset_t queueable;
  sigemptyset(&queueable);
  sigaddset(&queueable, SIGRTMIN + 8);
  sigprocmask(SIG_BLOCK, &queueable, NULL);
  for (uint64_t i = 0; i < 200 * scale; i += 20) {
    for (int j = 0; j < 20; j++) sigqueue(getpid(), SIGRTMIN + 8, (union sigval){.sival_int = (int)next(&numbers)});
    for (int j = 0; j < 20; j++) {
      siginfo_t info;
      CHECK(sigwaitinfo(&queueable, &info) == SIGRTMIN + 8, "queued signal");
      digest = digest_word(digest, (uint32_t)info.si_value.sival_int);
    }
  }

  handle(SIGALRM, on_tick, SA_RESTART);
  struct itimerval timer = {{0, 3000}, {0, 3000}};
  setitimer(ITIMER_REAL, &timer, NULL);
  digest = digest_word(digest, arithmetic(&numbers, 400000 * scale));
  while (ticks == 0) pause();
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  struct numbers again = numbers_from(seed + 1);
  struct numbers quiet = again;
  timer.it_interval.tv_usec = timer.it_value.tv_usec = 2000;
  setitimer(ITIMER_REAL, &timer, NULL);
  uint64_t disturbed = arithmetic(&again, 100000 * scale);
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  CHECK(disturbed == arithmetic(&quiet, 100000 * scale), "timers changed what they interrupted");

  handle(SIGILL, on_skip, SA_SIGINFO);
  handle(SIGTRAP, on_skip, SA_SIGINFO);
  for (uint64_t i = 0; i < 100 * scale; i++) {
    asm volatile("udf #0");
    asm volatile("brk #1");
  }
  digest = digest_word(digest, skipped);

  pages = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  handle(SIGSEGV, on_fault, SA_SIGINFO);
  for (uint64_t i = 0; i < 10 * scale; i++) {
    for (int page = 0; page < PAGES; page++) {
      unsigned offset = below(&numbers, PAGE);
      pages[page * PAGE + offset] ^= (unsigned char)i;
      digest = digest_word(digest, pages[page * PAGE + offset]);
    }
    mprotect(pages, PAGES * PAGE, i % 2 == 0 ? PROT_NONE : PROT_READ);
  }
  digest = digest_word(digest, mended);

  static unsigned char own_stack[64 * 1024];
  sigaltstack(&(stack_t){.ss_sp = own_stack, .ss_size = sizeof own_stack}, NULL);
  for (int i = 0; i <= 5; i++) handle(SIGRTMIN + i, on_nested, SA_ONSTACK | SA_NODEFER);
  for (uint64_t i = 0; i < 50 * scale; i++) raise(SIGRTMIN);
  digest = digest_word(digest_word(digest, nested), deepest);

  for (uint64_t i = 0; i < 10 * scale; i++) {
    static const int killers[] = {SIGKILL, SIGTERM, SIGUSR2, SIGABRT, SIGQUIT};
    /* A shell lets what it runs in the background ignore it. */
    handle(SIGQUIT, SIG_DFL, 0);
    pid_t child = fork();
    if (child == 0) {
      for (;;) pause();
    }
    int status;
    kill(child, killers[i % 5]);
    waitpid(child, &status, 0);
    digest = digest_word(digest, WTERMSIG(status));
  }
  printf("skipped %d mended %d nested %d digest %016lx\n", (int)skipped, (int)mended, (int)nested, digest);
  return 0;
}
