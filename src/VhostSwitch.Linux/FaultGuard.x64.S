// A SIGBUS handler for memory files that another process may make shorter while they are mapped (FaultGuard.cs). x86-64.
//
// void FaultGuard(int signal, siginfo_t *info, void *context)
//
// Looks the faulting address up in the table of guarded ranges. Found: puts zeroed memory of this process in place of the range's
// pages from the faulting one to the range's end, counts the fault in the range's entry, and returns: the instruction is tried
// again, and reads zeros or writes to nobody. Not found: goes on to the handler that was there before, with the same arguments.
//
// It runs on any thread at any instruction, also inside the runtime and the collector. So it calls nothing but the kernel, takes no
// lock, leaves errno alone (which belongs to the C library's wrappers) and changes no register that a C function must keep. The
// kernel has stepped over the red zone of whoever was interrupted.
//
// Why the rest of the range and not one page: whoever truncates the file can also have every second page touched, and single pages
// would be a mapping each, until the kernel allows no more of them (vm.max_map_count) and the process ends after all. Of the rest of
// the file nothing is mapped any more, so replacing it costs no more than replacing one page.
//
// The bytes are in FaultGuard.cs; a test assembles this file and compares.

        // The handler's pages begin with this code, and the table is at a fixed distance: a multiple of every page size.
        .set    TableDistance, 65536

        // The table: how many entries were ever used, the handler before this one, and entries from byte 32 on.
        .set    Used, 0
        .set    Previous, 8
        .set    Entries, 32

        // An entry. Start is written last, and is all ones in an entry that is free: no address is beyond it.
        .set    Start, 0
        .set    End, 8
        .set    PageSize, 16
        .set    Faults, 24
        .set    EntrySize, 32

        .set    SI_CODE, 8
        .set    SI_ADDR, 16
        .set    BUS_ADRERR, 2
        .set    SIGBUS, 7
        .set    SYS_mmap, 9
        .set    SYS_rt_sigaction, 13
        .set    SIG_IGN, 1
        .set    PROT_READ_WRITE, 3
        .set    MAP_PRIVATE_FIXED_ANONYMOUS_NORESERVE, 0x4032
        .set    MAX_ERRNO, 4095

        .text
FaultGuard:
        // Only a fault has an address; a signal that somebody sent has its sender there.
        cmpl    $BUS_ADRERR, SI_CODE(%rsi)
        jne     pass
        movq    SI_ADDR(%rsi), %r8
        leaq    FaultGuard+TableDistance(%rip), %r9
        movq    Used(%r9), %rcx
        addq    $Entries, %r9
next:
        subq    $1, %rcx
        jb      pass
        movq    Start(%r9), %rax
        movq    End(%r9), %r10
        movq    PageSize(%r9), %r11
        // The entry may be taken away and used again meanwhile; then its parts do not belong together. Loads stay in order here.
        cmpq    Start(%r9), %rax
        jne     skip
        cmpq    %rax, %r8
        jb      skip
        cmpq    %r10, %r8
        jb      found
skip:
        addq    $EntrySize, %r9
        jmp     next

found:
        // Counted first: whoever reads zeros can know why.
        lock incq Faults(%r9)
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        // From the start of the faulting page, of a size that this kind of mapping can be cut at.
        movq    %r11, %rdi
        negq    %rdi
        andq    %r8, %rdi
        movq    %r10, %rsi
        subq    %rdi, %rsi
        pushq   %r11
replace:
        movl    $PROT_READ_WRITE, %edx
        movl    $MAP_PRIVATE_FIXED_ANONYMOUS_NORESERVE, %r10d
        movq    $-1, %r8
        xorl    %r9d, %r9d
        movl    $SYS_mmap, %eax
        syscall
        cmpq    $-MAX_ERRNO, %rax
        jb      replaced
        // So much is not allowed to this process (limits, strict overcommit): the one page, then. Not even that: the old handler.
        cmpq    (%rsp), %rsi
        movq    (%rsp), %rsi
        jne     replace
        popq    %r11
        popq    %rdx
        popq    %rsi
        popq    %rdi
pass:
        movq    FaultGuard+TableDistance+Previous(%rip), %rax
        cmpq    $SIG_IGN, %rax
        jbe     default
        jmpq    *%rax

replaced:
        addq    $32, %rsp
        ret

default:
        // There was none: the default action is set again, and the instruction, tried again, ends the process.
        xorl    %eax, %eax
        pushq   %rax
        pushq   %rax
        pushq   %rax
        pushq   %rax
        movl    $SIGBUS, %edi
        movq    %rsp, %rsi
        xorl    %edx, %edx
        movl    $8, %r10d
        movl    $SYS_rt_sigaction, %eax
        syscall
        addq    $32, %rsp
        ret

        .section .note.GNU-stack,"",@progbits
