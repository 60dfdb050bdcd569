/* SPDX-License-Identifier: GPL-2.0-only */
// Runs one A64 instruction a record, for fixtures: a Linux program for qemu-aarch64.
//
// Record, in and out (1424 bytes):
//   0   u32 word (out: 0 executed, else the signal's number)   4 u32 FPCR   8 u32 FPSR   12 u32 NZCV
//   16  x0..x15      144 v0..v31      656 memory at MEMORY, 768 bytes
// MEMORY is the record's own address + 656; the linker puts the record at 0x20001000.
    .equ MEMORY_BYTES, 768
    .equ RECORD_BYTES, 656 + MEMORY_BYTES
    .equ READ, 63
    .equ WRITE, 64
    .equ EXIT, 93
    .equ SIGACTION, 134
    .equ SIGRETURN, 139
    .equ MPROTECT, 226
    .equ UCONTEXT_PC, 440

    .text
    .globl _start
_start:
    // The slot is written and executed.
    adr     x0, slot
    and     x0, x0, #~0xfff
    mov     x1, #4096
    mov     x2, #7
    mov     x8, #MPROTECT
    svc     #0
    mov     x19, #4             // SIGILL
    bl      handle
    mov     x19, #5             // SIGTRAP
    bl      handle
    mov     x19, #7             // SIGBUS
    bl      handle
    mov     x19, #11            // SIGSEGV
    bl      handle
    ldr     x28, =record

next:
    mov     x20, #0             // bytes read
1:  mov     x0, #0
    add     x1, x28, x20
    mov     x2, #RECORD_BYTES
    sub     x2, x2, x20
    mov     x8, #READ
    svc     #0
    cmp     x0, #0
    b.le    done
    add     x20, x20, x0
    cmp     x20, #RECORD_BYTES
    b.lt    1b

    ldr     w0, [x28]
    adr     x1, slot
    str     w0, [x1]
    dc      cvau, x1
    dsb     ish
    ic      ivau, x1
    dsb     ish
    isb
    str     wzr, [x28]
    ldr     w0, [x28, #4]
    msr     fpcr, x0
    ldr     w0, [x28, #8]
    msr     fpsr, x0
    ldr     w0, [x28, #12]
    msr     nzcv, x0
    add     x20, x28, #144
    .macro  vectors op
    \op     q0, q1, [x20]
    \op     q2, q3, [x20, #32]
    \op     q4, q5, [x20, #64]
    \op     q6, q7, [x20, #96]
    \op     q8, q9, [x20, #128]
    \op     q10, q11, [x20, #160]
    \op     q12, q13, [x20, #192]
    \op     q14, q15, [x20, #224]
    \op     q16, q17, [x20, #256]
    \op     q18, q19, [x20, #288]
    \op     q20, q21, [x20, #320]
    \op     q22, q23, [x20, #352]
    \op     q24, q25, [x20, #384]
    \op     q26, q27, [x20, #416]
    \op     q28, q29, [x20, #448]
    \op     q30, q31, [x20, #480]
    .endm
    .macro  generals op
    \op     x0, x1, [x28, #16]
    \op     x2, x3, [x28, #32]
    \op     x4, x5, [x28, #48]
    \op     x6, x7, [x28, #64]
    \op     x8, x9, [x28, #80]
    \op     x10, x11, [x28, #96]
    \op     x12, x13, [x28, #112]
    \op     x14, x15, [x28, #128]
    .endm
    vectors ldp
    generals ldp
    b       slot
back:
    generals stp
    add     x20, x28, #144
    vectors stp
    mrs     x0, nzcv
    str     w0, [x28, #12]
    mrs     x0, fpsr
    str     w0, [x28, #8]
    mrs     x0, fpcr
    str     w0, [x28, #4]
failed:
    mov     x20, #0
2:  mov     x0, #1
    add     x1, x28, x20
    mov     x2, #RECORD_BYTES
    sub     x2, x2, x20
    mov     x8, #WRITE
    svc     #0
    cmp     x0, #0
    b.le    done
    add     x20, x20, x0
    cmp     x20, #RECORD_BYTES
    b.lt    2b
    b       next
done:
    mov     x0, #0
    mov     x8, #EXIT
    svc     #0

// The signal in x19 is handled by `caught`.
handle:
    mov     x0, x19
    ldr     x1, =action
    mov     x2, #0
    mov     x3, #8
    mov     x8, #SIGACTION
    svc     #0
    ret

caught:
    ldr     x3, =record
    str     w0, [x3]
    adr     x4, failed
    str     x4, [x2, #UCONTEXT_PC]
    ret
restore:
    mov     x8, #SIGRETURN
    svc     #0

    .balign 4096
slot:
    nop
    b       back
    .balign 4096
    .ltorg

    .data
    .balign 8
action:
    .quad   caught, 0x04000004, restore, 0   // SA_SIGINFO | SA_RESTORER
    .bss
    .balign 4096
record:
    .space  RECORD_BYTES
    .space  4096
