/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting instructions inside the engine's translated code, on x86-64 hosts (System V calling
 * convention).
 *
 * The engine's translator calls tb_start before the first and tb_stop after the last instruction of
 * a block. The two functions below stand in their place, call the engine's own, and put this in
 * front of every block, in the translator's intermediate operations:
 *
 *     charged:  t = counter;  counter = t - instructions of the block
 *               if (t < 1) goto out;  end = address after its last instruction              … the block …
 *     out:      counter = counter + instructions;  flag, exit request, stop request = 1;  pc = address of the block;  leave the translated code
 *
 * The number of instructions and the end are known when the block is finished: tb_stop writes them
 * into the operations that tb_start left open. Bit 0 of the end says that the block ends where it
 * was told to and would go on otherwise. translate_insn looks at each instruction too. Only blocks
 * with one that a machine may want to see are announced to it (filter). And a block ends before
 * each multiple of LINE: so where a block ends does not depend on where it begins, and a run that
 * was stopped inside one goes on with its rest. unmasked stands in the place of the engine's
 * cpu_exec_interrupt: it ends the run when the interrupt that is waited for is not masked any more.
 * illegal is jumped to from the engine's exception return, where it has found it illegal: the
 * engine would go on as if nothing were. fp_level stands in the place of the engine's
 * fp_exception_el, which answers that nothing traps FP and SIMD: the rest of the engine is ready
 * for another answer. translate_insn also marks accesses that must be aligned; SCTLR_ELx.A, which
 * says so, becomes part of what a block is looked up by (block key). The guards stand before
 * callbacks of the machine: they keep the stack pointer and, when the machine says so, leave the
 * instruction unfinished.
 *
 * Everything of the library (addresses, offsets, numbers of operations) is in a table one page
 * after the code; inline-count.ts fills it. Assembled by scripts/firmware/build-firmware.ts.
 */

	.intel_syntax noprefix
	.text
	.equ	DATA, 4096
	.set	table, code + DATA

	/* Functions: the engine's tb_start and tb_stop, then its translator's. */
	.set	f_tb_start, table + 0x00
	.set	f_tb_stop, table + 0x08
	.set	f_temp_new, table + 0x10
	.set	f_emit_op, table + 0x18
	.set	f_op1, table + 0x20
	.set	f_op3, table + 0x28
	.set	f_brcondi_i32, table + 0x30
	.set	f_new_label, table + 0x38
	.set	f_const_i64, table + 0x40
	.set	f_loop_exit, table + 0x48
	/* Offsets: of fields from the register file; in the core, the handle, the translator. */
	.set	o_counter, table + 0x50
	.set	o_end, table + 0x58
	.set	o_flag, table + 0x60
	.set	o_exit_request, table + 0x68
	.set	o_interrupt, table + 0x70
	.set	o_pc, table + 0x78
	.set	o_core_handle, table + 0x80
	.set	o_handle_translator, table + 0x88
	.set	o_handle_stop, table + 0x90
	.set	o_translator_env, table + 0x98
	/* Numbers of operations. */
	.set	n_movi_i32, table + 0xa0
	.set	n_ld_i32, table + 0xa8
	.set	n_st8_i32, table + 0xb0
	.set	n_st16_i32, table + 0xb8
	.set	n_st_i32, table + 0xc0
	.set	n_sub_i32, table + 0xc8
	.set	n_st_i64, table + 0xd0
	/* The engine's translate_insn, and where in its block's state the instruction's word is. */
	.set	f_translate, table + 0xd8
	.set	o_word, table + 0xe0
	/*
	 * In a core: the register file; in that: the interrupt masks, the exception level, and a flag of
	 * ours.
	 */
	.set	o_core_registers, table + 0xe8
	.set	o_masks, table + 0xf0
	.set	o_level, table + 0xf8
	.set	o_unmasked, table + 0x100
	.set	f_raise, table + 0x108		/* raise_exception */
	/* In the register file: CPACR_EL1, CPTR_EL0 (the first of four), SCR_EL3. */
	.set	o_cpacr, table + 0x110
	.set	o_cptr, table + 0x118
	.set	o_scr, table + 0x120
	.set	f_load_code, table + 0x128	/* cpu_ldl_code */
	.set	o_sctlr, table + 0x130		/* in the register file: SCTLR_EL0 (the first of four) */
	.set	o_byte_order, table + 0x138	/* in its block's state: the byte order of accesses */
	.set	o_block_flags, table + 0x140	/* in the register file: what blocks are known by (hflags) */
	.set	f_block_key, table + 0x148	/* the rest of cpu_get_tb_cpu_state */
	/* Of the block that is being translated. */
	.set	b_translator, table + 0x150
	.set	b_handle, table + 0x158
	.set	b_count, table + 0x160		/* operation whose constant is the number of instructions; 0: none is open */
	.set	b_end, table + 0x168		/* operation whose constant is the end */
	.set	b_out, table + 0x170		/* label */
	.set	b_seen, table + 0x178		/* a byte: it has an instruction to be seen */
	.set	b_told, table + 0x179		/* a byte: bit 0 of its end */

	.equ	SET_LABEL, 1			/* INDEX_op_set_label */
	.equ	COND_LT, 2			/* TCG_COND_LT */
	.equ	OP_ARG0, 0x18			/* TCGOp.args */
	.equ	OP_ARG1, 0x20
	.equ	BLOCK_START, 0x08		/* DisasContextBase.pc_first, pc_next */
	.equ	BLOCK_NEXT, 0x10
	.equ	BLOCK_IS_JMP, 0x18		/* DISAS_NEXT: it goes on; DISAS_TOO_MANY: it ends without a branch */
	.equ	DISAS_NEXT, 0
	.equ	DISAS_TOO_MANY, 1
	.equ	LINE, 256			/* bytes, a power of two */
	.equ	MO_BSWAP, 8			/* MemOp */
	.equ	MO_ALIGN, 0x70
	.equ	SCTLR_A, 1 << 1

	.globl	code
