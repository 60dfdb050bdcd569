/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extensions of Armv8.1 and 8.2 as code at EL1 sees them, with the MMU on: PAN, UAO, hardware
 * management of access flag and dirty state, disabled hierarchy, atomic operations, LDAPR, DC CVAP.
 * One line for each trial:
 *
 *     NAME: esr=… far=… spsr=… pan=… x1=… x2=… leaf=…
 *
 * esr to pan are of the exception that the trial took, 0 without one: spsr UAO, PAN and M, pan
 * PSTATE.PAN in the handler; leaf: the page's descriptor afterwards. QEMU's Cortex-A76 prints
 * the same text; a test compares.
 */

	.arch	armv8.2-a+rcpc

	.section .start, "ax"
	.global _start
_start:
	b	start

	.include "pl011.inc"
	.include "console.inc"
	.include "level.inc"

	.equ	STACK, 0x42010000
	.equ	TABLE1, 0x42020000
	.equ	TABLE2, 0x42021000
	.equ	TABLE3, 0x42022000
	.equ	TABLE3_READ_ONLY, 0x42023000
	.equ	DATA, 0x42030000
	.equ	BLOCK, 0x42200000

	.equ	PAGES, 0x80000000
	.equ	PAGES_READ_ONLY, 0x80200000
	.equ	BLOCK_PAGES, 0x80400000

	/* A leaf: valid, AttrIndx 1, inner shareable; the access flag, AP[1], AP[2]. */
	.equ	LEAF, 0x307
	.equ	AF, 1 << 10
	.equ	USER, 1 << 6
	.equ	READ_ONLY, 1 << 7

	.equ	TCR, 25 | (1 << 23)		/* T0SZ, EPD1; IPS below */
	.equ	HA, 1 << 7			/* TCR_EL1 from bit 32 up */
	.equ	HD, 1 << 8
	.equ	HPD0, 1 << 9

	/* Numbers of pages, by purpose. */
	.equ	P_USER, 0
	.equ	P_KERNEL, 1
	.equ	P_USER_RO, 2
	.equ	P_OLD, 3
	.equ	P_CLEAN, 4
	.equ	P_CLEAN_OLD, 5
	.equ	P_RO, 6
	.equ	P_OLD_USER, 7

	.macro	leaf number, flags, dbm=0
	ldr	x0, =DATA + \number * 0x1000 + LEAF + (\flags)
	.if	\dbm
	orr	x0, x0, #(1 << 51)
	.endif
	ldr	x1, =TABLE3
	str	x0, [x1, #8 * \number]
	.endm

	/* x0: the page's address, x1: 0x55, x2: 0x66 */
	.macro	trial name, page, text
	ldr	x0, =PAGES + \page * 0x1000
	ldr	x19, =TABLE3 + 8 * \page
	try	"\name", "\text"
	.endm

	.macro	try name, text
	print	"\name:"
	mov	x20, #0
	mov	x21, #0
	mov	x22, #0
	mov	x23, #0
	mov	x1, #0x55
	mov	x2, #0x66
	\text
	msr	pan, #0
	msr	uao, #0
	bl	report
	.endm

	.macro	control high
	ldr	x0, =TCR | ((2 | (\high)) << 32)
	msr	tcr_el1, x0
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	.endm

	.section .text
start:
	drop_to_el1
	ldr	x0, =STACK
	mov	sp, x0
	adr	x0, vectors
	msr	vbar_el1, x0
	uart_init
	bl	make_tables
	ldr	x0, =0xff00			/* device, normal */
	msr	mair_el1, x0
	ldr	x0, =TABLE1
	msr	ttbr0_el1, x0
	control	0
	ldr	x0, =0x30d0580d | (1 << 23)	/* M, C, SA, I; SPAN */
	msr	sctlr_el1, x0
	isb

	trial	"load of EL0's", P_USER, "ldr x2, [x0]"
	trial	"load of EL0's, PAN", P_USER, "msr pan, #1 ; ldr x2, [x0]"
	trial	"store to EL0's, PAN", P_USER, "msr pan, #1 ; str x1, [x0]"
	trial	"load of EL1's, PAN", P_KERNEL, "msr pan, #1 ; ldr x2, [x0]"
	trial	"LDTR of EL0's, PAN", P_USER, "msr pan, #1 ; ldtr x2, [x0]"
	trial	"STTR to EL0's, PAN", P_USER, "msr pan, #1 ; sttr x1, [x0]"
	trial	"STTR to EL0's read-only", P_USER_RO, "sttr x1, [x0]"
	trial	"LDTR of EL1's", P_KERNEL, "ldtr x2, [x0]"
	trial	"LDTR of EL1's, UAO", P_KERNEL, "msr uao, #1 ; ldtr x2, [x0]"
	trial	"STTR to EL1's, UAO", P_KERNEL, "msr uao, #1 ; sttr x1, [x0]"
	trial	"LDTR of EL0's, UAO and PAN", P_USER, "msr uao, #1 ; msr pan, #1 ; ldtr x2, [x0]"
	trial	"STTR to read-only, UAO", P_RO, "msr uao, #1 ; sttr x1, [x0]"
	trial	"PAN in its register", P_USER, "msr pan, #1 ; mrs x1, pan ; mrs x2, uao"
	trial	"UAO in its register", P_USER, "msr uao, #1 ; mrs x1, pan ; mrs x2, uao"
	trial	"PAN by its register", P_USER, "ldr x1, =0xffffffff ; msr pan, x1 ; mrs x1, pan ; ldr x2, [x0]"
	trial	"AT S1E1R of EL0's, PAN", P_USER, "msr pan, #1 ; at s1e1r, x0 ; isb ; mrs x1, par_el1 ; and x1, x1, #0xfffffffffffff07f"
	trial	"AT S1E1RP of EL0's", P_USER, "at s1e1rp, x0 ; isb ; mrs x1, par_el1 ; and x1, x1, #0xfffffffffffff07f"
	trial	"AT S1E1RP of EL0's, PAN", P_USER, "msr pan, #1 ; at s1e1rp, x0 ; isb ; mrs x1, par_el1 ; and x1, x1, #0x7f"
	trial	"AT S1E1WP of EL1's, PAN", P_KERNEL, "msr pan, #1 ; at s1e1wp, x0 ; isb ; mrs x1, par_el1 ; and x1, x1, #0xfffffffffffff07f"
	mrs	x0, sctlr_el1
	bic	x0, x0, #(1 << 23)
	msr	sctlr_el1, x0
	isb
	trial	"exception without SPAN", P_RO, "str x1, [x0]"
	trial	"exception without SPAN, UAO", P_RO, "msr uao, #1 ; str x1, [x0]"
	mrs	x0, sctlr_el1
	orr	x0, x0, #(1 << 23)
	msr	sctlr_el1, x0
	isb

	trial	"not accessed", P_OLD, "ldr x2, [x0]"
	trial	"clean", P_CLEAN, "str x1, [x0]"
	control	HA
	trial	"not accessed, HA", P_OLD, "ldr x2, [x0]"
	trial	"not accessed by EL0, HA", P_OLD_USER, "ldtr x2, [x0]"
	trial	"clean, HA", P_CLEAN, "str x1, [x0]"
	control	HA | HD
	trial	"load of clean, HA and HD", P_CLEAN, "ldr x2, [x0]"
	trial	"store to clean, HA and HD", P_CLEAN, "str x1, [x0]"
	trial	"store to clean again", P_CLEAN, "str x2, [x0]"
	trial	"store to clean and old, HA and HD", P_CLEAN_OLD, "str x1, [x0]"
	trial	"store to read-only, HA and HD", P_RO, "str x1, [x0]"
	ldr	x0, =BLOCK_PAGES + 0x1000
	ldr	x19, =TABLE2 + 16
	try	"store to a clean block", "str x1, [x0]"
	ldr	x0, =BLOCK_PAGES + 0x5000
	try	"and to another page of it", "ldr x3, [x0] ; str x1, [x0]"
	ldr	x0, =PAGES_READ_ONLY + 0x1000
	ldr	x19, =TABLE3_READ_ONLY + 8
	try	"store to clean below APTable", "str x1, [x0]"
	ldr	x0, =PAGES_READ_ONLY
	ldr	x19, =TABLE3_READ_ONLY
	try	"store below APTable", "str x1, [x0]"
	control	HA | HD | HPD0
	ldr	x0, =PAGES_READ_ONLY
	try	"store below APTable, HPD", "str x1, [x0]"
	ldr	x0, =PAGES_READ_ONLY + 0x1000
	ldr	x19, =TABLE3_READ_ONLY + 8
	try	"store to clean below APTable, HPD", "str x1, [x0]"

	control	0
	trial	"LDADD to read-only", P_RO, "ldadd x1, x2, [x0]"
	trial	"CAS of EL0's, PAN", P_USER, "msr pan, #1 ; cas x2, x1, [x0]"
	ldr	x3, =0x123456789abcdef0
	trial	"LDADD", P_KERNEL, "str x3, [x0] ; ldadd x1, x2, [x0] ; ldr x1, [x0]"
	trial	"LDCLRAH", P_KERNEL, "str x3, [x0] ; ldclrah w1, w2, [x0] ; ldr x1, [x0]"
	trial	"LDSMAXB", P_KERNEL, "str x3, [x0] ; ldsmaxb w1, w2, [x0] ; ldr x1, [x0]"
	trial	"LDUMINL", P_KERNEL, "str x3, [x0] ; lduminl w1, w2, [x0] ; ldr x1, [x0]"
	trial	"SWPAL", P_KERNEL, "str x3, [x0] ; swpal x1, x2, [x0] ; ldr x1, [x0]"
	trial	"CASB", P_KERNEL, "str x3, [x0] ; mov x2, #0x7f0 ; casb w2, w1, [x0] ; ldr x1, [x0]"
	trial	"CAS that fails", P_KERNEL, "str x3, [x0] ; cas x2, x1, [x0] ; ldr x1, [x0]"
	trial	"CASPAL", P_KERNEL, "stp x3, x3, [x0] ; mov x4, x3 ; mov x5, x3 ; mov x6, x1 ; mov x7, x2 ; caspal x4, x5, x6, x7, [x0] ; ldp x1, x2, [x0]"
	trial	"STADD", P_KERNEL, "str x3, [x0] ; stadd x1, [x0] ; ldr x1, [x0]"
	trial	"LDAPRH", P_KERNEL, "str x3, [x0] ; ldaprh w2, [x0]"
	trial	"LDADD, misaligned", P_KERNEL, "add x0, x0, #4 ; ldadd x1, x2, [x0]"
	trial	"LDADDH, misaligned", P_KERNEL, "add x0, x0, #1 ; ldaddh w1, w2, [x0]"
	trial	"LDLAR", P_KERNEL, "str x3, [x0] ; ldlar x2, [x0]"
	trial	"DC CVAP", P_KERNEL, "dc cvap, x0"
	trial	"ERRIDR_EL1 and DISR_EL1", P_KERNEL, "mrs x1, erridr_el1 ; mrs x2, s3_0_c12_c1_1"
	trial	"ESB", P_KERNEL, "esb"
	print	"done\n"
	ldr	w0, =0x84000008			/* PSCI SYSTEM_OFF */
	hvc	#0
	b	.

	.balign	16
report:
	stp	x29, x30, [sp, #-16]!
	show	" esr", x20
	show	" far", x21
	show	" spsr", x22
	show	" pan", x23
	show	" x1", x1
	show	" x2", x2
	ldr	x0, [x19]
	show	" leaf", x0
	bl	newline
	ldp	x29, x30, [sp], #16
	ret

	.ltorg

make_tables:
	ldr	x1, =TABLE1
	ldr	x0, =0x401			/* devices */
	str	x0, [x1]
	ldr	x0, =0x40000705			/* RAM */
	str	x0, [x1, #8]
	ldr	x0, =TABLE2 + 3
	str	x0, [x1, #16]
	ldr	x1, =TABLE2
	ldr	x0, =TABLE3 + 3
	str	x0, [x1]
	ldr	x0, =TABLE3_READ_ONLY + 3 + (1 << 62)
	str	x0, [x1, #8]
	ldr	x0, =BLOCK + LEAF - 2 + AF + READ_ONLY + (1 << 51)
	str	x0, [x1, #16]
	leaf	P_USER, AF | USER
	leaf	P_KERNEL, AF
	leaf	P_USER_RO, AF | USER | READ_ONLY
	leaf	P_OLD, 0
	leaf	P_CLEAN, AF | READ_ONLY, 1
	leaf	P_CLEAN_OLD, USER | READ_ONLY, 1
	leaf	P_RO, AF | READ_ONLY
	leaf	P_OLD_USER, USER
	ldr	x1, =TABLE3_READ_ONLY
	ldr	x0, =DATA + 0x8000 + LEAF + AF
	str	x0, [x1]
	ldr	x0, =DATA + 0x9000 + LEAF + AF + READ_ONLY + (1 << 51)
	str	x0, [x1, #8]
	dsb	sy
	ret

	.ltorg

	.macro vector_entry
	.balign	0x80
	b	vector_common
	.endm

	.balign	0x800
vectors:
	.rept	16
	vector_entry
	.endr

vector_common:
	mrs	x20, esr_el1
	mrs	x21, far_el1
	mrs	x22, spsr_el1
	ldr	x24, =0xc0000f
	and	x22, x22, x24
	mrs	x23, pan
	mrs	x24, elr_el1
	add	x24, x24, #4			/* after it */
	msr	elr_el1, x24
	eret
	.ltorg
