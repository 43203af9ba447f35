using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VhostSwitch.VirtioUser;

/// <summary>The buffers of one queue: where each lies here and what the device calls it. Numbers are kept in private memory.</summary>
internal unsafe struct BufferPool
{
    // A cache line between two buffers. At multiples of 2 KiB the beginnings of all buffers would share two sets of a first-level cache, and push each
    // other out: a tenth of what a switch's pass costs (docs/performance/variants.md).
    private const int Spacing = 64;

    private readonly Entry[] _memory;
    private readonly Entry* _buffers;

    /// <summary>Carves the buffers out of shared memory, an equal share from every region.</summary>
    internal BufferPool(DriverMemory memory, int count, int bufferSize)
    {
        Count = count;
        BufferSize = bufferSize;
        _memory = GC.AllocateArray<Entry>(count, pinned: true);
        _buffers = (Entry*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
        for (int i = 0; i < count; i++)
        {
            int region = RegionOf(i, count, memory.Regions);
            byte* start = memory.Take(region, (nuint)(bufferSize + Spacing), Spacing);
            _buffers[i] = new Entry { Start = start, GuestAddress = memory.GuestAddress(region, start) };
        }
    }

    /// <summary>The number of buffers.</summary>
    internal int Count { get; }

    /// <summary>Bytes of one buffer, network header included.</summary>
    internal int BufferSize { get; }

    /// <summary>The memory that so many buffers take, in bytes.</summary>
    internal static nuint LengthFor(int count, int bufferSize) => (nuint)count * (nuint)(bufferSize + Spacing);

    /// <summary>How many of a queue's buffers lie in a region.</summary>
    internal static int CountIn(int region, int count, int regions) =>
        ((((region + 1) * count) + regions - 1) / regions) - (((region * count) + regions - 1) / regions);

    /// <summary>The first byte of a buffer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly byte* Start(int buffer) => _buffers[buffer].Start;

    /// <summary>The same byte's guest-physical address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly ulong GuestAddress(int buffer) => _buffers[buffer].GuestAddress;

    private static int RegionOf(int buffer, int count, int regions) => buffer * regions / count;

    private struct Entry
    {
        public byte* Start;
        public ulong GuestAddress;
    }
}
