using System.Runtime.InteropServices;

namespace VhostSwitch.Virtio.Split;

/// <summary>One entry of a used ring (VIRTIO 1.2, 2.7.8), 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct UsedElement
{
    /// <summary>The index of the chain's first descriptor.</summary>
    public uint Id;

    /// <summary>How many bytes the device wrote into the chain.</summary>
    public uint Length;
}

/// <summary>Where the parts of a split ring lie (VIRTIO 1.2, 2.7): sizes and offsets in bytes for a ring of n entries.</summary>
public static class SplitLayout
{
    /// <summary>The most entries a ring may have; always a power of two.</summary>
    public const int MaxSize = 32768;

    /// <summary>Length of one descriptor.</summary>
    public const int DescriptorSize = 16;

    /// <summary>Offset of the first entry of the available and of the used ring, after flags and index.</summary>
    public const int EntriesOffset = 4;

    /// <summary>Offset of the index in the available and in the used ring, after the flags.</summary>
    public const int IndexOffset = 2;

    /// <summary>Available ring flag: the driver wants no interrupt.</summary>
    public const ushort NoInterrupt = 1;

    /// <summary>Used ring flag: the device wants no kick.</summary>
    public const ushort NoNotify = 1;

    /// <summary>Alignment in bytes of the descriptor table.</summary>
    public const int DescriptorAlignment = 16;

    /// <summary>Alignment in bytes of the available ring.</summary>
    public const int AvailableAlignment = 2;

    /// <summary>Alignment in bytes of the used ring.</summary>
    public const int UsedAlignment = 4;

    /// <summary>Length of the descriptor table.</summary>
    /// <param name="n">The number of entries.</param>
    public static uint DescriptorTableLength(int n) => (uint)(DescriptorSize * n);

    /// <summary>Length of the available ring, with the event index behind it.</summary>
    /// <param name="n">The number of entries.</param>
    public static uint AvailableLength(int n) => (uint)(EntriesOffset + (sizeof(ushort) * n) + sizeof(ushort));

    /// <summary>Length of the used ring, with the event index behind it.</summary>
    /// <param name="n">The number of entries.</param>
    public static uint UsedLength(int n) => (uint)(EntriesOffset + (8 * n) + sizeof(ushort));

    /// <summary>Offset of the driver's event index (<c>used_event</c>) in the available ring.</summary>
    /// <param name="n">The number of entries.</param>
    public static int UsedEventOffset(int n) => EntriesOffset + (sizeof(ushort) * n);

    /// <summary>Offset of the device's event index (<c>avail_event</c>) in the used ring.</summary>
    /// <param name="n">The number of entries.</param>
    public static int AvailEventOffset(int n) => EntriesOffset + (8 * n);

    /// <summary>True for a size that a split ring can have.</summary>
    /// <param name="n">The number of entries.</param>
    public static bool IsValidSize(uint n) => n is > 0 and <= MaxSize && (n & (n - 1)) == 0;
}
