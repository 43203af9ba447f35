using System.Runtime.CompilerServices;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// Every ordering of accesses to the rings of AF_XDP sockets, by purpose. The other side is the kernel, which orders its own the same way
/// (net/xdp/xsk_queue.h).
/// </summary>
internal static unsafe class XdpRingOrder
{
    /// <summary>Reads the counter of what the kernel has put in. The entries below it are visible afterwards.</summary>
    /// <param name="producer">The kernel's counter.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint AcquireProducer(uint* producer) => Volatile.Read(ref *producer);

    /// <summary>Gives entries back to the kernel, which may write over them from here on: they were read before.</summary>
    /// <param name="consumer">Our counter.</param>
    /// <param name="value">Its new value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReleaseConsumer(uint* consumer, uint value) => Volatile.Write(ref *consumer, value);

    /// <summary>Shows entries to the kernel. They, and the frames they name, were written before.</summary>
    /// <param name="producer">Our counter.</param>
    /// <param name="value">Its new value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PublishProducer(uint* producer, uint value) => Volatile.Write(ref *producer, value);

    /// <summary>
    /// Reads the kernel's wish to be woken up. Without a fence before it a "no" may be out of date: the kernel says yes, looks at our
    /// counter once more and sleeps; a fence between publishing the counter and this read is what makes one of the two see the other.
    /// </summary>
    /// <param name="flags">The kernel's flags.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ReadWish(uint* flags) => Volatile.Read(ref *flags);
}
