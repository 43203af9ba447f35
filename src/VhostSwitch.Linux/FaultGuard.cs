using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// The SIGBUS handler that lets this process outlive a peer that truncates a memory file: a table of guarded ranges, and the machine
/// code that looks faults up in it. The ranges are the control thread's; the handler runs on any thread.
/// </summary>
/// <remarks>
/// <para>
/// A handler in C# is not possible: the runtime does not enter managed code from a signal that was taken in managed code. So these are
/// the bytes of <c>FaultGuard.x64.S</c>, the only native code of this project; the comments there say what it does and why.
/// </para>
/// <para>
/// An entry is free while its start is beyond every address. It is taken by writing everything else and the start last, and freed by one
/// store to the start. The handler reads the start before and after the rest, so it never joins parts of two ranges.
/// </para>
/// </remarks>
internal static unsafe class FaultGuard
{
    /// <summary>
    /// The most ranges: half of the mappings that the kernel allows a process by default (vm.max_map_count), which a range needs up to
    /// two of. 509 memory slots for each of 64 devices.
    /// </summary>
    internal const int Capacity = 32768;

    // As in FaultGuard.x64.S.
    private const int TableDistance = 65536;
    private static readonly nuint Free = nuint.MaxValue;

    private static readonly Lock Guard = new();
    private static readonly PriorityQueue<int, int> FreeEntries = new();
    private static Table* _table;

    /// <summary>True where there is a handler for this processor. Elsewhere ranges are not guarded.</summary>
    internal static bool IsSupported => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>The handler: what the assembler makes of FaultGuard.x64.S.</summary>
    internal static ReadOnlySpan<byte> Code =>
    [
        0x83, 0x7e, 0x08, 0x02, 0x0f, 0x85, 0x84, 0x00, 0x00, 0x00, 0x4c, 0x8b, 0x46, 0x10, 0x4c, 0x8d, 0x0d, 0xeb, 0xff, 0x00,
        0x00, 0x49, 0x8b, 0x09, 0x49, 0x83, 0xc1, 0x20, 0x48, 0x83, 0xe9, 0x01, 0x72, 0x6c, 0x49, 0x8b, 0x01, 0x4d, 0x8b, 0x51,
        0x08, 0x4d, 0x8b, 0x59, 0x10, 0x49, 0x3b, 0x01, 0x75, 0x0a, 0x49, 0x39, 0xc0, 0x72, 0x05, 0x4d, 0x39, 0xd0, 0x72, 0x06,
        0x49, 0x83, 0xc1, 0x20, 0xeb, 0xda, 0xf0, 0x49, 0xff, 0x41, 0x18, 0x57, 0x56, 0x52, 0x4c, 0x89, 0xdf, 0x48, 0xf7, 0xdf,
        0x4c, 0x21, 0xc7, 0x4c, 0x89, 0xd6, 0x48, 0x29, 0xfe, 0x41, 0x53, 0xba, 0x03, 0x00, 0x00, 0x00, 0x41, 0xba, 0x32, 0x40,
        0x00, 0x00, 0x49, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, 0x45, 0x31, 0xc9, 0xb8, 0x09, 0x00, 0x00, 0x00, 0x0f, 0x05, 0x48,
        0x3d, 0x01, 0xf0, 0xff, 0xff, 0x72, 0x1e, 0x48, 0x3b, 0x34, 0x24, 0x48, 0x8b, 0x34, 0x24, 0x75, 0xd2, 0x41, 0x5b, 0x5a,
        0x5e, 0x5f, 0x48, 0x8b, 0x05, 0x73, 0xff, 0x00, 0x00, 0x48, 0x83, 0xf8, 0x01, 0x76, 0x07, 0xff, 0xe0, 0x48, 0x83, 0xc4,
        0x20, 0xc3, 0x31, 0xc0, 0x50, 0x50, 0x50, 0x50, 0xbf, 0x07, 0x00, 0x00, 0x00, 0x48, 0x89, 0xe6, 0x31, 0xd2, 0x41, 0xba,
        0x08, 0x00, 0x00, 0x00, 0xb8, 0x0d, 0x00, 0x00, 0x00, 0x0f, 0x05, 0x48, 0x83, 0xc4, 0x20, 0xc3,
    ];

