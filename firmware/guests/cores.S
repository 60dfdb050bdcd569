/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several cores of QEMU's virt machine. PSCI turns them on and off, and they increment one counter
 * with LDXR and STXR. A core reports by HLT #0x200, with a tag in x0 and values in x1 to x3. QEMU
 * cannot run this guest: it has no such gate.
 *
 *     tag 1 AFFINITY_INFO before                    x1 core, x2 result
 *     tag 2 CPU_ON                                  x1 core, x2 result
 *     tag 3 CPU_ON of a core that is on
 *     tag 4 CPU_ON of a core that does not exist
 *     tag 5 the counter                             x1 after all cores went off, x2 after core 1's second life
 *     tag 6 a core begins                           x1 context, x2 MPIDR, x3 CurrentEL
 *     tag 7 CPU_OFF came back
 */

	.section .start, "ax"
	.global _start
_start:
	b	start
	.balign	8
rounds:	.quad	1000	/* at offset 8: increments of each core */
cpus:	.quad	4	/* at offset 16 */

	.include "level.inc"

	.equ	CPU_OFF, 0x84000002
	.equ	CPU_ON, 0xc4000003
	.equ	AFFINITY_INFO, 0xc4000004
	.equ	SYSTEM_OFF, 0x84000008

	.macro probe tag
	mov	x0, #\tag
	hlt	#0x200
	.endm

	/* x0 is the result. */
	.macro psci function, a1=xzr, a2=xzr, a3=xzr
	ldr	w0, =\function
	mov	x1, \a1
	mov	x2, \a2
	mov	x3, \a3
	hvc	#0
	.endm

	.section .text
start:
	drop_to_el1
	ldr	x20, cpus
	adr	x22, secondary
	mov	x21, #1
1:	psci	AFFINITY_INFO, x21
	mov	x2, x0
	probe	1
	add	x23, x21, #0xc0
	psci	CPU_ON, x21, x22, x23
	mov	x2, x0
	mov	x1, x21
	probe	2
	psci	CPU_ON, x21, x22, x23
	mov	x2, x0
	mov	x1, x21
	probe	3
	add	x21, x21, #1
	cmp	x21, x20
	b.lo	1b
	psci	CPU_ON, x21, x22
	mov	x2, x0
	mov	x1, x21
	probe	4

	bl	increment
	mov	x21, #1
2:	bl	until_off
	add	x21, x21, #1
	cmp	x21, x20
	b.lo	2b
	ldr	x24, counter

	mov	x21, #1
	mov	x23, #0xd1
	psci	CPU_ON, x21, x22, x23
	bl	until_off
	mov	x1, x24
	ldr	x2, counter
	probe	5
	psci	SYSTEM_OFF
	b	.

	/* Core x21. */
until_off:
	psci	AFFINITY_INFO, x21
	cmp	x0, #1
	b.ne	until_off
	ret

secondary:
	mov	x1, x0
	mrs	x2, mpidr_el1
	mrs	x3, currentel
	probe	6
	bl	increment
	psci	CPU_OFF
	mov	x1, x0
	probe	7
	b	.

increment:
	ldr	x2, rounds
	adr	x3, counter
1:	ldxr	x4, [x3]
	add	x4, x4, #1
	stxr	w5, x4, [x3]
	cbnz	w5, 1b
	subs	x2, x2, #1
	b.ne	1b
	ret

	.balign	64
counter: .quad	0
	.ltorg