code:
	/* tb_start(DisasContextBase *rdi, CPUState *rsi) */
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	r14, rdi
	mov	r15, rsi
	mov	byte ptr [rip + b_seen], 0
	mov	rax, [rip + o_core_handle]
	mov	rax, [rsi + rax]
	mov	[rip + b_handle], rax
	add	rax, [rip + o_handle_translator]
	mov	rbx, [rax]			/* rbx: translator */
	mov	[rip + b_translator], rbx
	mov	rcx, [rip + o_translator_env]
	mov	r12, [rbx + rcx]
	add	r12, rbx			/* r12: the register file's base */

	call	new_temp
	mov	r13, rax			/* r13: t */
	mov	rsi, [rip + n_ld_i32]
	mov	rdx, r13
	mov	r8, [rip + o_counter]
	call	with_env

	call	open_constant
	mov	[rip + b_count], rax
	mov	r9, [rax + OP_ARG0]
	push	r9
	push	r9
	mov	rdi, rbx
	mov	rsi, [rip + n_sub_i32]
	mov	rdx, r9
	mov	rcx, r13
	mov	r8, r9
	call	[rip + f_op3]
	pop	rdx
	pop	rdx
	mov	rsi, [rip + n_st_i32]
	mov	r8, [rip + o_counter]
	call	with_env

	mov	rdi, rbx
	call	[rip + f_new_label]
	mov	[rip + b_out], rax
	mov	rdi, rbx
	mov	esi, COND_LT
	mov	rdx, r13
	sub	rdx, rbx
	mov	ecx, 1
	mov	r8, rax
	call	[rip + f_brcondi_i32]

	call	open_constant
	mov	[rip + b_end], rax
	mov	rdx, [rax + OP_ARG0]
	mov	rsi, [rip + n_st_i32]
	mov	r8, [rip + o_end]
	call	with_env

	mov	rdi, r14
	mov	rsi, r15
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	jmp	[rip + f_tb_start]

	/* A new 32-bit temporary in rax. */
new_temp:
	sub	rsp, 8
	mov	rdi, rbx
	xor	esi, esi
	xor	edx, edx
	call	[rip + f_temp_new]
	add	rsp, 8
	ret

	/* rax: an operation that gives a new temporary a constant. */
