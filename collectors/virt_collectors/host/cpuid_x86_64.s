# void cpuid(uint32_t leaf /* edi */, uint32_t answer[4] /* rsi */), System V AMD64 ABI.
#
# cpuid_x86_64.bin is this and nothing else, 27 bytes. To make it anew:
#     as -o cpuid.o cpuid_x86_64.s && objcopy -O binary -j .text cpuid.o cpuid_x86_64.bin
# tests/test_cpuid.py holds the bytes in the right column against the file.
    .text
    push %rbx               # 53            the ABI keeps rbx for the caller, cpuid writes it
    mov  %rsi, %r8          # 49 89 f0
    mov  %edi, %eax         # 89 f8         leaf
    xor  %ecx, %ecx         # 31 c9         subleaf 0
    cpuid                   # 0f a2
    mov  %eax, (%r8)        # 41 89 00
    mov  %ebx, 4(%r8)       # 41 89 58 04
    mov  %ecx, 8(%r8)       # 41 89 48 08
    mov  %edx, 12(%r8)      # 41 89 50 0c
    pop  %rbx               # 5b
    ret                     # c3
