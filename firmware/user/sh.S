/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user shell: reads lines from the console, edits and echoes them, and runs the commands that
 * they name. A word that is no built-in is a program; the shell waits for its end. The shell ends
 * at `exit`, or at the end of input (Ctrl-D on an empty line).
 *
 *     word   the first word of the line      rest   the text after it, without leading spaces
 *
 *     x19 word   x20 its bytes   x21 rest   x22 its bytes
 */

	.include "user.inc"

	.equ	INPUT_BYTES, 100
	.equ	CTRL_C, 3
	.equ	CTRL_D, 4
	.equ	BACKSPACE, 8
	.equ	LINE_FEED, 10
	.equ	CARRIAGE_RETURN, 13
	.equ	CTRL_U, 21
	.equ	DELETE, 127

	.section .bss
input:	.skip	INPUT_BYTES
typed:	.skip	1

	/* A built-in: its name, its code, its line in help. A name of 0 ends the table. */
	.macro builtin name, code, help
	.pushsection .rodata.text
.Lname\@:
	.asciz	"\name"
.Lhelp\@:
	.asciz	"\help"
	.popsection
	.quad	.Lname\@, \code, .Lhelp\@
	.endm
	.equ	BUILTIN_CODE, 8
	.equ	BUILTIN_HELP, 16
	.equ	BUILTIN_BYTES, 24

	.section .rodata
	.balign	8
builtins:
	builtin	"help", help, "what the words are"
	builtin	"echo", echo, "prints what follows"
	builtin	"pid", pid, "the number of this process"
	builtin	"run", run, "starts the program that follows, and waits for it; a program's name alone does so too"
	builtin	"poweroff", poweroff, "switches the machine off"
	builtin	"reboot", reboot, "restarts the machine"
	builtin	"exit", leave, "ends the shell, with the status that follows"
	.quad	0

	.section .text
	.global _start
_start:
	say	"sh: type help\n"
prompt:
	say	"$ "
	bl	flush
	bl	read_line
	tbnz	x0, #63, end_of_input
	adr	x21, input
	mov	x22, x0
	bl	next_word
	cbz	x20, prompt

	adr	x23, builtins
1:	ldr	x0, [x23]
	cbz	x0, program
	bl	is_word
	cbnz	x0, 2f
	add	x23, x23, #BUILTIN_BYTES
	b	1b
