# void repeat(uint64_t times /* rdi */, long (*function)(long, long, long) /* rsi */, long a, long b, long c)
# calls function(a, b, c) so many times, at least once. System V AMD64 ABI. Its last byte is a function that does nothing.
#
# repeat_x86_64.bin is this and nothing else. To make it anew:
#     as -o repeat.o repeat_x86_64.s && objcopy -O binary -j .text repeat.o repeat_x86_64.bin
# tests/test_measure_probes.py holds the bytes in the right column against the file.
    .text
    push %rbx               # 53            what the function must keep holds what we need after it;
    push %rbp               # 55            five of them leave the stack aligned to 16
    push %r12               # 41 54
    push %r13               # 41 55
    push %r14               # 41 56
    mov  %rdi, %rbx         # 48 89 fb
    mov  %rsi, %rbp         # 48 89 f5
    mov  %rdx, %r12         # 49 89 d4
    mov  %rcx, %r13         # 49 89 cd
    mov  %r8, %r14          # 4d 89 c6
again:
    mov  %r12, %rdi         # 4c 89 e7
    mov  %r13, %rsi         # 4c 89 ee
    mov  %r14, %rdx         # 4c 89 f2
    xor  %eax, %eax         # 31 c0         no vector registers, for functions like syscall(2) that take "..."
    call *%rbp              # ff d5
    dec  %rbx               # 48 ff cb
    jne  again              # 75 ee
    pop  %r14               # 41 5e
    pop  %r13               # 41 5d
    pop  %r12               # 41 5c
    pop  %rbp               # 5d
    pop  %rbx               # 5b
    ret                     # c3