    /// <summary>Guards a range; the first call installs the handler.</summary>
    /// <param name="start">The first byte, at a page's start.</param>
    /// <param name="length">The length in bytes, whole pages.</param>
    /// <param name="pageSize">What the mapping can be cut at, in bytes: the size of its huge pages, or the system's page size.</param>
    /// <returns>The range's entry.</returns>
    /// <exception cref="LinuxException">The table is full, or the handler cannot be installed.</exception>
    internal static int Add(byte* start, nuint length, nuint pageSize)
    {
        lock (Guard)
        {
            if (_table == null) _table = Install();
            // The lowest free entry, so that the handler has few to look at.
            if (!FreeEntries.TryDequeue(out int index, out _))
            {
                if (_table->Used == Capacity)
                    throw new LinuxException($"guarding a shared file: {Capacity} mappings are guarded already", Errno.ENOMEM);
                index = (int)_table->Used;
            }
            var entry = Entries + index;
            entry->End = (nuint)start + length;
            entry->PageSize = pageSize;
            entry->Faults = 0;
            Volatile.Write(ref entry->Start, (nuint)start);
            if (index == _table->Used) Volatile.Write(ref _table->Used, index + 1);
            return index;
        }
    }

    /// <summary>Guards a range no more. Call it before the range is unmapped: its addresses may be anyone's at once.</summary>
    /// <param name="index">The range's entry.</param>
    internal static void Remove(int index)
    {
        lock (Guard)
        {
            Volatile.Write(ref Entries[index].Start, Free);
            FreeEntries.Enqueue(index, index);
        }
    }

    /// <summary>How many faults there were in a range.</summary>
    /// <param name="index">The range's entry.</param>
    internal static ulong Faults(int index) => Volatile.Read(ref Entries[index].Faults);

    private static Entry* Entries => (Entry*)(_table + 1);

    private static Table* Install()
    {
        nuint length = TableDistance + (nuint)sizeof(Table) + (Capacity * (nuint)sizeof(Entry));
        const int Flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE;
        byte* memory = (byte*)Libc.mmap(null, length, Libc.PROT_READ | Libc.PROT_WRITE, Flags, -1, 0);
        if ((nint)memory == -1) throw LinuxException.Last("mmap of the SIGBUS handler");
        try
        {
            Code.CopyTo(new Span<byte>(memory, TableDistance));
            if (Libc.mprotect(memory, TableDistance, Libc.PROT_READ | Libc.PROT_EXEC) < 0)
                throw LinuxException.Last("making the SIGBUS handler executable");
            var table = (Table*)(memory + TableDistance);
            SetHandler(memory, table);
            return table;
        }
        catch
        {
            _ = Libc.munmap(memory, length);
            throw;
        }
    }

    private static void SetHandler(byte* handler, Table* table)
    {
        Libc.sigaction_t before;
        if (Libc.sigaction(Libc.SIGBUS, null, &before) < 0) throw LinuxException.Last("sigaction(SIGBUS)");
        // There before the handler is: it may be needed at once.
        table->Previous = before.sa_handler;
        var action = before;
        action.sa_handler = (nint)handler;
        // The handler before this one, the runtime's, is to find what it was installed with: its stack and its mask of blocked signals.
        bool passesOn = before.sa_handler is not (Libc.SIG_DFL or Libc.SIG_IGN);
        action.sa_flags = Libc.SA_SIGINFO | Libc.SA_RESTART | (passesOn ? before.sa_flags & (Libc.SA_ONSTACK | Libc.SA_NODEFER) : Libc.SA_ONSTACK);
        if (Libc.sigaction(Libc.SIGBUS, &action, null) < 0) throw LinuxException.Last("sigaction(SIGBUS)");
    }

    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct Table
    {
        public long Used;
        public nint Previous;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public nuint Start;
        public nuint End;
        public nuint PageSize;
        public ulong Faults;
    }
}
