/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trials of exceptions at and to EL2 and EL3, MMU off everywhere: each level takes its own
 * exceptions, and those that HCR_EL2 and SCR_EL3 route to a higher level. The driver is at EL3; a
 * trial that ends below comes up through CPTR_EL3.TCPAC.
 */

	.section .start, "ax"
	.global _start
_start:
	b	start

	.equ	SCRATCH, 0x42000000
	.include "pl011.inc"
	.include "trials.inc"

	.equ	HOLE, 0x0f000000
	.equ	SCR, 0x531			/* NS, RW, HCE */
	.equ	CPTR_TCPAC, 1 << 31

	.section .text
start:
	uart_init
	adr	x0, vectors
	msr	vbar_el1, x0
	msr	vbar_el2, x0
	msr	vbar_el3, x0
	bl	controls
	all_trials

controls:
	mov	x0, #SCR
	msr	scr_el3, x0
	mov	x0, #CPTR_TCPAC
	msr	cptr_el3, x0
	mov	x0, #(1 << 31)
	msr	hcr_el2, x0
	mov	x0, #0x33ff
	msr	cptr_el2, x0
	ldr	x0, =0x30d00800
	msr	sctlr_el1, x0
	ldr	x0, =0x30c50830
	msr	sctlr_el2, x0
	msr	sctlr_el3, x0
	mov	x0, #(3 << 20)
	msr	cpacr_el1, x0
	msr	far_el1, xzr
	msr	far_el2, xzr
	isb
	ret

	.macro with_hcr name, bit
\name:
	mov	x0, #(1 << 31)
	orr	x0, x0, #(1 << \bit)
	msr	hcr_el2, x0
	isb
	ret
	.endm
	.macro with_scr name, bit
\name:
	mov	x0, #SCR
	orr	x0, x0, #(1 << \bit)
	msr	scr_el3, x0
	isb
	ret
	.endm
	with_hcr hcr_tge, 27
	with_hcr hcr_tvm, 26
	with_hcr hcr_trvm, 30
	with_hcr hcr_twi, 13
	with_hcr hcr_tsc, 19
	with_hcr hcr_tea, 37
	with_hcr hcr_tid3, 18
	with_scr scr_ea, 3
	with_scr scr_twi, 12
scr_ea_hcr_tea:
	mov	x0, #SCR
	orr	x0, x0, #(1 << 3)
	msr	scr_el3, x0
	b	hcr_tea
fp_to_el2:
	mov	x0, #0x37ff		/* CPTR_EL2.TFP */
	msr	cptr_el2, x0
	isb
	ret
fp_to_el3:
	ldr	x0, =CPTR_TCPAC | (1 << 10)
	msr	cptr_el3, x0
	isb
	ret

	.ltorg
	.balign	8
states:
	.quad	0x80000000, name_el0, 0xa00003c4, name_el1t, 0x600003c5, name_el1h
	.quad	0x100003c8, name_el2t, 0x200002c9, name_el2h, 0x400003cc, name_el3t, 0x900001cd, name_el3h, 0, 0
name_el0:	.asciz	"EL0"
name_el1t:	.asciz	"EL1t"
name_el1h:	.asciz	"EL1h"
name_el2t:	.asciz	"EL2t"
name_el2h:	.asciz	"EL2h"
name_el3t:	.asciz	"EL3t"
name_el3h:	.asciz	"EL3h"
	.balign	8

	.equ	EL0, 0x01
	.equ	EL1H, 0x04
	.equ	EL2H, 0x10
	.equ	BELOW_EL2, 0x07
	.equ	BELOW_EL3, 0x1f
	.equ	ALL, 0x7f

	.pushsection .trials, "a"
