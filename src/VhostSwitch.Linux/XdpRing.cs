using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// Where one of the four rings of an AF_XDP socket lies. Kernel and program advance a counter each, which are never cut to the ring's size.
/// </summary>
public unsafe struct XdpRing
{
    /// <summary>Counts what was put in; written by the side that puts in.</summary>
    public uint* Producer;

    /// <summary>Counts what was taken out; written by the other side.</summary>
    public uint* Consumer;

    /// <summary>Flags of the kernel, see <see cref="NeedWakeup"/>; of the fill and the transmit ring only.</summary>
    public uint* Flags;

    /// <summary>
    /// The entries: frame addresses (8 bytes each) of the fill and the completion ring, an <see cref="XdpDescriptor"/> each of the others.
    /// </summary>
    public void* Entries;

    /// <summary>How many entries there are; a power of two.</summary>
    public uint Size;

    /// <summary>In <see cref="Flags"/>: the kernel goes on with this ring only when it is woken up.</summary>
    public const uint NeedWakeup = XdpCalls.XDP_RING_NEED_WAKEUP;
}

/// <summary>A frame in the memory shared with the kernel: <c>struct xdp_desc</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct XdpDescriptor
{
    /// <summary>The frame's first byte, counted from the start of the memory.</summary>
    public ulong Address;

    /// <summary>Its length in bytes.</summary>
    public uint Length;

    /// <summary>0 for a frame in one piece.</summary>
    public uint Options;
}
