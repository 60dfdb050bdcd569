/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trials of EL2's control of EL1 and EL0: stage 2 of translation, traps, virtual interrupts. The
 * driver is at EL3; a trial that ends below comes up through CPTR_EL3.TCPAC.
 *
 *     stage 2, 4 KiB, 39 bits of IPA:
 *     0x0000_0000  devices as they are, a gigabyte
 *     0x4000_0000  RAM as it is, in blocks of 2 MiB
 *     0x4400_0000  pages: 0 invalid, 1 read-only, 2 write-only, 3 not accessed, 4 not executable, 5 neither, 6 as it is
 *     0x4420_0000  an invalid block; from 0x8000_0000 on invalid gigabytes
 */

	.section .start, "ax"
	.global _start
_start:
	b	start

	.equ	SHOW_HPFAR, 1
	.equ	SCRATCH, 0x42000000
	.include "pl011.inc"
	.include "trials.inc"

	.equ	SCR, 0x531			/* NS, RW, HCE */
	.equ	CPTR_TCPAC, 1 << 31
	.equ	HCR_RW, 1 << 31
	.equ	TABLES, 0x43000000		/* stage 2: level 1, 2, 3; then stage 1: level 1 */
	.equ	STAGE1, TABLES + 0x3000
	.equ	PAGES, 0x44000000
	.equ	VTCR, 0x80000000 | (4 << 16) | (3 << 12) | (1 << 10) | (1 << 8) | (1 << 6) | 25
	.equ	TCR, (4 << 32) | (1 << 23) | (3 << 12) | (1 << 10) | (1 << 8) | 25
	.equ	S2_ALL, (3 << 6) | (1 << 10) | (3 << 8) | (15 << 2)	/* S2AP, AF, SH, MemAttr */
	.equ	S2_DEVICE, (1 << 54) | (3 << 6) | (1 << 10) | (1 << 2)

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
	ldr	x1, =S2_DEVICE | 1
	str	x1, [x0]
	ldr	x1, =TABLES + 0x1003
	str	x1, [x0, #8]
	/* Level 2: blocks for 64 MiB, then the table of pages. */
	add	x2, x0, #0x1000
	ldr	x1, =0x40000000 | S2_ALL | 1
	mov	x3, #32
2:	str	x1, [x2], #8
	add	x1, x1, #0x200000
	subs	x3, x3, #1
	b.ne	2b
	ldr	x1, =TABLES + 0x2003
	str	x1, [x2]
	/* Level 3. */
	add	x2, x0, #0x2000
	ldr	x1, =PAGES | S2_ALL | 3
	add	x1, x1, #0x1000
	bic	x3, x1, #(1 << 7)
	str	x3, [x2, #8]
	add	x1, x1, #0x1000
	bic	x3, x1, #(1 << 6)
	str	x3, [x2, #16]
	add	x1, x1, #0x1000
	bic	x3, x1, #(1 << 10)
	str	x3, [x2, #24]
	add	x1, x1, #0x1000
	orr	x3, x1, #(1 << 54)
	str	x3, [x2, #32]
	add	x1, x1, #0x1000
	bic	x3, x1, #(3 << 6)
	str	x3, [x2, #40]
	add	x1, x1, #0x1000
	str	x1, [x2, #48]
	/* Stage 1: a gigabyte as it is, for all; one whose table is in page 0. */
	add	x2, x0, #0x3000
	ldr	x1, =(1 << 54) | (1 << 10) | (1 << 2) | 1
	str	x1, [x2]
	ldr	x1, =0x40000000 | (1 << 10) | (3 << 8) | 1
	str	x1, [x2, #8]
	ldr	x1, =PAGES + 3
	str	x1, [x2, #16]
	dsb	sy
	ret

controls:
	mov	x0, #SCR
	msr	scr_el3, x0
	mov	x0, #CPTR_TCPAC
	msr	cptr_el3, x0
	mov	x0, #HCR_RW
	msr	hcr_el2, x0
	msr	mdcr_el2, xzr
	mov	x0, #3
	msr	cnthctl_el2, x0
	mov	x0, #0x33ff
	msr	cptr_el2, x0
	ldr	x0, =0x30d50838			/* with UCT, DZE, UCI below */
	orr	x0, x0, #(1 << 15)
	orr	x0, x0, #(1 << 14)
	orr	x0, x0, #(1 << 26)
	msr	sctlr_el1, x0
	ldr	x0, =0x30c50830
	msr	sctlr_el2, x0
	msr	sctlr_el3, x0
	mov	x0, #(3 << 20)
	msr	cpacr_el1, x0
	mov	x0, #3
	msr	cntkctl_el1, x0
	ldr	x0, =VTCR
	msr	vtcr_el2, x0
	ldr	x0, =TABLES
	movk	x0, #7, lsl #48			/* VMID */
	msr	vttbr_el2, x0
	ldr	x0, =TCR
	msr	tcr_el1, x0
	mov	x0, #0xff
	msr	mair_el1, x0
	ldr	x0, =STAGE1
	msr	ttbr0_el1, x0
	msr	far_el1, xzr
	msr	far_el2, xzr
	msr	hpfar_el2, xzr
	isb
	tlbi	alle1
	dsb	sy
	isb
	ret

	.macro with_hcr name, bits:vararg
\name:
	mov	x0, #HCR_RW
	.irp	bit, \bits
	orr	x0, x0, #(1 << \bit)
	.endr
	msr	hcr_el2, x0
	isb
	ret
	.endm
	.macro with_mdcr name, bit
\name:
	mov	x0, #(1 << \bit)
	msr	mdcr_el2, x0
	isb
	ret
	.endm
	with_hcr	hcr_vm, 0
	with_hcr	hcr_tid1, 16
	with_hcr	hcr_tid2, 17
	with_hcr	hcr_tacr, 21
	with_hcr	hcr_tsw, 22
	with_hcr	hcr_tpc, 23
	with_hcr	hcr_tpu, 24
	with_hcr	hcr_ttlb, 25
	with_hcr	hcr_tdz, 28
	with_hcr	hcr_hcd, 29
	with_hcr	hcr_vi, 7, 4
	with_hcr	hcr_vf, 6, 3
	with_hcr	hcr_vi_unrouted, 7
	with_mdcr	mdcr_tpmcr, 5
	with_mdcr	mdcr_tpm, 6
	with_mdcr	mdcr_tde, 8
	with_mdcr	mdcr_tda, 9
	with_mdcr	mdcr_tdosa, 10
	with_mdcr	mdcr_tdra, 11
no_counter:
	msr	cnthctl_el2, xzr
	isb
	ret
stages:
	mov	x0, #HCR_RW
	orr	x0, x0, #1
	msr	hcr_el2, x0
	mrs	x0, sctlr_el1
	orr	x0, x0, #1
	msr	sctlr_el1, x0
	isb
	ret
lost_stages:
	ldr	x0, =PAGES
	msr	ttbr0_el1, x0
	b	stages

	.ltorg
	.balign	8
states:
	.quad	0xa00003c0, name_el0, 0x600003c5, name_el1h, 0, 0
name_el0:	.asciz	"EL0"
name_el1h:	.asciz	"EL1h"
	.balign	8

	.equ	EL0, 1
	.equ	EL1H, 2
	.equ	BOTH, 3

	.pushsection .trials, "a"
__trials:
	.popsection

	/* An access of page \page at \offset under stage 2. */
	.macro page_trial states, name, page, offset, instruction:vararg
	trial	\states, "stage 2: \name", hcr_vm
	ldr	x1, =PAGES + 0x1000 * \page + \offset
	mov	x2, #8
	\instruction
	done
	.ltorg
	.endm

	page_trial	BOTH, "invalid page: ldr w", 0, 0x10, ldr w3, [x1]
	page_trial	BOTH, "invalid page: ldr x", 0, 0x10, ldr x3, [x1, #16]
	page_trial	BOTH, "invalid page: ldrsb x", 0, 0x11, ldrsb x3, [x1]
	page_trial	EL1H, "invalid page: ldrsh w", 0, 0x12, ldrsh w3, [x1]
	page_trial	EL1H, "invalid page: ldrsw, by a register", 0, 0x10, ldrsw x17, [x1, x2]
	page_trial	EL1H, "invalid page: ldurb", 0, 0x10, ldurb w3, [x1, #-3]
	page_trial	EL1H, "invalid page: ldtr", 0, 0x10, ldtr x3, [x1]
	page_trial	EL1H, "invalid page: ldar", 0, 0x10, ldar w3, [x1]
	page_trial	EL1H, "invalid page: stlrh", 0, 0x10, stlrh w3, [x1]
	page_trial	EL1H, "invalid page: strb", 0, 0x10, strb w30, [x1]
	page_trial	EL1H, "invalid page: str xzr", 0, 0x10, str xzr, [x1]
	page_trial	EL1H, "invalid page: ldr before it", 0, 0x10, ldr x3, [x1, #8]!
	page_trial	EL1H, "invalid page: str behind it", 0, 0x10, str x3, [x1], #8
	page_trial	EL1H, "invalid page: ldp", 0, 0x10, ldp x2, x3, [x1]
	page_trial	EL1H, "invalid page: ldr q", 0, 0x10, ldr q1, [x1]
	page_trial	EL1H, "invalid page: ldxr", 0, 0x10, ldxr x3, [x1]
	page_trial	EL1H, "invalid page: prfm", 0, 0x10, prfm pldl1keep, [x1]
	page_trial	BOTH, "invalid page: code", 0, 0x10, br x1
	page_trial	BOTH, "read-only page: ldr", 1, 0x20, ldr x3, [x1]
	page_trial	BOTH, "read-only page: str", 1, 0x20, str x3, [x1]
	page_trial	EL1H, "read-only page: dc zva", 1, 0x40, dc zva, x1
	page_trial	BOTH, "write-only page: ldr", 2, 0x20, ldr w3, [x1]
	page_trial	BOTH, "write-only page: str", 2, 0x20, str w3, [x1]
	page_trial	BOTH, "page that was not accessed: ldr", 3, 0x20, ldr w3, [x1]
	page_trial	BOTH, "page that is not executable: code", 4, 0x20, br x1
	page_trial	EL1H, "page without rights: strh", 5, 0x20, strh w3, [x1]
	page_trial	EL1H, "invalid block: ldr", 0x200, 0x20, ldr w3, [x1]
	page_trial	EL1H, "invalid gigabyte: ldr", 0x3c000, 0x20, ldr w3, [x1]
	page_trial	EL1H, "address beyond it: ldr", 0x8000000, 0x20, ldr w3, [x1]

	trial	EL1H, "both stages: ldr of an invalid page", stages
	ldr	x1, =PAGES + 0x18
	ldr	w3, [x1]
	done
	.ltorg
	trial	EL1H, "both stages: str to a read-only page", stages
	ldr	x1, =PAGES + 0x1018
	str	w3, [x1]
	done
	.ltorg
	trial	EL1H, "both stages: ldr through a table that is not there", stages
	ldr	x1, =0x80001018
	ldr	w3, [x1]
	done
	.ltorg
	trial	EL1H, "both stages: code through a table that is not there", stages
	ldr	x1, =0x80001018
	br	x1
	done
	.ltorg
	trial	EL1H, "both stages: no tables", lost_stages
	nop
	done
	trial	EL1H, "both stages: at s1e1r of what is there", stages
	ldr	x1, =PAGES + 0x18
	at	s1e1r, x1
	isb
	mrs	x3, par_el1
	done
	.ltorg
	trial	EL1H, "both stages: at s1e1r through a table that is not there", stages
	ldr	x1, =0x80001018
	at	s1e1r, x1
	done
	.ltorg

	.macro trap_trial states, name, setup, instruction:vararg
	trial	\states, "\name", \setup
	mov	x3, #0x40000000
	\instruction
	done
	.endm

	trap_trial	EL1H, "TID1: aidr", hcr_tid1, mrs x3, aidr_el1
	trap_trial	EL1H, "TID1: revidr", hcr_tid1, mrs x3, revidr_el1
	trap_trial	BOTH, "TID2: ctr", hcr_tid2, mrs x3, ctr_el0
	trap_trial	EL1H, "TID2: csselr written", hcr_tid2, msr csselr_el1, xzr
	trap_trial	EL1H, "TACR: actlr", hcr_tacr, mrs x3, actlr_el1
	trap_trial	EL1H, "TSW: dc cisw", hcr_tsw, dc cisw, x3
	trap_trial	BOTH, "TPC: dc civac", hcr_tpc, dc civac, x3
	trap_trial	EL1H, "TPC: dc ivac", hcr_tpc, dc ivac, x3
	trap_trial	BOTH, "TPU: ic ivau", hcr_tpu, ic ivau, x3
	trap_trial	BOTH, "TPU: dc cvau", hcr_tpu, dc cvau, x3
	trap_trial	EL1H, "TTLB: tlbi vmalle1", hcr_ttlb, tlbi vmalle1
	trap_trial	BOTH, "TDZ: dc zva", hcr_tdz, dc zva, x3
	trap_trial	EL1H, "hvc", no_setup, hvc #0x123
	trap_trial	EL0, "hvc", no_setup, hvc #0x123
	trap_trial	EL1H, "HCD: hvc", hcr_hcd, hvc #0x123
	trap_trial	EL1H, "TPMCR: pmcr", mdcr_tpmcr, mrs x3, pmcr_el0
	trap_trial	EL1H, "TPM: pmccntr", mdcr_tpm, mrs x3, pmccntr_el0
	trap_trial	EL1H, "TPM: pmintenset", mdcr_tpm, mrs x3, pmintenset_el1
	trap_trial	EL1H, "TDA: mdscr", mdcr_tda, mrs x3, mdscr_el1
	trap_trial	EL1H, "TDA: dbgbvr written", mdcr_tda, msr dbgbvr0_el1, xzr
	trap_trial	EL1H, "TDOSA: oslsr", mdcr_tdosa, mrs x3, oslsr_el1
	trap_trial	EL1H, "TDRA: mdrar", mdcr_tdra, mrs x3, mdrar_el1
	trap_trial	BOTH, "TDE: brk", mdcr_tde, brk #3
	trap_trial	EL1H, "TDE: mdscr", mdcr_tde, mrs x3, mdscr_el1
	trap_trial	BOTH, "CNTHCTL_EL2: cntpct", no_counter, mrs x3, cntpct_el0
	trap_trial	EL1H, "CNTHCTL_EL2: cntp_ctl", no_counter, mrs x3, cntp_ctl_el0

	trap_trial	EL1H, "VI: masked", hcr_vi, nop
	trap_trial	EL1H, "VI", hcr_vi, msr daifclr, #2
	trap_trial	EL1H, "VI with IMO clear", hcr_vi_unrouted, msr daifclr, #2
	trap_trial	EL1H, "VF", hcr_vf, msr daifclr, #1
	.ltorg

	.pushsection .trials, "a"
__trials_end:
	.popsection
