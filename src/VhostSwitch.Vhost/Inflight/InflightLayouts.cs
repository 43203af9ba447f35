using System.Runtime.InteropServices;

namespace VhostSwitch.Vhost.Inflight;

/// <summary>A split ring's part of an inflight area (vhost-user, "Inflight I/O tracking"): this header, then one entry a descriptor.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct SplitInflightLayout
{
    /// <summary>The layout's version; 0 in memory that nobody has initialised.</summary>
    public const ushort CurrentVersion = 1;

    /// <summary>No feature is defined.</summary>
    public ulong Features;

    /// <summary><see cref="CurrentVersion"/> or 0.</summary>
    public ushort Version;

    /// <summary>The number of entries, which is the ring's size.</summary>
    public ushort DescriptorCount;

    /// <summary>The head of the buffer that was completed last, from which <see cref="Entry.Next"/> leads to the others of its batch.</summary>
    public ushort LastBatchHead;

    /// <summary>The used index up to which all is noted.</summary>
    public ushort UsedIndex;

    /// <summary>The length of a part in bytes.</summary>
    /// <param name="size">The ring's number of entries.</param>
    public static int LengthFor(int size) => sizeof(SplitInflightLayout) + (size * sizeof(Entry));

    /// <summary>The buffer of one head descriptor.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct Entry
    {
        /// <summary>1 while the buffer is taken and not given back.</summary>
        public byte Inflight;

        // Five bytes: a wider field here would move what follows.
        private fixed byte _padding[5];

        /// <summary>The buffer completed before this one in its batch.</summary>
        public ushort Next;

        /// <summary>When the buffer was taken: buffers are taken again in this order.</summary>
        public ulong Counter;
    }
}

/// <summary>A packed ring's part of an inflight area: this header, then one entry a descriptor.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
public unsafe struct PackedInflightLayout
{
    /// <summary>No feature is defined.</summary>
    public ulong Features;

    /// <summary><see cref="SplitInflightLayout.CurrentVersion"/> or 0.</summary>
    public ushort Version;

    /// <summary>The number of entries, which is the ring's size.</summary>
    public ushort DescriptorCount;

    /// <summary>The first free entry; the others follow by <see cref="Entry.Next"/>.</summary>
    public ushort FreeHead;

    /// <summary><see cref="FreeHead"/> before what is being done now.</summary>
    public ushort OldFreeHead;

    /// <summary>Where the next used descriptor goes.</summary>
    public ushort UsedIndex;

    /// <summary><see cref="UsedIndex"/> before what is being done now.</summary>
    public ushort OldUsedIndex;

    /// <summary>The wrap counter of <see cref="UsedIndex"/>.</summary>
    public byte UsedWrap;

    /// <summary>The wrap counter of <see cref="OldUsedIndex"/>.</summary>
    public byte OldUsedWrap;

    /// <summary>The length of a part in bytes.</summary>
    /// <param name="size">The ring's number of entries.</param>
    public static int LengthFor(int size) => sizeof(PackedInflightLayout) + (size * sizeof(Entry));

    /// <summary>A copy of one descriptor of a buffer that is taken; the ring's own may be overwritten by used ones.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Entry
    {
        /// <summary>1 in a buffer's first entry while the buffer is taken and not given back.</summary>
        public byte Inflight;

        private readonly byte _padding;

        /// <summary>The next entry of the buffer, or of the free ones.</summary>
        public ushort Next;

        /// <summary>In a buffer's first entry: its last one.</summary>
        public ushort Last;

        /// <summary>In a buffer's first entry: how many it has.</summary>
        public ushort Count;

        /// <summary>In a buffer's first entry: when it was taken.</summary>
        public ulong Counter;

        /// <summary>The buffer's id.</summary>
        public ushort Id;

        /// <summary>The descriptor's flags.</summary>
        public ushort Flags;

        /// <summary>The descriptor's length.</summary>
        public uint Length;

        /// <summary>The descriptor's address.</summary>
        public ulong Address;
    }
}
