using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio.Packed;

/// <summary>One entry of a packed ring (VIRTIO 1.2, 2.8.13), 16 bytes. Driver and device write the same entries.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PackedDescriptor
{
    /// <summary><see cref="Flags"/>: made available in a round in which the driver's wrap counter was 1.</summary>
    public const ushort Available = 1 << 7;

    /// <summary><see cref="Flags"/>: used in a round in which the device's wrap counter was 1; the opposite while it is available.</summary>
    public const ushort Used = 1 << 15;

    /// <summary>The buffer's guest-physical address.</summary>
    public ulong Address;

    /// <summary>The buffer's length in bytes; in a used entry, the bytes the device wrote.</summary>
    public uint Length;

    /// <summary>The buffer's id; of a chain, that of its last entry.</summary>
    public ushort Id;

    /// <summary><see cref="Descriptor.HasNext"/>, <see cref="Descriptor.Write"/>, <see cref="Descriptor.Indirect"/>, <see cref="Available"/>, <see cref="Used"/>.</summary>
    public ushort Flags;
}

/// <summary>One of the two areas in which a side says when it wants to be notified (VIRTIO 1.2, 2.8.14), 4 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct EventSuppression
{
    /// <summary><see cref="Flags"/>: notify always.</summary>
    public const ushort Enable = 0;

    /// <summary><see cref="Flags"/>: do not notify.</summary>
    public const ushort Disable = 1;

    /// <summary><see cref="Flags"/>: notify when the entry that <see cref="OffsetWrap"/> names is passed. With <see cref="Features.EventIdx"/> only.</summary>
    public const ushort AtEntry = 2;

    /// <summary>Bits 0 to 14: an entry. Bit 15: the wrap counter of its round.</summary>
    public ushort OffsetWrap;

    /// <summary><see cref="Enable"/>, <see cref="Disable"/> or <see cref="AtEntry"/>.</summary>
    public ushort Flags;
}

/// <summary>Where the parts of a packed ring lie (VIRTIO 1.2, 2.8): sizes and offsets in bytes.</summary>
public static class PackedLayout
{
    /// <summary>The most entries a ring may have; any number up to it.</summary>
    public const int MaxSize = 32768;

    /// <summary>Length of one entry.</summary>
    public const int DescriptorSize = 16;

    /// <summary>Offset of the id in an entry, after address and length.</summary>
    public const int IdOffset = 12;

    /// <summary>Offset of the flags in an entry.</summary>
    public const int FlagsOffset = 14;

    /// <summary>Length of an event suppression area.</summary>
    public const int EventLength = 4;

    /// <summary>Offset of the flags in an event suppression area.</summary>
    public const int EventFlagsOffset = 2;

    /// <summary>Alignment in bytes of the ring.</summary>
    public const int RingAlignment = 16;

    /// <summary>Alignment in bytes of an event suppression area.</summary>
    public const int EventAlignment = 4;

    /// <summary>The bit of <see cref="EventSuppression.OffsetWrap"/>, and of a ring position in messages, that holds the wrap counter.</summary>
    public const ushort WrapBit = 1 << 15;

    /// <summary>Length of the ring.</summary>
    /// <param name="n">The number of entries.</param>
    public static uint RingLength(int n) => (uint)(DescriptorSize * n);

    /// <summary>True for a size that a packed ring can have.</summary>
    /// <param name="n">The number of entries.</param>
    public static bool IsValidSize(uint n) => n is > 0 and <= MaxSize;
}
