using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost;

/// <summary>
/// Where the parts of a ring are mapped here: each whole in one piece, checked with its length. A packed ring has its
/// descriptors and, in place of available and used ring, the driver's and the device's event suppression area.
/// </summary>
public readonly unsafe struct RingParts
{
    private RingParts(byte* descriptors, byte* available, byte* used, Lengths lengths, bool packed)
    {
        UsedLength = lengths.Used;
        IsPacked = packed;
        Descriptors = descriptors;
        Available = available;
        Used = used;
    }

    /// <summary>The descriptor table.</summary>
    public byte* Descriptors { get; }

    /// <summary>The available ring, or what the driver says of notifications.</summary>
    public byte* Available { get; }

    /// <summary>The used ring, or what the device says of notifications.</summary>
    public byte* Used { get; }

    /// <summary>The length in bytes of what <see cref="Used"/> points to.</summary>
    public uint UsedLength { get; }

    /// <summary>True for a packed ring.</summary>
    public bool IsPacked { get; }

    /// <summary>True where every part is aligned as VIRTIO 1.2, 2.7 and 2.8 demand; without it accesses would not be atomic.</summary>
    public bool AreAligned => IsPacked
        ? (nuint)Descriptors % PackedLayout.RingAlignment == 0 && (nuint)Available % PackedLayout.EventAlignment == 0 && (nuint)Used % PackedLayout.EventAlignment == 0
        : (nuint)Descriptors % SplitLayout.DescriptorAlignment == 0 && (nuint)Available % SplitLayout.AvailableAlignment == 0 && (nuint)Used % SplitLayout.UsedAlignment == 0;

    /// <summary>Translates the parts of a ring.</summary>
    /// <param name="translate">Gives the address here of a whole range, or null.</param>
    /// <param name="addresses">The parts as the front-end names them.</param>
    /// <param name="size">The ring's number of entries.</param>
    /// <param name="packed">True for a packed ring.</param>
    /// <param name="parts">The parts here, where they are mapped.</param>
    /// <returns>False when a part is not wholly in one piece.</returns>
    public static bool TryTranslate(Translation translate, VringAddresses addresses, int size, bool packed, out RingParts parts)
    {
        var lengths = Lengths.Of(size, packed);
        parts = new RingParts(translate(addresses.Descriptor, lengths.Descriptors), translate(addresses.Available, lengths.Available), translate(addresses.Used, lengths.Used), lengths, packed);
        return parts.Descriptors != null && parts.Available != null && parts.Used != null;
    }

    /// <summary>The lengths of a ring's parts in bytes.</summary>
    /// <param name="Descriptors">The descriptor table or ring.</param>
    /// <param name="Available">What the driver writes.</param>
    /// <param name="Used">What the device writes.</param>
    internal readonly record struct Lengths(uint Descriptors, uint Available, uint Used)
    {
        internal static Lengths Of(int size, bool packed) => packed
            ? new(PackedLayout.RingLength(size), PackedLayout.EventLength, PackedLayout.EventLength)
            : new(SplitLayout.DescriptorTableLength(size), SplitLayout.AvailableLength(size), SplitLayout.UsedLength(size));
    }

    /// <summary>Translates a range that a part of a ring occupies.</summary>
    /// <param name="address">Where it starts.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <returns>The address here; null when the range is not wholly in one piece.</returns>
    public delegate byte* Translation(ulong address, ulong length);
}
