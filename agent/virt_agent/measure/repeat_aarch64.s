# void repeat(uint64_t times /* x0 */, long (*function)(long, long, long) /* x1 */, long a, long b, long c)
# calls function(a, b, c) so many times, at least once. AAPCS64. Its last instruction is a function that does nothing.
#
# repeat_aarch64.bin is this and nothing else. To make it anew:
#     aarch64-linux-gnu-as -o repeat.o repeat_aarch64.s
#     aarch64-linux-gnu-objcopy -O binary -j .text repeat.o repeat_aarch64.bin
# tests/test_measure_probes.py holds the bytes in the right column against the file.
    .text
    stp x29, x30, [sp, -64]!   // fd 7b bc a9
    stp x19, x20, [sp, 16]     // f3 53 01 a9  what the function must keep holds what we need after it
    stp x21, x22, [sp, 32]     // f5 5b 02 a9
    str x23, [sp, 48]          // f7 1b 00 f9
    mov x19, x0                // f3 03 00 aa
    mov x20, x1                // f4 03 01 aa
    mov x21, x2                // f5 03 02 aa
    mov x22, x3                // f6 03 03 aa
    mov x23, x4                // f7 03 04 aa
again:
    mov x0, x21                // e0 03 15 aa
    mov x1, x22                // e1 03 16 aa
    mov x2, x23                // e2 03 17 aa
    blr x20                    // 80 02 3f d6
    subs x19, x19, 1           // 73 06 00 f1
    b.ne again                 // 61 ff ff 54
    ldr x23, [sp, 48]          // f7 1b 40 f9
    ldp x21, x22, [sp, 32]     // f5 5b 42 a9
    ldp x19, x20, [sp, 16]     // f3 53 41 a9
    ldp x29, x30, [sp], 64     // fd 7b c4 a8
    ret                        // c0 03 5f d6
