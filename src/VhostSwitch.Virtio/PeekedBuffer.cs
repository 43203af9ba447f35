using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio;

/// <summary>
/// A chain of a single descriptor on its way through a burst: what the driver said of it, read once, and what becomes of it. Private memory.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PeekedBuffer
{
    /// <summary>The descriptor, as a ring's <c>PeekBurst</c> has copied it.</summary>
    public Descriptor Descriptor;

    /// <summary>What names the chain when it is given back; a packed ring keeps it to itself.</summary>
    public uint Id;

    /// <summary>How many bytes were written into it, from its start.</summary>
    public uint Written;

    /// <summary>The buffer in this process, once its address was translated.</summary>
    public byte* Host;
}
