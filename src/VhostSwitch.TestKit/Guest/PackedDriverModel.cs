using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// A driver of a packed ring, with its books, written from the specification alone: Offer and <see cref="TryTake"/> keep the
/// rules; <see cref="Entry"/> lets a test write whatever a hostile driver could.
/// </summary>
public sealed unsafe class PackedDriverModel
{
    private readonly Dictionary<ushort, int> _entriesById = [];
    private readonly byte* _ring;
    private readonly byte* _driverEvent;
    private readonly byte* _deviceEvent;
    private readonly ulong _start;
    private readonly bool _inOrder;
    private readonly Queue<ushort> _order = new();

    /// <summary>Sets memory aside for a ring and clears it.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="size">The number of entries.</param>
    /// <param name="inOrder">True where one used entry may tell of several buffers.</param>
    /// <param name="start">How many entries went before, in every ring since it was set up: where both sides begin.</param>
    public PackedDriverModel(GuestMemoryMap memory, int size, bool inOrder = false, ulong start = 0)
    {
        Size = size;
        RingAddress = memory.Allocate((ulong)size * 16);
        DriverEventAddress = memory.Allocate(4);
        DeviceEventAddress = memory.Allocate(4);
        _ring = memory.At(RingAddress);
        _driverEvent = memory.At(DriverEventAddress);
        _deviceEvent = memory.At(DeviceEventAddress);
        _inOrder = inOrder;
        _start = Available = Used = start;
        for (ulong at = start - Math.Min(start, (ulong)size); at < start; at++)
            Entry((int)(at % (ulong)size)) = new PackedDescriptor { Id = (ushort)(at % (ulong)size), Flags = UsedMark(at) };
    }

    /// <summary>The number of entries.</summary>
    public int Size { get; }

    /// <summary>The ring's guest address.</summary>
    public ulong RingAddress { get; }

    /// <summary>The guest address of what the driver says of notifications.</summary>
    public ulong DriverEventAddress { get; }

    /// <summary>The guest address of what the device says of notifications.</summary>
    public ulong DeviceEventAddress { get; }

    /// <summary>The ring in this process.</summary>
    public byte* Ring => _ring;

    /// <summary>How many entries the driver ever filled.</summary>
    public ulong Available { get; private set; }

    /// <summary>How many entries the driver ever took back.</summary>
    public ulong Used { get; private set; }

    /// <summary>Entries that can be filled.</summary>
    public int Free => Size - (int)(Available - Used);

    /// <summary>What the driver says of notifications.</summary>
    public ref EventSuppression DriverEvent => ref *(EventSuppression*)_driverEvent;

    /// <summary>What the device says of notifications.</summary>
    public ref EventSuppression DeviceEvent => ref *(EventSuppression*)_deviceEvent;

    /// <summary>Where the device begins.</summary>
    public PackedPosition First => PositionOf(_start);

    /// <summary>An entry, to be read or written.</summary>
    /// <param name="index">Its place.</param>
    public ref PackedDescriptor Entry(int index) => ref ((PackedDescriptor*)_ring)[index];

    /// <summary>A device on this ring.</summary>
    /// <param name="eventIndex">True where event indexes are negotiated.</param>
    /// <param name="at">Where it begins; where the driver did by default.</param>
    public PackedDeviceRing Device(bool eventIndex = false, PackedPosition? at = null) =>
        new(_ring, _driverEvent, _deviceEvent, Size, at ?? First, eventIndex, _inOrder);

    /// <summary>The place of an entry and its wrap counter, as messages and event areas have them.</summary>
    /// <param name="entries">How many entries went before it.</param>
    public PackedPosition PositionOf(ulong entries) =>
        new((ushort)((entries % (ulong)Size) | (Wrap(entries) ? 0x8000u : 0)));

    /// <summary>Makes a buffer available: its entries backwards, so that the first one shows all of it.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="parts">Its descriptors; the flag that links them is added.</param>
    public void OfferChain(ushort id, params ReadOnlySpan<PackedPart> parts)
    {
        if (parts.Length > Free) throw new InvalidOperationException($"{parts.Length} entries offered and {Free} free: no driver does this");
        for (int i = parts.Length - 1; i >= 0; i--)
        {
            ulong at = Available + (ulong)i;
            ref var entry = ref Entry((int)(at % (ulong)Size));
            entry.Address = parts[i].Address;
            entry.Length = parts[i].Length;
            entry.Id = id;
            int linked = i < parts.Length - 1 ? Descriptor.HasNext : 0;
            RingOrder.PublishFlags((ushort*)_ring + (8 * (int)(at % (ulong)Size)) + 7, (ushort)(parts[i].Flags | linked | AvailableMark(at)));
        }
        _entriesById.Add(id, parts.Length);
        _order.Enqueue(id);
        Available += (ulong)parts.Length;
    }

    /// <summary>Makes a buffer of one descriptor available.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="address">Any address.</param>
    /// <param name="length">Any length.</param>
    /// <param name="flags">Any flags.</param>
    public void Offer(ushort id, ulong address, uint length, ushort flags = 0) => OfferChain(id, [new PackedPart(address, length, flags)]);

    /// <summary>Takes back the next used entry. In order, one may tell of several buffers: all up to the one it names.</summary>
    /// <param name="used">What the device wrote.</param>
    /// <returns>The ids of the buffers that are the driver's again, in their order; none where nothing is used.</returns>
    public ushort[] TryTake(out PackedDescriptor used)
    {
        used = Entry((int)(Used % (ulong)Size));
        if ((used.Flags & 0x8080) != UsedMark(Used)) return [];
        var taken = new List<ushort>();
        do
        {
            ushort id = _inOrder ? _order.Dequeue() : used.Id;
            if (!_entriesById.Remove(id, out int entries))
                throw new InvalidOperationException($"the device gave back buffer {id}, which it does not have");
            Used += (ulong)entries;
            taken.Add(id);
        }
        while (taken[^1] != used.Id);
        return [.. taken];
    }

    private bool Wrap(ulong at) => at / (ulong)Size % 2 == 0;

    private ushort AvailableMark(ulong at) => (ushort)(Wrap(at) ? 0x0080 : 0x8000);

    private ushort UsedMark(ulong at) => (ushort)(Wrap(at) ? 0x8080 : 0);
}

/// <summary>One descriptor of a buffer in a packed ring.</summary>
/// <param name="Address">Any address.</param>
/// <param name="Length">Any length.</param>
/// <param name="Flags">Any flags.</param>
public readonly record struct PackedPart(ulong Address, uint Length, ushort Flags = 0);