open_constant:
	push	rbx
	call	new_temp
	mov	[rsp], rax
	mov	rdi, rbx
	mov	rsi, [rip + n_movi_i32]
	call	[rip + f_emit_op]
	pop	rcx
	mov	[rax + OP_ARG0], rcx
	ret

	/* Operation rsi on temporary rdx and the register file at offset r8. */
with_env:
	sub	rsp, 8
	mov	rdi, rbx
	mov	rcx, r12
	call	[rip + f_op3]
	add	rsp, 8
	ret

	.org	0x200
	/* tb_stop(DisasContextBase *rdi, CPUState *rsi) */
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	r14, rdi
	cmp	dword ptr [rdi + BLOCK_IS_JMP], DISAS_TOO_MANY
	sete	al
	test	byte ptr [rdi + BLOCK_NEXT], LINE - 1
	setnz	cl
	and	al, cl
	mov	[rip + b_told], al
	call	[rip + f_tb_stop]
	cmp	qword ptr [rip + b_count], 0
	je	1f
	mov	rbx, [rip + b_translator]
	mov	rcx, [rip + o_translator_env]
	mov	r12, [rbx + rcx]
	add	r12, rbx
	mov	rax, [r14 + BLOCK_NEXT]
	mov	rcx, [rip + b_end]
	movsxd	rdx, eax
	or	dl, [rip + b_told]
	mov	[rcx + OP_ARG1], rdx
	sub	rax, [r14 + BLOCK_START]
	shr	rax, 2
	mov	rcx, [rip + b_count]
	mov	[rcx + OP_ARG1], rax
	mov	qword ptr [rip + b_count], 0
	mov	r15, rax			/* r15: instructions */

	mov	rdi, rbx
	mov	esi, SET_LABEL
	mov	rdx, [rip + b_out]
	or	byte ptr [rdx], 1		/* TCGLabel.present */
	call	[rip + f_op1]

	call	new_temp
	mov	r13, rax
	mov	rsi, [rip + n_ld_i32]
	mov	rdx, r13
	mov	r8, [rip + o_counter]
	call	with_env
	call	open_constant
	neg	r15
	mov	[rax + OP_ARG1], r15
	mov	r8, [rax + OP_ARG0]
	mov	rdi, rbx
	mov	rsi, [rip + n_sub_i32]
	mov	rdx, r13
	mov	rcx, r13
	call	[rip + f_op3]
	mov	rdx, r13
	mov	rsi, [rip + n_st_i32]
	mov	r8, [rip + o_counter]
	call	with_env

	call	open_constant
	mov	r13, [rax + OP_ARG0]
	mov	qword ptr [rax + OP_ARG1], -0x7fff	/* 1 as a byte, negative as a half word */
	mov	rdx, r13
	mov	rsi, [rip + n_st16_i32]
	mov	r8, [rip + o_interrupt]
	call	with_env
	mov	rdx, r13
	mov	rsi, [rip + n_st_i32]
	mov	r8, [rip + o_flag]
	call	with_env
	mov	rdx, r13
	mov	rsi, [rip + n_st8_i32]
	mov	r8, [rip + o_exit_request]
	call	with_env
	mov	rdi, rbx
	mov	rsi, [rip + b_handle]
	add	rsi, [rip + o_handle_stop]
	call	[rip + f_const_i64]
	lea	rcx, [rbx + rax]
	mov	rdi, rbx
	mov	rsi, [rip + n_st8_i32]
	mov	rdx, r13
	xor	r8d, r8d
	call	[rip + f_op3]
	mov	rdi, rbx
	mov	rsi, [r14 + BLOCK_START]
	call	[rip + f_const_i64]
	lea	rdx, [rbx + rax]
	mov	rsi, [rip + n_st_i64]
	mov	r8, [rip + o_pc]
	call	with_env
1:	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	ret

	/*
	 * Callbacks, by the register of their data argument: it points to { callback, cell }, and the cell
	 * to { leave, 0, core, stack pointer }.
	 */
	.macro	guard data, at
	.org	\at
	push	rbx
	mov	rbx, \data
	mov	rax, [rbx + 8]
	mov	[rax + 24], rsp
	call	[rbx]
	jmp	leave
	.endm
	guard	rcx, 0x400
	guard	r8, 0x420
	guard	r9, 0x440
	.org	0x460