2:	ldr	x0, [x23, #BUILTIN_CODE]
	br	x0

end_of_input:
	say	"\n"
	exit	#0

	/* Built-ins return to prompt. */
help:	adr	x23, builtins
1:	ldr	x0, [x23]
	cbz	x0, prompt
	bl	put_text
	say	": "
	ldr	x0, [x23, #BUILTIN_HELP]
	bl	put_text
	say	"\n"
	add	x23, x23, #BUILTIN_BYTES
	b	1b

echo:	mov	x0, x21
	mov	x1, x22
	bl	put_bytes
	say	"\n"
	b	prompt

pid:	call	getpid
	mov	x23, x0
	say_number x23
	say	"\n"
	b	prompt

run:	bl	next_word
	cbnz	x20, program
	say	"run: the name of a program is missing\n"
	b	prompt

program:
	mov	x0, x19
	mov	x1, x20
	call	spawn
	tbnz	x0, #63, 1f
	call	wait
	cbz	x0, prompt
	mov	x23, x0
	mov	x0, x19
	mov	x1, x20
	bl	put_bytes
	say	": exit status "
	say_number x23
	say	"\n"
	b	prompt

1:	mov	x23, x0
	say	"sh: "
	mov	x0, x19
	mov	x1, x20
	bl	put_bytes
	say	" cannot be started: "
	say_result x23
	say	"\n"
	b	prompt

poweroff:
	mov	x0, #0
	b	1f
reboot:
	mov	x0, #2
1:	call	shutdown
	mov	x23, x0
	say	"sh: "
	say_result x23
	say	"\n"
	b	prompt

	/* The status: digits up to the first other byte. */
leave:	mov	x0, #0
	mov	x2, #10
1:	cbz	x22, 2f
	ldrb	w1, [x21], #1
	sub	x22, x22, #1
	sub	w1, w1, #'0'
	cmp	w1, #9
	b.hi	2f
	madd	x0, x0, x2, x1
	b	1b
2:	call	exit

	/*
	 * Cuts a word off rest: word and rest are what they say above. A word of no bytes: there is
	 * none.
	 */
next_word:
1:	cbz	x22, 2f			/* leading spaces */
	ldrb	w0, [x21]
	cmp	w0, #' '
	b.ne	2f
	add	x21, x21, #1
	sub	x22, x22, #1
	b	1b
2:	mov	x19, x21
	mov	x20, #0
3:	cbz	x22, 4f
	ldrb	w0, [x21]
	cmp	w0, #' '
	b.eq	4f
	add	x21, x21, #1
	sub	x22, x22, #1
	add	x20, x20, #1
	b	3b
4:	cbz	x22, 5f			/* trailing spaces */
	ldrb	w0, [x21]
	cmp	w0, #' '
	b.ne	5f
	add	x21, x21, #1
	sub	x22, x22, #1
	b	4b
5:	ret

	/* x0: a text, ended by a zero byte. x0: 1 when it is word. */
is_word:
	mov	x1, #0
1:	ldrb	w2, [x0, x1]
	cmp	x1, x20
	b.eq	2f
	ldrb	w3, [x19, x1]
	cmp	w2, w3
	b.ne	3f
	add	x1, x1, #1
	b	1b
2:	cmp	w2, #0
	cset	x0, eq
	ret
3:	mov	x0, #0
	ret

	/* Adds x1 bytes at x0 to the line. */
put_bytes:
	stp	x29, x30, [sp, #-32]!
	stp	x19, x20, [sp, #16]
	mov	x19, x0
	add	x20, x0, x1
1:	cmp	x19, x20
	b.eq	2f
	ldrb	w0, [x19], #1
	bl	put_char
	b	1b
2:	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #32
	ret

	/*
	 * Reads a line into input. x0: its bytes, or -1 at the end of input. Bytes that no line has
	 * are ignored, and so is what does not fit.
	 */
read_line:
	stp	x29, x30, [sp, #-32]!
	stp	x19, x20, [sp, #16]
	mov	x19, #0			/* bytes so far */
	adr	x20, input
next_byte:
	mov	x0, #STDIN
	adr	x1, typed
	mov	x2, #1
	call	read
	cmp	x0, #1
	b.ne	no_more
	adr	x1, typed
	ldrb	w0, [x1]
	cmp	w0, #LINE_FEED
	b.eq	complete
	cmp	w0, #CARRIAGE_RETURN
	b.eq	complete
	cmp	w0, #DELETE
	b.eq	erase
	cmp	w0, #BACKSPACE
	b.eq	erase
	cmp	w0, #CTRL_U
	b.eq	erase_all
	cmp	w0, #CTRL_C
	b.eq	abandon
	cmp	w0, #CTRL_D
	b.eq	end
	cmp	w0, #' '
	b.lo	next_byte
	cmp	x19, #INPUT_BYTES
	b.eq	next_byte
	strb	w0, [x20, x19]
	add	x19, x19, #1
	bl	put_char
	bl	flush
	b	next_byte

erase:	cbz	x19, next_byte
	sub	x19, x19, #1
	say	"\b \b"
	bl	flush
	b	next_byte

erase_all:
	cbz	x19, next_byte
	sub	x19, x19, #1
	say	"\b \b"
	bl	flush
	b	erase_all

abandon:
	say	"^C"
	mov	x19, #0
complete:
	say	"\n"
	mov	x0, x19
	b	1f
end:	cbnz	x19, next_byte
no_more:
	mov	x0, #-1
1:	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #32
	ret
