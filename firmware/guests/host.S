/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trials of EL2 as a host (FEAT_VHE): the regime EL2&0, names of registers that mean others, what
 * EL0 may do under it and where its exceptions go. The driver is at EL3; a trial that ends below
 * comes up through CPTR_EL3.TCPAC.
 *
 *     stage 1 of EL2&0, 4 KiB, 39 bits:
 *     0x0000_0000  devices as they are, a gigabyte, EL2's
 *     0x4000_0000  the image: EL2 reads and executes, EL0 executes (so PSTATE.PAN has no effect)
 *     0x4200_0000  records and tables: EL2's
 *     0x4400_0000  pages: 0 invalid, 1 EL0's, 2 read-only, 3 not accessed, 4 EL2's, 5 EL0's and read-only,
 *                  6 EL2's and not global
 *     upper half   the gigabyte at 0x4000_0000, EL2's
 */

	.section .start, "ax"
	.global _start
_start:
	b	start

	.equ	SHOW_HPFAR, 1
	.equ	SCRATCH, 0x42000000
	.include "pl011.inc"
	.include "trials.inc"

	.arch	armv8.2-a+ras

	.equ	SCR, 0x531			/* NS, RW, HCE */
	.equ	CPTR_TCPAC, 1 << 31
	/* Level 1, 2, 3 of the lower half, level 1 of the upper one. */
	.equ	TABLES, 0x43000000
	.equ	PAGES, 0x44000000
	.equ	LEVEL3, TABLES + 0x2000
	.equ	UPPER_PAGES, PAGES - 0x40000000	/* movk'ed to the upper half */
	.equ	TCR, (2 << 32) | (2 << 30) | (3 << 28) | (1 << 26) | (1 << 24) | (25 << 16) | (3 << 12) | (1 << 10) | (1 << 8) | 25
	/* AF, SH; AP, nG, UXN, PXN. */
	.equ	ACCESSED, (1 << 10) | (3 << 8)
	.equ	EL0S, 1 << 6
	.equ	READ_ONLY, 1 << 7
	.equ	NOT_GLOBAL, 1 << 11
	.equ	NOT_EXECUTABLE, (1 << 54) | (1 << 53)
	/* SPAN, nTWE, nTWI, UCI, UCT, DZE. */
	.equ	SCTLR, 0x30d50838 | (1 << 26) | (1 << 15) | (1 << 14)
	.equ	E2H, 1 << 34
	.equ	TGE, 1 << 27
	.equ	RW, 1 << 31

	.section .text
start:
	uart_init
	adr	x0, vectors
	msr	vbar_el1, x0
	msr	vbar_el2, x0
	msr	vbar_el3, x0
	bl	tables
	bl	controls
	all_trials end=far

	/* Clears and fills the tables. */
tables:
	ldr	x0, =TABLES
	mov	x1, #0x4000