leave:
	mov	rcx, [rbx + 8]
	cmp	qword ptr [rcx], 0
	jne	1f
	pop	rbx
	ret
1:	mov	qword ptr [rcx], 0
	mov	rdi, [rcx + 16]
	call	[rip + f_loop_exit]		/* does not return */

	.org	0x480
	/*
	 * translate_insn(DisasContextBase *rdi, CPUState *rsi). The word is fetched once before the engine
	 * does: what it accesses must be aligned where SCTLR_ELx.A says so, and always for LDAR, STLR and
	 * their kin (exclusives know it themselves). An access is checked when its byte order says so.
	 */
	push	rbx
	push	r12
	push	r13
	mov	rbx, rdi
	mov	r12, rsi
	mov	rdi, rsi
	add	rdi, [rip + o_core_registers]
	mov	r13, rdi			/* the register file */
	mov	rsi, [rbx + BLOCK_NEXT]
	call	[rip + f_load_code]
	mov	rdi, r13
	mov	ecx, eax
	and	ecx, 0x3f000000
	cmp	ecx, 0x08000000			/* exclusive and ordered */
	jne	1f
	and	eax, 0x00800000			/* o2: ordered alone */
	jnz	2f
	jmp	3f
1:	call	sctlr
	test	byte ptr [rdi + rax], SCTLR_A
	jz	3f
	mov	rax, [rip + o_byte_order]
	test	byte ptr [rbx + rax], MO_BSWAP	/* the halves of a Q register go by it: it must stay as it is */
	jnz	3f
2:	mov	rax, [rip + o_byte_order]
	or	dword ptr [rbx + rax], MO_ALIGN
3:	mov	rdi, rbx
	mov	rsi, r12
	call	[rip + f_translate]
	mov	rax, [rip + o_byte_order]
	and	dword ptr [rbx + rax], ~MO_ALIGN
	pop	r13
	pop	r12
	test	byte ptr [rbx + BLOCK_NEXT], LINE - 1
	jnz	1f
	cmp	dword ptr [rbx + BLOCK_IS_JMP], DISAS_NEXT
	jne	1f
	mov	dword ptr [rbx + BLOCK_IS_JMP], DISAS_TOO_MANY
1:	add	rbx, [rip + o_word]
	mov	eax, [rbx]
	pop	rbx
	cmp	eax, 0xd69f03e0			/* ERET */
	je	seen
	mov	ecx, eax
	and	ecx, 0xffc00000
	cmp	ecx, 0xd5000000			/* system instructions, but for four frequent kinds: */
	jne	unseen
	mov	ecx, eax
	and	ecx, 0xffffffe0
	cmp	ecx, 0xd5384100			/* MRS Xt, SP_EL0: Linux's current task */
	je	unseen
	mov	ecx, eax
	and	ecx, 0xfffff01f
	cmp	ecx, 0xd503301f			/* barriers and CLREX */
	je	unseen
	cmp	ecx, 0xd503201f			/* hints other than YIELD, WFE, WFI, SEV and SEVL: NOP, BTI, PACIASP */
	jne	seen
	shr	eax, 5
	and	eax, 0x7f
	dec	eax
	cmp	eax, 5
	jae	unseen
seen:	mov	byte ptr [rip + b_seen], 1
unseen:	ret

	.org	0x5a0
	/* filter(handle, block, previous block, data): the data argument points to { callback, cell }. */
	cmp	byte ptr [rip + b_seen], 0
	jne	1f
	test	byte ptr [rsi], 3		/* a block at an address that is no multiple of 4 is always announced */
	jne	1f
	ret
1:	jmp	[rcx]

	.org	0x5c0
	/*
	 * bool unmasked(CPUState *rdi, int esi): asked with the interrupts that wait (2: IRQ, 16: FIQ)
	 * whenever the engine's loop is come to, which it is right after each instruction that may lift a
	 * mask. The answer is always no: it is the machine that takes interrupts.
	 */
	mov	rax, rdi
	add	rax, [rip + o_core_registers]
	mov	rcx, [rip + o_level]
	test	byte ptr [rax + rcx], 8		/* EL2 and EL3 */
	jnz	2f
	mov	rcx, [rip + o_masks]
	mov	ecx, [rax + rcx]
	test	esi, 2
	jz	1f
	test	ecx, 0x80			/* PSTATE.I */
	jz	3f
