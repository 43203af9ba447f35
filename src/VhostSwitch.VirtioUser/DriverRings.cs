using VhostSwitch.Linux;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.VirtioUser;

/// <summary>Where the parts of one ring lie. A packed ring has its entries first, then the driver's event suppression area and the device's.</summary>
internal unsafe struct RingParts
{
    /// <summary>The descriptor table.</summary>
    public byte* Descriptors;

    /// <summary>The available ring.</summary>
    public byte* Available;

    /// <summary>The used ring.</summary>
    public byte* Used;
}

/// <summary>
/// The places of a device's rings in shared memory, and the eventfds beside them. They outlive the rings themselves, which are made anew there.
/// </summary>
internal sealed unsafe class DriverRings : IDisposable
{
    /// <summary>Of each queue pair, in this order (VIRTIO 1.2, 5.1.2).</summary>
    internal const int ReceiveRing = 0;

    /// <summary>The other one.</summary>
    internal const int TransmitRing = 1;

    /// <summary>How many rings a pair has.</summary>
    internal const int RingsOfAPair = 2;

    /// <summary>
    /// Where a packed ring starts, for both sides: entry 0, wrap counter 1. The available position is the lower half and the used
    /// one the upper, as the vhost-user specification has it; DPDK sends 0x8000 and reads no more than that.
    /// </summary>
    internal const uint PackedStart = PackedLayout.WrapBit | ((uint)PackedLayout.WrapBit << 16);

    // Ring parts start on lines of their own, two at a time as processors fetch them: the sides write different parts. The used
    // ring starts 4 bytes before such a boundary, so that no entry straddles two lines. A packed ring has the place of the
    // descriptor table, and its event suppression areas, driver's first, have those of the available and the used ring.
    private const nuint PartAlignment = 128;
    private const nuint UsedOffset = PartAlignment - SplitLayout.EntriesOffset;

    private readonly RingParts[] _parts;

    /// <summary>Takes the places out of the first region.</summary>
    /// <param name="memory">The memory; has room for <see cref="LengthFor"/> bytes.</param>
    /// <param name="pairs">How many queue pairs.</param>
    /// <param name="size">The entries of each ring.</param>
    /// <exception cref="LinuxException">No descriptor is left.</exception>
    internal DriverRings(DriverMemory memory, int pairs, int size)
    {
        Size = size;
        Count = RingsOfAPair * pairs;
        _parts = new RingParts[Count];
        Kicks = new FileDescriptor[Count];
        Calls = new FileDescriptor[Count];
        try
        {
            for (int ring = 0; ring < Count; ring++)
            {
                _parts[ring] = new RingParts
                {
                    Descriptors = memory.Take(0, SplitLayout.DescriptorTableLength(size), PartAlignment),
                    Available = memory.Take(0, SplitLayout.AvailableLength(size), PartAlignment),
                    Used = memory.Take(0, SplitLayout.UsedLength(size), PartAlignment, UsedOffset),
                };
                Kicks[ring] = EventFd.Create();
                Calls[ring] = EventFd.Create();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many rings there are.</summary>
    internal int Count { get; }

    /// <summary>The entries of each ring.</summary>
    internal int Size { get; }

    /// <summary>By ring: where the driver notifies the device.</summary>
    internal FileDescriptor[] Kicks { get; }

    /// <summary>By ring: where the device notifies the driver.</summary>
    internal FileDescriptor[] Calls { get; }

    /// <summary>The memory that so many rings take, in bytes.</summary>
    internal static nuint LengthFor(int pairs, int size)
    {
        nuint one = SplitLayout.DescriptorTableLength(size) + SplitLayout.AvailableLength(size) + SplitLayout.UsedLength(size) + (4 * PartAlignment);
        return ((nuint)(RingsOfAPair * pairs) * one) + VirtioUserOptions.BufferUnit;
    }

    /// <summary>Where a ring lies.</summary>
    internal ref readonly RingParts PartsOf(int ring) => ref _parts[ring];

    /// <summary>Makes an empty split ring. No device must know of it.</summary>
    internal SplitDriverRing MakeSplit(int ring, Features features)
    {
        ref readonly var parts = ref _parts[ring];
        bool eventIndex = (features & Features.EventIdx) != 0, inOrder = (features & Features.InOrder) != 0;
        return new(parts.Descriptors, parts.Available, parts.Used, Size, eventIndex, inOrder);
    }

    /// <summary>Makes an empty packed ring. No device must know of it.</summary>
    internal PackedDriverRing MakePacked(int ring, Features features)
    {
        ref readonly var parts = ref _parts[ring];
        bool eventIndex = (features & Features.EventIdx) != 0, inOrder = (features & Features.InOrder) != 0;
        return new(parts.Descriptors, parts.Available, parts.Used, Size, eventIndex, inOrder);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var kick in Kicks) kick?.Dispose();
        foreach (var call in Calls) call?.Dispose();
    }
}