__trials:
	.popsection

	trial	ALL, "svc"
	svc	#0x4321
	done
	trial	ALL, "brk"
	brk	#1
	done
	trial	ALL, "udf"
	udf	#7
	done
	trial	ALL, "hlt that is no gate"
	hlt	#0xffff
	done
	trial	ALL, "register that does not exist"
	msr	S3_3_C15_C2_1, x0
	done
	trial	BELOW_EL3, "EL3 register"
	mrs	x0, scr_el3
	done
	trial	BELOW_EL2, "EL2 register"
	mrs	x0, hcr_el2
	done
	trial	ALL, "branch to an odd address"
	adr	x1, . + 0x22
	br	x1
	done
	trial	ALL, "nothing answers: ldr"
	mov	x1, #HOLE
	ldr	x0, [x1, #0x40]!
	done
	trial	ALL, "nothing answers: strb"
	mov	x1, #HOLE
	strb	w2, [x1], #1
	done
	trial	ALL, "nothing answers: instruction fetch"
	mov	x1, #HOLE
	br	x1
	done
	.ltorg

	trial	ALL, "SCR_EL3.EA: ldp", scr_ea
	mov	x1, #HOLE
	ldp	x2, x3, [x1]
	done
	trial	ALL, "SCR_EL3.EA: str", scr_ea
	mov	x1, #HOLE
	str	w2, [x1, #4]
	done
	trial	ALL, "SCR_EL3.EA: instruction fetch", scr_ea
	mov	x1, #HOLE
	br	x1
	done
	trial	ALL, "HCR_EL2.TEA: ldr", hcr_tea
	mov	x1, #HOLE
	ldr	x2, [x1]
	done
	trial	BELOW_EL2, "HCR_EL2.TEA: instruction fetch", hcr_tea
	mov	x1, #HOLE
	br	x1
	done
	trial	ALL, "SCR_EL3.EA and HCR_EL2.TEA: stp", scr_ea_hcr_tea
	mov	x1, #HOLE
	stp	x2, x3, [x1, #16]!
	done

	trial	EL0, "HCR_EL2.TGE: svc", hcr_tge
	svc	#9
	done
	trial	EL0, "HCR_EL2.TGE: brk", hcr_tge
	brk	#9
	done
	trial	EL0, "HCR_EL2.TGE: udf", hcr_tge
	udf	#9
	done
	trial	EL0, "HCR_EL2.TGE: branch to an odd address", hcr_tge
	adr	x1, . + 0x21
	br	x1
	done
	trial	EL0, "HCR_EL2.TGE: nothing answers", hcr_tge
	mov	x1, #HOLE
	ldr	x0, [x1]
	done
	trial	EL1H, "HCR_EL2.TVM: sctlr written", hcr_tvm
	msr	ttbr0_el1, x3
	done
	trial	EL1H, "HCR_EL2.TVM: sctlr read", hcr_tvm
	mrs	x3, ttbr0_el1
	done
	trial	EL1H, "HCR_EL2.TRVM: ttbr0 read", hcr_trvm
	mrs	x17, ttbr0_el1
	done
	trial	EL1H, "HCR_EL2.TID3: identification read", hcr_tid3
	mrs	x3, id_aa64mmfr0_el1
	done
	trial	BELOW_EL2, "HCR_EL2.TWI: wfi", hcr_twi
	wfi
	done
	trial	EL1H, "HCR_EL2.TSC: smc", hcr_tsc
	smc	#5
	done
	trial	BELOW_EL3, "SCR_EL3.TWI: wfi", scr_twi
	wfi
	done
	trial	BELOW_EL3, "CPTR_EL3.TCPAC: cpacr read"
	mrs	x3, cpacr_el1
	done
	trial	BELOW_EL2, "CPTR_EL2.TFP: fmov", fp_to_el2
	fmov	d0, x1
	done
	trial	ALL, "CPTR_EL3.TFP: fmov", fp_to_el3
	fmov	d0, x1
	done

	/* ERET to a state that does not exist sets PSTATE.IL. */
	trial	EL2H, "illegal return to EL3"
	mov	x0, #0x3cd
	msr	spsr_el2, x0
	adr	x0, 1f
	msr	elr_el2, x0
	eret
1:	nop
	done
	.ltorg

	.pushsection .trials, "a"
__trials_end:
	.popsection
