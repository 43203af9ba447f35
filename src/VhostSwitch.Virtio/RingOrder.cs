using System.Runtime.CompilerServices;

namespace VhostSwitch.Virtio;

/// <summary>
/// Every ordering of accesses to shared rings, by purpose. Nothing else in the tree calls <see cref="Volatile"/> or
/// <see cref="Interlocked"/> on memory that a peer shares (VIRTIO 1.2, 2.7.7 and 2.7.13; docs/decisions/001-barriers.md).
/// </summary>
/// <remarks>
/// On x86-64 the acquire and release forms are plain moves; only <see cref="FenceBeforeNotifyCheck"/> is an instruction.
/// </remarks>
public static unsafe class RingOrder
{
    /// <summary>Reads an index that the peer advances. What the peer wrote before it advanced the index is visible afterwards.</summary>
    /// <param name="index">The peer's index, 2-byte aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort AcquireIndex(ushort* index) => Volatile.Read(ref *index);

    /// <summary>Advances an index that the peer reads. What was written before is visible to the peer when it sees the index.</summary>
    /// <param name="index">Our index, 2-byte aligned.</param>
    /// <param name="value">Its new value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PublishIndex(ushort* index, ushort value) => Volatile.Write(ref *index, value);

    /// <summary>Reads the flags of a packed descriptor. What the peer wrote before them is visible afterwards.</summary>
    /// <param name="flags">The flags, 2-byte aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort AcquireFlags(ushort* flags) => Volatile.Read(ref *flags);

    /// <summary>Writes the flags of a packed descriptor. What was written before is visible to the peer when it sees them.</summary>
    /// <param name="flags">The flags, 2-byte aligned.</param>
    /// <param name="value">Their new value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PublishFlags(ushort* flags, ushort value) => Volatile.Write(ref *flags, value);

    /// <summary>Writes length, id and flags of a used packed descriptor. What was written before is visible to the peer when it sees the flags.</summary>
    /// <param name="entry">The second half of the descriptor, 8-byte aligned.</param>
    /// <param name="value">Length, id and flags, the length lowest.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PublishUsed(ulong* entry, ulong value) => Volatile.Write(ref *entry, value);

    /// <summary>Reads a flag or event index with which the peer suppresses notifications.</summary>
    /// <param name="hint">The peer's field, 2-byte aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ReadHint(ushort* hint) => Volatile.Read(ref *hint);

    /// <summary>Reads an event suppression area, place and flags together.</summary>
    /// <param name="wish">The peer's area, 4-byte aligned; the place is the lower half.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ReadHint(uint* wish) => Volatile.Read(ref *wish);

    /// <summary>Writes an event suppression area, place and flags together.</summary>
    /// <param name="wish">Our area, 4-byte aligned.</param>
    /// <param name="value">The place in the lower half, the flags in the upper.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteHint(uint* wish, uint value) => Volatile.Write(ref *wish, value);

    /// <summary>Writes a flag or event index with which we suppress notifications.</summary>
    /// <param name="hint">Our field, 2-byte aligned.</param>
    /// <param name="value">Its new value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteHint(ushort* hint, ushort value) => Volatile.Write(ref *hint, value);

    /// <summary>
    /// Orders a store before a later load of another field, which no acquire or release does. Needed between publishing an
    /// index and reading the peer's suppression field, and between arming notifications and looking at the peer's index once
    /// more; without it both sides may go to sleep.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FenceBeforeNotifyCheck() => Interlocked.MemoryBarrier();
}
