using VhostSwitch.Vhost;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.TestKit.Guest;

/// <summary>Where the parts of a split ring lie, in guest-physical addresses.</summary>
/// <param name="Size">The number of entries.</param>
/// <param name="Descriptors">The descriptor table.</param>
/// <param name="Available">The available ring.</param>
/// <param name="Used">The used ring.</param>
public readonly record struct SplitRingPlace(int Size, ulong Descriptors, ulong Available, ulong Used)
{
    /// <summary>The same place in addresses of the front-end.</summary>
    public VringAddresses FrontEndAddresses =>
        new(GuestMemoryMap.FrontEndAddress(Descriptors), GuestMemoryMap.FrontEndAddress(Available), GuestMemoryMap.FrontEndAddress(Used));

    /// <summary>Sets memory aside for a ring.</summary>
    /// <param name="memory">Where.</param>
    /// <param name="size">The number of entries.</param>
    public static SplitRingPlace In(GuestMemoryMap memory, int size) => new(
        size,
        memory.Allocate(SplitLayout.DescriptorTableLength(size)),
        memory.Allocate(SplitLayout.AvailableLength(size)),
        memory.Allocate(SplitLayout.UsedLength(size)));
}