1:	test	esi, 16
	jz	2f
	test	ecx, 0x40			/* PSTATE.F */
	jz	3f
2:	xor	eax, eax
	ret
3:	mov	rcx, [rip + o_unmasked]
	mov	dword ptr [rax + rcx], 1
	mov	rcx, [rip + o_exit_request]
	mov	byte ptr [rax + rcx], 1
	mov	rcx, [rip + o_core_handle]
	mov	rcx, [rdi + rcx]
	add	rcx, [rip + o_handle_stop]
	mov	byte ptr [rcx], 1
	xor	eax, eax
	ret

	.equ	EXCP_UDEF, 1
	.equ	ILLEGAL_STATE, 0x3a000000	/* ESR: EC 0x0e, IL */
	.org	0x640
	/*
	 * Inside helper_exception_return: r14 is the register file, the stack is aligned for a call, PC is
	 * where the return went, PSTATE.IL is set. The instruction there takes the Illegal Execution state
	 * exception before anything else; it is charged with the return.
	 */
	mov	rdi, r14
	mov	rax, [rip + o_pc]
	mov	eax, [rdi + rax]
	add	eax, 4
	mov	rcx, [rip + o_end]
	mov	[rdi + rcx], eax
	mov	rcx, [rip + o_level]
	mov	ecx, [rdi + rcx]
	shr	ecx, 2
	and	ecx, 3
	mov	esi, EXCP_UDEF
	mov	edx, ILLEGAL_STATE
	call	[rip + f_raise]			/* does not return */

	.equ	FPEN_EL1, 1 << 20		/* CPACR_EL1.FPEN: clear, EL1 and EL0 are trapped */
	.equ	FPEN_EL0, 1 << 21		/* clear, EL0 is */
	.equ	TFP, 1 << 2			/* CPTR_EL2 and CPTR_EL3, second byte */
	.equ	NS, 1				/* SCR_EL3 */
	.org	0x6c0
	/*
	 * int fp_level(CPUARMState *rdi, int esi): the level to which an FP or SIMD instruction at level
	 * esi is trapped, or 0. It becomes part of what a block is known by.
	 */
	cmp	esi, 1
	ja	2f
	mov	rax, [rip + o_cpacr]
	mov	eax, [rdi + rax]
	test	eax, FPEN_EL1
	jz	1f
	test	eax, FPEN_EL0
	jnz	2f
	test	esi, esi
	jnz	2f
1:	mov	eax, 1
	ret
2:	mov	rcx, [rip + o_cptr]
	cmp	esi, 2
	ja	3f
	mov	rax, [rip + o_scr]
	test	byte ptr [rdi + rax], NS
	jz	3f
	test	byte ptr [rdi + rcx + 16 + 1], TFP
	jz	3f
	mov	eax, 2
	ret
3:	xor	eax, eax
	test	byte ptr [rdi + rcx + 24 + 1], TFP
	jz	4f
	mov	eax, 3
4:	ret

	.org	0x740
	/*
	 * Block key, the beginning of cpu_get_tb_cpu_state(CPUARMState *rdi, *rsi PC, *rdx, *rcx flags): *rdx, which is 0
	 * on this architecture, is SCTLR_ELx.A. Blocks that check alignment are others than those that do not.
	 */
	call	sctlr
	movzx	eax, byte ptr [rdi + rax]
	and	eax, SCTLR_A
	mov	[rdx], rax
	mov	rax, [rip + o_block_flags]
	mov	eax, [rdi + rax]
	test	eax, eax
	jmp	[rip + f_block_key]

	/* rax: offset of the level's SCTLR in the register file rdi. */
sctlr:
	mov	rax, [rip + o_level]
	mov	eax, [rdi + rax]
	shr	eax, 2
	and	eax, 3
	cmp	eax, 1
	adc	eax, 0				/* EL0 goes by SCTLR_EL1 */
	shl	eax, 3
	add	rax, [rip + o_sctlr]
	ret