1:	str	xzr, [x0], #8
	subs	x1, x1, #8
	b.ne	1b
	ldr	x0, =TABLES
	ldr	x1, =ACCESSED | NOT_EXECUTABLE | (1 << 2) | 1
	str	x1, [x0]
	ldr	x1, =TABLES + 0x1003
	str	x1, [x0, #8]
	/* Level 2: the image, then records and tables, then the table of pages. */
	add	x2, x0, #0x1000
	ldr	x1, =0x40000000 | ACCESSED | READ_ONLY | 1
	str	x1, [x2]
	ldr	x1, =0x42000000 | ACCESSED | NOT_EXECUTABLE | 1
	str	x1, [x2, #(16 * 8)]
	ldr	x1, =0x43000000 | ACCESSED | NOT_EXECUTABLE | 1
	str	x1, [x2, #(24 * 8)]
	ldr	x1, =LEVEL3 + 3
	str	x1, [x2, #(32 * 8)]
	/* Level 1 of the upper half. */
	add	x2, x0, #0x3000
	ldr	x1, =0x40000000 | ACCESSED | NOT_EXECUTABLE | 1
	str	x1, [x2]
	/* A number in each of the pages. */
	ldr	x2, =PAGES
	mov	x1, #8
2:	str	x1, [x2, #0x20]
	add	x2, x2, #0x1000
	add	x1, x1, #1
	cmp	x1, #16
	b.ne	2b
	dsb	sy
	ret

	.macro level3 index, bits:vararg
	add	x1, x1, #0x1000
	ldr	x3, =\bits | 3
	orr	x3, x3, x1
	str	x3, [x2, #(8 * \index)]
	.endm

controls:
	mov	x0, #SCR
	msr	scr_el3, x0
	mov	x0, #CPTR_TCPAC
	msr	cptr_el3, x0
	ldr	x0, =RW | E2H | TGE
	msr	hcr_el2, x0
	msr	mdcr_el2, xzr
	ldr	x0, =(3 << 20)
	msr	cptr_el2, x0
	msr	cpacr_el1, x0
	ldr	x0, =0xf03
	msr	cnthctl_el2, x0
	msr	cntkctl_el1, xzr
	ldr	x0, =SCTLR
	msr	sctlr_el1, x0
	orr	x0, x0, #1
	msr	sctlr_el2, x0
	ldr	x0, =0x30c50830
	msr	sctlr_el3, x0
	ldr	x0, =TCR
	msr	tcr_el2, x0
	mov	x0, #0xff
	msr	mair_el2, x0
	ldr	x0, =TABLES
	movk	x0, #5, lsl #48			/* ASID */
	msr	ttbr0_el2, x0
	ldr	x0, =TABLES + 0x3000
	msr	s3_4_c2_c0_1, x0		/* TTBR1_EL2 */
	ldr	x2, =LEVEL3
	ldr	x1, =PAGES
	str	xzr, [x2]
	level3	1, ACCESSED | EL0S
	level3	2, ACCESSED | READ_ONLY
	level3	3, NOT_EXECUTABLE
	level3	4, ACCESSED | NOT_EXECUTABLE
	level3	5, ACCESSED | READ_ONLY | EL0S | NOT_EXECUTABLE
	level3	6, ACCESSED | NOT_EXECUTABLE | NOT_GLOBAL
	/* Values that distinguish the registers of EL1 from those of EL2. */
	mov	x0, #0x11
	msr	far_el1, x0
	msr	elr_el1, x0
	msr	contextidr_el1, x0
	msr	amair_el1, x0
	msr	mair_el1, x0
	mov	x0, #0x1000
	msr	ttbr0_el1, x0
	msr	ttbr1_el1, x0
	mov	x0, #0x3c4
	msr	spsr_el1, x0
	mov	x0, #25
	msr	tcr_el1, x0
	mov	x0, #0x100
	msr	cntp_cval_el0, x0
	msr	cntv_cval_el0, x0
	mov	x0, #0x200
	msr	cnthp_cval_el2, x0
	msr	s3_4_c14_c3_2, x0		/* CNTHV_CVAL_EL2 */
	msr	cntp_ctl_el0, xzr
	msr	cntv_ctl_el0, xzr
	msr	cnthp_ctl_el2, xzr
	mov	x0, #2
	msr	s3_4_c14_c3_1, x0		/* CNTHV_CTL_EL2 */
	mov	x0, #0x22
	msr	s3_4_c13_c0_1, x0		/* CONTEXTIDR_EL2 */
	msr	amair_el2, x0
	mov	x0, #0x20
	msr	s3_4_c5_c2_3, x0		/* VSESR_EL2 */
	msr	far_el2, xzr
	msr	esr_el1, xzr
	msr	hpfar_el2, xzr
	msr	s3_4_c12_c1_1, xzr		/* VDISR_EL2 */
	dsb	sy
	isb
	tlbi	alle2
	tlbi	alle1
	dsb	sy
	isb
	ret
	.ltorg

	/* Set-up of a trial: HCR_EL2 is `bits`. */
	.macro with_hcr name, bits:vararg
\name:
	ldr	x0, =\bits
	msr	hcr_el2, x0
	isb
	ret
	.endm
	with_hcr	guest, RW | E2H
	with_hcr	routed, RW | TGE
	with_hcr	plain, RW
	with_hcr	virtual_error, RW | (1 << 5) | (1 << 8)
	with_hcr	no_regions, RW | (1 << 35)

	/* Set-up of a trial: `bits` of a register are inverted. */
	.macro with name, register, bits:vararg
\name:
	mrs	x0, \register
	ldr	x1, =\bits
	eor	x0, x0, x1
	msr	\register, x0
	isb
	ret
	.endm
	with	no_cache_type, sctlr_el2, 1 << 15
	with	no_zeroing, sctlr_el2, 1 << 14
	with	no_maintenance, sctlr_el2, 1 << 26
	with	pan_on_entry, sctlr_el2, 1 << 23
	with	no_fp, cptr_el2, 3 << 20
	with	fp_above_el0, cptr_el2, 2 << 20
	with	no_counters, cnthctl_el2, 3
	with	no_virtual_counter, cnthctl_el2, 2
	with	no_el0_timers, cnthctl_el2, 3 << 8
	with	asid_of_upper, tcr_el2, 1 << 22
guest_without_fp:
	msr	cptr_el2, xzr
	b	guest
guest_without_counter:
	ldr	x0, =(1 << 11)
	msr	cnthctl_el2, x0
	b	guest
guest_without_timer:
	ldr	x0, =(1 << 10)
	msr	cnthctl_el2, x0
	b	guest
routed_without_fp:
	msr	cpacr_el1, xzr
	msr	cptr_el2, xzr
	b	routed
	.ltorg
	.balign	8
states:
	.quad	0xa00003c0, name_el0, 0x600003c5, name_el1h, 0x200003c9, name_el2h, 0x204003c9, name_pan, 0, 0
name_el0:	.asciz	"EL0"
name_el1h:	.asciz	"EL1h"
name_el2h:	.asciz	"EL2h"
name_pan:	.asciz	"EL2h PAN:"
	.balign	8

	.equ	EL0, 1
	.equ	EL1H, 2
	.equ	EL2H, 4
	.equ	EL2PAN, 8

	.pushsection .trials, "a"
__trials:
	.popsection

	.macro trap_trial states, name, setup, instruction:vararg
	trial	\states, "\name", \setup
	\instruction
	done
	.endm

	/*
	 * An access at \offset of page \page. EL0 uses no literals: it may execute the image, not
	 * read it.
	 */
	.macro page_trial states, name, page, offset, instruction:vararg
	trial	\states, "\name"
	mov	x1, #(0x1000 * \page + \offset)
	movk	x1, #(PAGES >> 16), lsl #16
	\instruction
	done
	.endm

	page_trial	EL0 | EL2H, "invalid page: ldr", 0, 0x20, ldr x3, [x1]
	page_trial	EL0 | EL2H, "invalid page: str", 0, 0x20, str x3, [x1]
	page_trial	EL0 | EL2H, "invalid page: code", 0, 0x20, br x1
	page_trial	EL0 | EL2H | EL2PAN, "page of EL0: ldr", 1, 0x20, ldr x3, [x1]
	page_trial	EL0 | EL2H | EL2PAN, "page of EL0: str", 1, 0x28, str x3, [x1]
	page_trial	EL2H | EL2PAN, "page of EL0: ldtr", 1, 0x20, ldtr x3, [x1]
	page_trial	EL2H, "page of EL0: code", 1, 0x20, br x1
	page_trial	EL0 | EL2H, "read-only page: str", 2, 0x20, str x3, [x1]
	page_trial	EL0 | EL2H, "page that was not accessed: ldr", 3, 0x20, ldr x3, [x1]
	page_trial	EL0 | EL2H | EL2PAN, "page of EL2: ldr", 4, 0x20, ldr x3, [x1]
	page_trial	EL0 | EL2H, "page of EL2: str", 4, 0x28, str x3, [x1]
	page_trial	EL2H | EL2PAN, "page of EL2: ldtr", 4, 0x20, ldtr x3, [x1]
	page_trial	EL2H, "page of EL2: sttr", 4, 0x20, sttr x3, [x1]
	page_trial	EL2H, "page of EL2: code", 4, 0x20, br x1
	page_trial	EL0 | EL2H, "read-only page of EL0: str", 5, 0x20, str x3, [x1]
	trial	EL0 | EL2H, "address of no table: ldr"
	mov	x1, #0x80000000
	ldr	x3, [x1, #8]
	done

	/* The upper half. */
	.macro upper_trial states, name, high, instruction:vararg
	trial	\states, "\name"
	mov	x1, #0x6020
	movk	x1, #(UPPER_PAGES >> 16), lsl #16
	movk	x1, #\high, lsl #32
	movk	x1, #0xffff, lsl #48
	\instruction
	done
	.endm
	upper_trial	EL0 | EL2H, "upper half: ldr", 0xff80, ldr x3, [x1]
	upper_trial	EL2H, "upper half: address of no table: ldr", 0xffc0, ldr x3, [x1]
	upper_trial	EL2H, "below the upper half: ldr", 0xff00, ldr x3, [x1]
	upper_trial	EL2H, "upper half: code", 0xff80, br x1

	/* Address translation: EL1's names mean EL2&0 for a host. */
	.macro at_trial name, page, setup, operation
	trial	EL2H, "\operation of \name", \setup
	mov	x1, #(0x1000 * \page + 0x20)
	movk	x1, #(PAGES >> 16), lsl #16
	at	\operation, x1
	isb
	mrs	x3, par_el1
	done
	.endm
	.irp	operation, s1e1r, s1e1w, s1e0r, s1e0w, s1e2r, s1e2w
	at_trial	"a page of EL0", 1, no_setup, \operation
	at_trial	"a page of EL2", 4, no_setup, \operation
	.endr
	at_trial	"a read-only page of EL0", 5, no_setup, s1e0w
	at_trial	"an invalid page", 0, no_setup, s1e2r
	at_trial	"a page, for a guest", 4, guest, s1e1r
	at_trial	"a page, for a guest", 4, guest, s1e2r

	/* After a TLBI a page is another one. */
	.macro tlbi_trial name, page, operation, setup, high
	trial	EL2H, "tlbi \operation: \name", \setup
	mov	x1, #(0x1000 * \page + 0x20)
	movk	x1, #(PAGES >> 16), lsl #16
	ldr	x2, [x1]
	mov	x0, #(LEVEL3 & 0xffff)
	movk	x0, #(LEVEL3 >> 16), lsl #16
	ldr	x3, [x0, #(8 * \page)]
	add	x3, x3, #0x1000
	str	x3, [x0, #(8 * \page)]
	dsb	sy
	lsr	x3, x1, #12
	movk	x3, #\high, lsl #48
	.ifc	\operation,vmalle1
	tlbi	vmalle1
	.else
	.ifc	\operation,alle2is
	tlbi	alle2is
	.else
	tlbi	\operation, x3
	.endif
	.endif
	dsb	sy
	isb
	ldr	x3, [x1]
	done
	.endm
	.irp	operation, vae1, vae1is, vale1, vaae1, vaale1is, vae2, vae2is, vale2, vmalle1, alle2is
	tlbi_trial	"a global page", 4, \operation, no_setup, 5
	tlbi_trial	"a page of an ASID", 6, \operation, no_setup, 5
	.endr
	tlbi_trial	"a page of an ASID", 6, aside1, no_setup, 5
	tlbi_trial	"a page of the upper half's ASID", 6, vae1, asid_of_upper, 0
	tlbi_trial	"a page, for a guest", 6, vae2, guest, 5

	/* Names of EL1 access EL2's registers; the names *_EL12 access EL1's. */
	.macro name_trial name, own, guests
	trial	EL2H, "\name"
	mrs	x2, \own
	mrs	x3, \guests
	done
	.endm
	name_trial	"sctlr_el1 and _el12", sctlr_el1, s3_5_c1_c0_0
	name_trial	"cpacr_el12", currentel, s3_5_c1_c0_2
	name_trial	"ttbr0_el1 and _el12", ttbr0_el1, s3_5_c2_c0_0
	name_trial	"ttbr1_el1 and _el12", ttbr1_el1, s3_5_c2_c0_1
	name_trial	"tcr_el1 and _el12", tcr_el1, s3_5_c2_c0_2
	name_trial	"far_el1 and _el12", far_el1, s3_5_c6_c0_0
	name_trial	"elr_el1 and _el12", elr_el1, s3_5_c4_c0_1
	name_trial	"spsr_el1 and _el12", spsr_el1, s3_5_c4_c0_0
	name_trial	"mair_el1 and _el12", mair_el1, s3_5_c10_c2_0
	name_trial	"contextidr_el1 and _el12", contextidr_el1, s3_5_c13_c0_1
	name_trial	"cntkctl_el1 and _el12", cntkctl_el1, s3_5_c14_c1_0
	name_trial	"cntp_cval_el0 and _el02", cntp_cval_el0, s3_5_c14_c2_2
	name_trial	"cntv_cval_el0 and _el02", cntv_cval_el0, s3_5_c14_c3_2
	name_trial	"cntv_ctl_el0 and _el02", cntv_ctl_el0, s3_5_c14_c3_1

	/* Identification of the core. */
	name_trial	"id_aa64pfr0 and mmfr1", id_aa64pfr0_el1, id_aa64mmfr1_el1
	name_trial	"id_aa64dfr0 and mmfr2", id_aa64dfr0_el1, id_aa64mmfr2_el1
	name_trial	"id_aa64pfr1 and mmfr0", id_aa64pfr1_el1, id_aa64mmfr0_el1
	name_trial	"id_aa64isar0 and isar1", id_aa64isar0_el1, id_aa64isar1_el1
	name_trial	"clidr and ctr", clidr_el1, ctr_el0
	name_trial	"ccsidr and dczid", ccsidr_el1, dczid_el0
	name_trial	"mvfr0 and mvfr1", mvfr0_el1, mvfr1_el1
	name_trial	"mvfr2 and revidr", mvfr2_el1, revidr_el1

	trial	EL2H, "written by names of EL1"
	mov	x0, #0x77
	msr	far_el1, x0
	msr	contextidr_el1, x0
	msr	s3_5_c6_c0_0, xzr
	mrs	x2, far_el2
	mrs	x3, s3_4_c13_c0_1
	mrs	x1, s3_5_c6_c0_0
	done

	trap_trial	EL1H, "far_el12", guest, mrs x3, s3_5_c6_c0_0
	trap_trial	EL2H, "far_el12, not a host's", guest, mrs x3, s3_5_c6_c0_0
	trap_trial	EL2H, "actlr_el12, which is none", no_setup, mrs x3, s3_5_c1_c0_1
	trap_trial	EL1H, "ttbr1_el2", guest, mrs x3, s3_4_c2_c0_1
	trap_trial	EL1H, "contextidr_el2", guest, mrs x3, s3_4_c13_c0_1
	trap_trial	EL1H, "cnthv_ctl_el2", guest, mrs x3, s3_4_c14_c3_1
	trap_trial	EL0, "cntv_cval_el0", no_setup, mrs x3, cntv_cval_el0
	trap_trial	EL0, "cntp_cval_el0", no_setup, mrs x3, cntp_cval_el0
	trap_trial	EL0, "cntp_cval_el0, not for EL0", no_el0_timers, mrs x3, cntp_cval_el0
	trap_trial	EL0, "cntv_ctl_el0, not for EL0", no_el0_timers, msr cntv_ctl_el0, x3
	trap_trial	EL0, "cntfrq_el0, not for EL0", no_counters, mrs x3, cntfrq_el0
	trap_trial	EL0, "cntpct_el0, not for EL0", no_counters, mrs x3, cntpct_el0
	trap_trial	EL0, "cntvct_el0, not for EL0", no_virtual_counter, mrs x3, cntvct_el0
	trap_trial	EL0, "cntpct_el0, of a guest without", guest_without_counter, mrs x3, cntpct_el0
	trap_trial	EL1H, "cntpct_el0, of a guest without", guest_without_counter, mrs x3, cntpct_el0
	trap_trial	EL1H, "cntp_ctl_el0, of a guest with counter alone", guest_without_timer, mrs x3, cntp_ctl_el0
	trap_trial	EL1H, "cntp_ctl_el0, of a guest with timer alone", guest_without_counter, mrs x3, cntp_ctl_el0

	trap_trial	EL0, "svc", no_setup, svc #5
	trap_trial	EL0, "svc, PAN on entry", pan_on_entry, svc #5
	trap_trial	EL2H, "svc", no_setup, svc #5
	trap_trial	EL2H, "svc, PAN on entry", pan_on_entry, svc #5
	trap_trial	EL0, "svc, of a guest", guest, svc #5
	trap_trial	EL0, "svc, routed", routed, svc #5
	trap_trial	EL0, "brk", no_setup, brk #5
	trap_trial	EL0, "undefined", no_setup, .inst 0
	trap_trial	EL0, "far_el1", no_setup, mrs x3, far_el1
	trap_trial	EL0, "ctr_el0", no_cache_type, mrs x3, ctr_el0
	trap_trial	EL0, "dc zva", no_zeroing, dc zva, x3
	trap_trial	EL0, "ic ivau", no_maintenance, ic ivau, x3
	trap_trial	EL0, "daifset", no_setup, msr daifset, #2
	trap_trial	EL0 | EL2H, "fp", no_setup, fmov d0, #1.0
	trap_trial	EL0 | EL2H, "fp, for nobody", no_fp, fmov d0, #1.0
	trap_trial	EL0 | EL2H, "fp, not for EL0", fp_above_el0, fmov d0, #1.0
	trap_trial	EL0 | EL1H, "fp, of a guest without", guest_without_fp, fmov d0, #1.0
	trap_trial	EL0, "fp, routed", routed_without_fp, fmov d0, #1.0
	trap_trial	EL1H, "virtual SError", virtual_error, msr daifclr, #4
	trap_trial	EL1H, "TLOR: lorid", no_regions, mrs x3, lorid_el1

	trial	EL2H, "eret to EL1 under a host"
	mov	x0, #0x3c5
	msr	spsr_el1, x0
	adr	x0, 1f
	msr	elr_el1, x0
	eret
1:	done

	trial	EL2H, "eret to EL0 under a host"
	mov	x0, #0x3c0
	msr	spsr_el1, x0
	adr	x0, 1f
	msr	elr_el1, x0
	eret
1:	done
	.ltorg

	.pushsection .trials, "a"
__trials_end:
	.popsection
