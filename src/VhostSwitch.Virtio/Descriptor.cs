using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio;

/// <summary>
/// One buffer of a chain as the data path sees it, whichever ring it came from: a private copy, checked where it is used. Its
/// layout is the split ring's (VIRTIO 1.2, 2.7.5), which indirect tables of both rings share but for the last two fields.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct Descriptor
{
    /// <summary><see cref="Flags"/>: the chain goes on at <see cref="Next"/>.</summary>
    public const ushort HasNext = 1;

    /// <summary><see cref="Flags"/>: the device writes the buffer; otherwise it reads it.</summary>
    public const ushort Write = 2;

    /// <summary><see cref="Flags"/>: the buffer is a table of descriptors.</summary>
    public const ushort Indirect = 4;

    /// <summary>The buffer's guest-physical address.</summary>
    public ulong Address;

    /// <summary>The buffer's length in bytes.</summary>
    public uint Length;

    /// <summary><see cref="HasNext"/>, <see cref="Write"/>, <see cref="Indirect"/>; other bits mean nothing here.</summary>
    public ushort Flags;

    /// <summary>Where the chain goes on: a split descriptor's index in the same table, a packed descriptor's place in the ring.</summary>
    public ushort Next;
}
