// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic on random bits: integers, floating point in every rounding mode with its special
 * values, and Advanced SIMD.
 */
#include "stress.h"

#include <fenv.h>

/* arm_neon.h takes the compiler longer than all the rest. */
typedef uint64_t vector __attribute__((vector_size(16)));

static const uint64_t SPECIAL[] = {
    0,
    0x8000000000000000,
    0x7ff0000000000000,
    0xfff0000000000000,
    0x7ff8000000000001,
    0x7ff0000000000001,
    1,
    0x000fffffffffffff,
    0x7fefffffffffffff,
    0x3ff0000000000000,
    0x43e0000000000000,
    0xc3e0000000000000,
};

static uint64_t bits(struct numbers *numbers) {
  uint64_t word = next(numbers);
  switch (below(numbers, 4)) {
    case 0:
      return SPECIAL[word % (sizeof SPECIAL / sizeof SPECIAL[0])];
    case 1: /* near one, where rounding shows */
      return (word & 0x000fffffffffffff) | 0x3fe0000000000000 | (word & 0x8000000000000000);
    default:
      return word;
  }
}

#define OPERATION2(name, type, digest, a, b)                               \
  do {                                                                     \
    type result;                                                           \
    asm volatile(name : "=w"(result) : "w"(a), "w"(b));                    \
    digest = digest_bytes(digest, &result, sizeof result);                 \
  } while (0)

#define OPERATION1(name, type, digest, a)                                  \
  do {                                                                     \
    type result;                                                           \
    asm volatile(name : "=w"(result) : "w"(a));                            \
    digest = digest_bytes(digest, &result, sizeof result);                 \
  } while (0)

#define TO_INTEGER(name, digest, a)                                        \
  do {                                                                     \
    uint64_t result;                                                       \
    asm volatile(name : "=r"(result) : "w"(a));                            \
    digest = digest_word(digest, result);                                  \
  } while (0)

static uint64_t flags(void) {
  uint64_t fpsr;
  asm volatile("mrs %0, fpsr" : "=r"(fpsr));
  asm volatile("msr fpsr, xzr");
  return fpsr & 0x8000009f;
}

static uint64_t floating(struct numbers *numbers, uint64_t rounds) {
  static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    fesetround(modes[i % 4]);
    uint64_t first = bits(numbers), second = bits(numbers), third = bits(numbers);
    double a, b, c;
    memcpy(&a, &first, 8);
    memcpy(&b, &second, 8);
    memcpy(&c, &third, 8);
    asm volatile("msr fpsr, xzr");
    OPERATION2("fadd %d0, %d1, %d2", double, digest, a, b);
    OPERATION2("fsub %d0, %d1, %d2", double, digest, a, b);
    OPERATION2("fmul %d0, %d1, %d2", double, digest, a, b);
    OPERATION2("fdiv %d0, %d1, %d2", double, digest, a, b);
    OPERATION2("fmaxnm %d0, %d1, %d2", double, digest, a, b);
    OPERATION2("fmin %d0, %d1, %d2", double, digest, a, b);
    OPERATION2("fmulx %d0, %d1, %d2", double, digest, a, b);
    double fused;
    asm volatile("fmadd %d0, %d1, %d2, %d3" : "=w"(fused) : "w"(a), "w"(b), "w"(c));
    digest = digest_bytes(digest, &fused, sizeof fused);
    OPERATION1("fsqrt %d0, %d1", double, digest, a);
    OPERATION1("frintx %d0, %d1", double, digest, a);
    OPERATION1("frecpe %d0, %d1", double, digest, a);
    OPERATION1("frsqrte %d0, %d1", double, digest, a);
    OPERATION1("fcvt %s0, %d1", float, digest, a);
    OPERATION1("fcvt %h0, %d1", uint16_t, digest, a);
    TO_INTEGER("fcvtzs %x0, %d1", digest, a);
    TO_INTEGER("fcvtnu %x0, %d1", digest, a);
    TO_INTEGER("fcvtas %w0, %d1", digest, a);
    TO_INTEGER("fcvtzs %x0, %d1, #20", digest, a);
    uint64_t nzcv;
    asm volatile("fcmp %d1, %d2\n mrs %0, nzcv" : "=r"(nzcv) : "w"(a), "w"(b) : "cc");
    digest = digest_word(digest, nzcv);
    vector v = {first, second};
    vector w = {second, third};
    OPERATION2("fadd %0.4s, %1.4s, %2.4s", vector, digest, v, w);
    OPERATION2("fmul %0.4s, %1.4s, %2.4s", vector, digest, v, w);
    OPERATION2("fdiv %0.4s, %1.4s, %2.4s", vector, digest, v, w);
    OPERATION2("faddp %0.4s, %1.4s, %2.4s", vector, digest, v, w);
    OPERATION2("fcmgt %0.4s, %1.4s, %2.4s", vector, digest, v, w);
    OPERATION1("fcvtzu %0.4s, %1.4s", vector, digest, v);
    OPERATION1("ucvtf %0.4s, %1.4s", vector, digest, v);
    digest = digest_word(digest, flags());
  }
  fesetround(FE_TONEAREST);
  return digest;
}

