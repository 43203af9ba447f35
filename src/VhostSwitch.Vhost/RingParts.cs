using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost;

/// <summary>Where the parts of a split ring are mapped here: each whole in one region, checked with its length.</summary>
public readonly unsafe struct RingParts
{
    private RingParts(byte* descriptors, byte* available, byte* used)
    {
        Descriptors = descriptors;
        Available = available;
        Used = used;
    }

    /// <summary>The descriptor table.</summary>
    public byte* Descriptors { get; }

    /// <summary>The available ring.</summary>
    public byte* Available { get; }

    /// <summary>The used ring.</summary>
    public byte* Used { get; }

    /// <summary>True where every part is aligned as VIRTIO 1.2, 2.7 demands; without it accesses would not be atomic.</summary>
    public bool AreAligned =>
        (nuint)Descriptors % SplitLayout.DescriptorAlignment == 0 && (nuint)Available % SplitLayout.AvailableAlignment == 0 && (nuint)Used % SplitLayout.UsedAlignment == 0;

    /// <summary>Translates the parts of a ring.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="addresses">The parts as the front-end sees them.</param>
    /// <param name="size">The ring's number of entries.</param>
    /// <param name="parts">The parts here, where they are mapped.</param>
    /// <returns>False when a part is not wholly inside one region.</returns>
    public static bool TryTranslate(GuestMemory memory, VringAddresses addresses, int size, out RingParts parts)
    {
        parts = new RingParts(
            memory.TranslateFrontEnd(addresses.Descriptor, SplitLayout.DescriptorTableLength(size)),
            memory.TranslateFrontEnd(addresses.Available, SplitLayout.AvailableLength(size)),
            memory.TranslateFrontEnd(addresses.Used, SplitLayout.UsedLength(size)));
        return parts.Descriptors != null && parts.Available != null && parts.Used != null;
    }
}
