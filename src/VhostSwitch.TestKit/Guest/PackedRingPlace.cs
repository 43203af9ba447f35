using VhostSwitch.Vhost;
using VhostSwitch.Virtio.Packed;

namespace VhostSwitch.TestKit.Guest;

/// <summary>Where the parts of a packed ring lie, in guest-physical addresses.</summary>
/// <param name="Size">The number of entries.</param>
/// <param name="Descriptors">The descriptor ring.</param>
/// <param name="DriverEvent">The area in which the driver says when to call.</param>
/// <param name="DeviceEvent">The area in which the device says when to kick.</param>
public readonly record struct PackedRingPlace(int Size, ulong Descriptors, ulong DriverEvent, ulong DeviceEvent)
{
    /// <summary>The same place in addresses of the front-end, in the fields of a split ring (vhost-user, "Ring address").</summary>
    public VringAddresses FrontEndAddresses =>
        new(GuestMemoryMap.FrontEndAddress(Descriptors), GuestMemoryMap.FrontEndAddress(DriverEvent), GuestMemoryMap.FrontEndAddress(DeviceEvent));

    /// <summary>Sets memory aside for a ring.</summary>
    /// <param name="memory">Where.</param>
    /// <param name="size">The number of entries.</param>
    public static PackedRingPlace In(GuestMemoryMap memory, int size) => new(
        size,
        memory.Allocate(PackedLayout.RingLength(size)),
        memory.Allocate(PackedLayout.EventLength),
        memory.Allocate(PackedLayout.EventLength));
}