static uint64_t integers(struct numbers *numbers, uint64_t rounds) {
  uint64_t digest = DIGEST_START;
  for (uint64_t i = 0; i < rounds; i++) {
    uint64_t a = bits(numbers), b = bits(numbers), result;
    digest = digest_word(digest, (uint64_t)((unsigned __int128)a * b >> 64));
    digest = digest_word(digest, (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64));
    asm volatile("udiv %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    digest = digest_word(digest, result);
    asm volatile("sdiv %0, %1, %2" : "=r"(result) : "r"(a), "r"(b >> (a & 63)));
    digest = digest_word(digest, result);
    asm volatile("rbit %0, %1\n clz %0, %0\n cls %x0, %x0" : "=&r"(result) : "r"(a));
    digest = digest_word(digest, result);
    asm volatile("adds %0, %1, %2\n adcs %0, %0, %1\n sbcs %0, %0, %2\n cinc %0, %0, vs" : "=&r"(result) : "r"(a), "r"(b) : "cc");
    digest = digest_word(digest, result);
    asm volatile("extr %0, %1, %2, #17\n rev16 %0, %0\n ubfx %0, %0, #3, #47\n bfi %0, %2, #50, #9" : "=&r"(result) : "r"(a), "r"(b));
    digest = digest_word(digest, result);
    asm volatile("crc32cx %w0, %w1, %x2" : "=r"(result) : "r"(a), "r"(b));
    digest = digest_word(digest, (uint32_t)result);
  }
  return digest;
}

static uint64_t vectors(struct numbers *numbers, uint64_t rounds) {
  uint64_t digest = DIGEST_START;
  vector a = {0}, b = {0};
  for (uint64_t i = 0; i < rounds; i++) {
    a = (vector){next(numbers), bits(numbers)};
    b ^= (vector){bits(numbers), next(numbers)};
    OPERATION2("sqadd %0.8h, %1.8h, %2.8h", vector, digest, a, b);
    OPERATION2("uqsub %0.16b, %1.16b, %2.16b", vector, digest, a, b);
    OPERATION2("sqrdmulh %0.4s, %1.4s, %2.4s", vector, digest, a, b);
    OPERATION2("sqshl %0.2d, %1.2d, %2.2d", vector, digest, a, b);
    OPERATION2("urhadd %0.16b, %1.16b, %2.16b", vector, digest, a, b);
    OPERATION2("tbl %0.16b, {%1.16b}, %2.16b", vector, digest, a, b);
    OPERATION2("zip2 %0.8h, %1.8h, %2.8h", vector, digest, a, b);
    OPERATION2("ext %0.16b, %1.16b, %2.16b, #5", vector, digest, a, b);
    OPERATION2("pmull %0.8h, %1.8b, %2.8b", vector, digest, a, b);
    OPERATION2("umull2 %0.4s, %1.8h, %2.8h", vector, digest, a, b);
    OPERATION2("addhn %0.4h, %1.4s, %2.4s", vector, digest, a, b);
    OPERATION1("cnt %0.16b, %1.16b", vector, digest, a);
    OPERATION1("uaddlv %d0, %1.4s", uint64_t, digest, a);
    OPERATION1("sqxtun %0.8b, %1.8h", uint64_t, digest, a);
    OPERATION1("sshr %0.2d, %1.2d, #7", vector, digest, a);
    digest = digest_word(digest, flags() & 0x08000000);
    asm volatile("mla %0.16b, %1.16b, %0.16b" : "+w"(b) : "w"(a));
  }
  return digest;
}

int main(int count, char **values) {
  uint64_t seed = argument(count, values, 1, 1), scale = argument(count, values, 2, 1);
  struct numbers numbers = numbers_from(seed);
  uint64_t first = floating(&numbers, 3000 * scale), second = integers(&numbers, 8000 * scale);
  printf("floating %016lx integers %016lx vectors %016lx\n", first, second, vectors(&numbers, 3000 * scale));
  return 0;
}
